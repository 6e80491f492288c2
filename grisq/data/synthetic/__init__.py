"""Pictures and expressions whose meaning is computed, written in gRefCOCO's layout."""
