"""One complete training made now, and where it lies among the stored ones of other seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import t

from grisq.config import Preset, from_dict
from grisq.data.grefcoco import GRefCOCO
from grisq.experiments import results
from grisq.experiments.queue import run_experiments
from grisq.experiments.results import Result
from grisq.experiments.selection import different_settings
from grisq.runtime.distributed import available_cores
from grisq.runtime.errors import InputError
from grisq.runtime.paths import EXPERIMENTS

METRICS = ("gIoU", "cIoU", "N-acc", "T-acc")
_ROUNDING = 1e-9  # points of percent


@dataclass(frozen=True)
class Place:
    """Where one metric of a fresh run lies among stored seeds, in percent on val under `rela`."""

    metric: str
    fresh: float
    same_seed: float  # of the stored run with the fresh run's seed; nan where there is none
    seeds: int  # of the others, which the fields below are about
    mean: float
    smallest: float
    largest: float
    low: float  # ends of the interval for one more training, cut to 0 ... 100; nan for fewer than two seeds
    high: float

    @property
    def has_interval(self) -> bool:
        """Whether there are enough seeds for an interval."""
        return not np.isnan(self.low)

    @property
    def inside(self) -> bool:
        """Whether the fresh run lies within the interval; False without one."""
        return bool(self.low - _ROUNDING <= self.fresh <= self.high + _ROUNDING)


def train_fresh_run(
    preset: Preset,
    data: GRefCOCO,
    *,
    experiment: str = "ours",
    seed: int = 0,
    threads: int | None = None,
    runs: Path = EXPERIMENTS,
    progress: bool = True,
) -> Result:
    """Train and measure one run on this machine; a finished one is read, an interrupted one resumes.

    Args:
        preset: that the experiment changes.
        data: the data set.
        experiment: a name of the registry.
        seed: of the training.
        threads: of the run on a CPU; by default one for each core. The stored runs had one.
        runs: folder of the training runs; results go to its folder `results`.
        progress: whether to draw a bar over the steps.

    Raises:
        InputError: as `run_experiments`.
    """
    out = Path(runs) / "results"
    chosen = {"seeds": [seed], "threads": threads or available_cores(), "runs": runs, "out": out}
    (path,) = run_experiments([experiment], preset, data, progress=progress, **chosen)
    return results.load(path)


def prediction_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Compute the interval for one more draw from the normal distribution that n values were drawn from.

    mean ± t(n - 1) s sqrt(1 + 1/n): wider than the interval for the mean, for it holds a single draw. Both ends are nan
    for fewer than two values.
    """
    drawn = np.asarray(values, dtype=float)
    n = len(drawn)
    if n < 2:
        return np.nan, np.nan
    half = t.ppf((1 + level) / 2, n - 1) * drawn.std(ddof=1) * np.sqrt(1 + 1 / n)
    return float(drawn.mean() - half), float(drawn.mean() + half)


def place_among_seeds(fresh: Result, stored: Sequence[Result]) -> list[Place]:
    """Say for each of METRICS on val where a fresh run lies among the stored seeds of the same experiment.

    The stored run of the same seed is shown and not counted among the others: on the same type of processor and with as
    many threads it is the fresh run itself, bit for bit, and would be compared with itself.

    Raises:
        InputError: if there is no other seed, or if a stored run differs in experiment, data, step or a setting.
    """
    for each in stored:
        _refuse_another_run(fresh, each)
    others = [each.metrics("val") for each in stored if each.seed != fresh.seed]
    if not others:
        raise InputError(f"There is no stored run of {fresh.experiment} with another seed: run more seeds first.")
    same = next((each.metrics("val") for each in stored if each.seed == fresh.seed), {})
    return [_place(metric, fresh.metrics("val")[metric], same, others) for metric in METRICS]


def _place(metric: str, fresh: float, same: dict[str, float], others: Sequence[dict[str, float]]) -> Place:
    values = np.array([each[metric] for each in others])
    low, high = np.clip(prediction_interval(values), 0, 100)
    spread = (float(each) for each in (values.mean(), values.min(), values.max(), low, high))
    return Place(metric, fresh, same.get(metric, np.nan), len(values), *spread)


def _refuse_another_run(fresh: Result, stored: Result) -> None:
    for name in ("experiment", "preset", "data", "step"):
        made, wanted = getattr(stored, name), getattr(fresh, name)
        if made != wanted:
            raise InputError(f"A stored run has the {name} {made!r} and the fresh one {wanted!r}: compare equal runs.")
    settings = (from_dict(Preset, each.settings, f"{each.experiment}: settings") for each in (stored, fresh))
    if different := different_settings(*settings):
        raise InputError(f"A stored run has another {different[0]} than the fresh one: compare equal runs.")
