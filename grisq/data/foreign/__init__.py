"""Other data sets of referring segmentation, converted into gRefCOCO's layout and out of it."""
