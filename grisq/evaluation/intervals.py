"""How sure a number is that was measured once: intervals for other pictures of the same kind, by the bootstrap.

Expressions about the same picture are not independent, so pictures are resampled. What other trainings of the same
model would give is another question (`grisq.analysis.significance`); predictions in a file cannot answer it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from grisq.evaluation.metrics import metric_of
from grisq.evaluation.outcomes import add_up
from grisq.evaluation.protocols import Scores

_AT_ONCE = 2**20  # numbers of one block of resamples


@dataclass(frozen=True)
class Difference:
    """A difference between systems (or the level of one) with an interval."""

    value: float  # points of percent
    low: float  # nan where there is no interval, as for the mean over a single seed
    high: float
    error: float = math.nan  # standard error, where the interval is a t-interval
    freedom: float = math.nan  # its degrees of freedom

    @property
    def has_interval(self) -> bool:
        """Whether there is an interval."""
        return not math.isnan(self.low)

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0 or self.high < 0

    def describe(self) -> str:
        """Return `+8.6 (+6.1 to +11.0)`, or `+8.6 (no interval)`."""
        return f"{self.value:+.1f} " + (
            f"({self.low:+.1f} to {self.high:+.1f})" if self.has_interval else "(no interval)"
        )


def tally(images: np.ndarray, scores: Scores) -> np.ndarray:
    """Add up the scores of N expressions by picture.

    images: id of the picture of each expression, (N,). -> (P, 3, C), pictures in ascending order of their id.
    """
    _, picture = np.unique(images, return_inverse=True)
    return add_up(scores, picture)


def over_pictures(
    sums: np.ndarray,
    metrics: Sequence[str],
    *,
    minus: np.ndarray | None = None,
    epsilon: float = 0.0,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Difference]:
    """Compute metrics with percentile intervals over resampled pictures.

    Args:
        sums: by picture, scenario and column (P, 3, C), see `tally`.
        metrics: names of METRICS, or MCC.
        minus: sums of another system on the same pictures, whose metrics are subtracted; every resample has the same
            pictures for both (paired).
        epsilon: of the protocol.
        draws: number of resamples. Those without any sample of a metric are left out.
        seed: of the random numbers.
        level: coverage of the interval.
    """
    systems = [sums] if minus is None else [sums, minus]

    def values(of: Sequence[np.ndarray], metric: str) -> np.ndarray:
        parts = [metric_of(each, metric, epsilon) for each in of]
        return parts[0] if minus is None else parts[0] - parts[1]

    drawn: dict[str, list[np.ndarray]] = {metric: [] for metric in metrics}
    for weights in _resamples(len(sums), draws, np.random.default_rng(seed)):
        resampled = [np.tensordot(weights, each, axes=1) for each in systems]
        for metric in metrics:
            drawn[metric].append(values(resampled, metric))
    tails = [100 * (1 - level) / 2, 100 * (1 + level) / 2]
    found = {}
    for metric in metrics:
        value = float(values([each.sum(0) for each in systems], metric))
        kept = np.concatenate(drawn[metric])
        kept = kept[~np.isnan(kept)]
        low, high = np.percentile(kept, tails) if len(kept) and len(sums) > 1 else (math.nan, math.nan)
        found[metric] = Difference(value, float(low), float(high))
    return found


def _resamples(pictures: int, draws: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """How often each picture occurs in each resample, in blocks (some draws, P) of float"""
    block = max(1, _AT_ONCE // max(pictures, 1))
    for first in range(0, draws, block):
        number = min(block, draws - first)
        yield rng.multinomial(pictures, np.full(pictures, 1 / pictures), size=number).astype(float)
