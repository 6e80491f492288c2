"""Inspection of annotations: what is certain is repaired, what is not is named and counted."""
