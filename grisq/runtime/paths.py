"""Paths: everything of the project starts from ROOT, so notebooks and commands run from any folder."""

import os
from pathlib import Path


def _root() -> Path:
    """Find `GRISQ_HOME` if it is set, else the checkout that holds this package, else the current folder."""
    if home := os.environ.get("GRISQ_HOME"):
        return Path(home).expanduser().resolve()
    checkout = Path(__file__).resolve().parents[2]
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()


ROOT = _root()
DATA = ROOT / "data"
FIGURES = ROOT / "figures"
NOTEBOOKS = ROOT / "notebooks"
RUNS = ROOT / "runs"
RESULTS = DATA / "results"  # of committed runs
COST = ROOT / "benchmarks" / "systems.json"  # time and memory of a training step of each system
EXPERIMENTS = RUNS / "experiments"  # training runs on this machine
OWN_RESULTS = EXPERIMENTS / "results"
BUNDLED_WEIGHTS = DATA / "models"
BUNDLED_MODEL = BUNDLED_WEIGHTS / "tiny"  # trained by `make model`
ENCODERS = BUNDLED_WEIGHTS / "encoders"  # pretrained by `make encoders`
