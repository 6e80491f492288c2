"""Is one experiment better than another? A few trained seeds each, and the outcome of every expression of a split.

Expressions of one picture are not independent, so pictures are what is drawn again and what is counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from grisq.evaluation.protocols import SampleScore
from grisq.runtime.errors import InputError

# Sums over the expressions of one picture.
COLUMNS = ("iou", "samples", "intersection", "union", "no_right", "no_samples", "target_right", "target_samples")
# Each metric: the sum above the line and the sum below it.
METRICS = {
    "gIoU": ("iou", "samples"),
    "cIoU": ("intersection", "union"),
    "N-acc": ("no_right", "no_samples"),
    "T-acc": ("target_right", "target_samples"),
}


@dataclass(frozen=True)
class Difference:
    """In points of a metric: the mean over seeds of one system minus that of another, and its interval."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0 or self.high < 0

    def describe(self) -> str:
        """`+8.6 (+6.1 to +11.0)`."""
        return f"{self.value:+.1f} ({self.low:+.1f} to {self.high:+.1f})"


@dataclass(frozen=True)
class SignTest:
    """On how many pictures one system is better, worse, the same; p of so uneven a split if both were equal."""

    wins: int
    losses: int
    ties: int
    p: float


def tally(images: np.ndarray, scores: Sequence[SampleScore]) -> np.ndarray:
    """Sums per picture, pictures in ascending order of their id. images (N,), N scores -> (pictures, 8)."""
    rows = np.array(
        [
            (
                score.iou,
                1,
                score.intersection,
                score.union,
                not score.target_present and not score.predicted_present,
                not score.target_present,
                score.target_present and score.predicted_present,
                score.target_present,
            )
            for score in scores
        ],
        dtype=float,
    )
    pictures, which = np.unique(images, return_inverse=True)
    sums = np.zeros((len(pictures), len(COLUMNS)))
    np.add.at(sums, which, rows)
    return sums


def metrics_of(sums: np.ndarray) -> dict[str, np.ndarray]:
    """gIoU, cIoU, N-acc and T-acc in percent from sums (..., 8) -> (...) each; nan where there is nothing to count."""
    return {name: _metric(sums, name) for name in METRICS}


def bootstrap_difference(
    of: np.ndarray,
    over: np.ndarray,
    metric: str,
    *,
    same_trainings: bool = False,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Difference:
    """How far `of` lies above `over` in a metric, with a percentile interval.

    Drawn again with replacement: pictures, the same ones for both systems, and the seeds of each system by
    themselves. Two or three seeds drawn again vary less than two or three new trainings would, so with few seeds the
    interval is too narrow on the side of training; with one seed it knows nothing of training at all.

    Args: of, over (seeds, pictures, 8) tallies on the same pictures; the number of seeds may differ. same_trainings:
    both are the same trained models under two rules, so the same seeds are drawn for both.
    Errors: InputError if pictures differ, there is no seed, or the metric is unknown.
    """
    _check(of, over, metric)
    rng = np.random.default_rng(seed)
    pictures = of.shape[1]
    counts = rng.multinomial(pictures, np.full(pictures, 1 / pictures), size=draws).astype(float)  # (draws, pictures)
    chosen = rng.integers(len(of), size=(len(of), draws))
    drawn = _means(of, counts, metric, chosen)
    if not same_trainings:
        chosen = rng.integers(len(over), size=(len(over), draws))
    drawn = drawn - _means(over, counts, metric, chosen)
    tail = 50 * (1 - level)
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Difference(_mean(of, metric) - _mean(over, metric), float(low), float(high))


def interval(of: np.ndarray, metric: str, *, draws: int = 2000, seed: int = 0, level: float = 0.95) -> Difference:
    """The mean over seeds of one system and its interval, drawn as in `bootstrap_difference`."""
    return bootstrap_difference(of, np.zeros((1, *of.shape[1:])), metric, draws=draws, seed=seed, level=level)


def sign_test(of: np.ndarray, over: np.ndarray, metric: str) -> SignTest:
    """On how many pictures is `of` better, all its seeds together? Exact two-sided binomial test without the ties.

    It knows nothing of how much better, nor of other pictures or trainings than these. Pictures on which the metric is
    not defined for a system (N-acc where every expression has a target) are left out.
    Args and errors: as `bootstrap_difference`.
    """
    _check(of, over, metric)
    gain = _metric(of.sum(0), metric) - _metric(over.sum(0), metric)
    gain = gain[~np.isnan(gain)].round(9)
    wins, losses = int((gain > 0).sum()), int((gain < 0).sum())
    p = float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0
    return SignTest(wins, losses, len(gain) - wins - losses, p)


def _metric(sums: np.ndarray, name: str) -> np.ndarray:
    above, below = (sums[..., COLUMNS.index(column)] for column in METRICS[name])
    return 100 * np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)


def _mean(tallies: np.ndarray, metric: str) -> float:
    if not tallies.any():  # the empty system of `interval`
        return 0.0
    return float(_metric(tallies.sum(1), metric).mean())


def _means(tallies: np.ndarray, counts: np.ndarray, metric: str, chosen: np.ndarray) -> np.ndarray:
    """The metric's mean over the chosen seeds (seeds, draws), for every draw of pictures. -> (draws,)"""
    if not tallies.any():
        return np.zeros(len(counts))
    each = np.stack([_metric(counts @ one, metric) for one in tallies])  # (seeds, draws)
    return np.take_along_axis(each, chosen, axis=0).mean(0)


def _check(of: np.ndarray, over: np.ndarray, metric: str) -> None:
    if metric not in METRICS:
        raise InputError(f"There is no interval for {metric!r}: choose one of {', '.join(METRICS)}.")
    if not len(of) or not len(over):
        raise InputError("There is no trained seed to compare: run the experiment first.")
    if of.shape[1:] != over.shape[1:]:
        raise InputError(
            f"One system was measured on {of.shape[1]} pictures, the other on {over.shape[1]}: compare results on the "
            "same data."
        )
