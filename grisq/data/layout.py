"""gRefCOCO's layout on disk: where each file of a data set lies."""

from pathlib import Path

REFS = Path("grefcoco", "grefs(unc).json")
INSTANCES = Path("grefcoco", "instances.json")
IMAGES = Path("images", "train2014")
NOBODY = [-1]  # how gRefCOCO writes "no annotation" for a no-target expression
