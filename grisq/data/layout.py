"""gRefCOCO's layout on disk: where each file of a data set lies."""

from pathlib import Path

REFS = Path("grefcoco", "grefs(unc).json")
INSTANCES = Path("grefcoco", "instances.json")
IMAGES = Path("images", "train2014")
PAIRS = Path("pairs.json")  # of a set of counterfactual pairs: which refs belong together
COUNTERFACTUAL = "-counterfactual"  # follows the name of the set that the pairs are made from
NOBODY = [-1]  # how gRefCOCO writes "no annotation" for a no-target expression
