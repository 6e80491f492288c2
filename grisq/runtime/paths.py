"""Where things are: every path of the project starts here, so notebooks and commands run from anywhere."""

import os
from pathlib import Path


def _root() -> Path:
    """The checkout that holds this package, or `GRISQ_HOME`, or the current folder for an installed wheel."""
    if home := os.environ.get("GRISQ_HOME"):
        return Path(home).expanduser().resolve()
    checkout = Path(__file__).resolve().parents[2]
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()


ROOT = _root()
DATA = ROOT / "data"
FIGURES = ROOT / "figures"
NOTEBOOKS = ROOT / "notebooks"
RUNS = ROOT / "runs"
RESULTS = DATA / "results"  # of runs that are committed
COST = ROOT / "benchmarks" / "systems.json"  # of a training step of each system
EXPERIMENTS = RUNS / "experiments"  # training runs of experiments on this machine
OWN_RESULTS = EXPERIMENTS / "results"
BUNDLED_MODEL = DATA / "models" / "tiny"  # the trained model that comes with the project
