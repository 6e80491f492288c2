"""Data: gRefCOCO-format folders, synthetic ones included, from annotation files to batches (Sec. 4.1)."""
