"""Compare two experiments: a few trained seeds each, and the outcome of every expression of a split.

Expressions about the same picture are not independent. The bootstrap therefore resamples pictures, and the sign test
counts pictures. Everything here works on `tally`: sums by seed, picture, scenario and column, (S, P, 3, C).
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, t

from grisq.evaluation.metrics import METRICS, metric_of
from grisq.evaluation.outcomes import add_up
from grisq.evaluation.protocols import Scores
from grisq.runtime.errors import InputError


@dataclass(frozen=True)
class Difference:
    """The mean of a metric over the seeds of one system minus that of another, with an interval."""

    value: float  # points of percent
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0 or self.high < 0

    def describe(self) -> str:
        """Return `+8.6 (+6.1 to +11.0)`."""
        return f"{self.value:+.1f} ({self.low:+.1f} to {self.high:+.1f})"


@dataclass(frozen=True)
class SignTest:
    """On how many pictures one system is better than another."""

    wins: int
    losses: int
    ties: int
    p: float  # probability of a split at least as uneven if both were equal


def tally(images: np.ndarray, scores: Scores) -> np.ndarray:
    """Add up the scores of N expressions by picture.

    images: id of the picture of each expression, (N,). -> (P, 3, C), pictures in ascending order of their id.
    """
    _, picture = np.unique(images, return_inverse=True)
    return add_up(scores, picture)


def bootstrap_difference(
    system: np.ndarray,
    reference: np.ndarray,
    metric: str,
    *,
    same_trainings: bool = False,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Difference:
    """Compute how far a system lies above a reference in a metric, with a percentile interval.

    Resampled with replacement are the pictures, the same ones for both, and the seeds of each by themselves. Two or
    three seeds that are resampled vary less than as many new trainings would, so with few seeds the interval is too
    narrow; with one seed it knows nothing of training. `welch_difference` is about new trainings.

    Args:
        system: sums (S, P, 3, C) of its seeds, see `tally`.
        reference: the same of what it is compared with, (S', P, 3, C), on the same pictures.
        metric: a name of METRICS.
        same_trainings: both are the same trained models under two rules, so the same seeds are drawn for both.
        draws: number of resamples. Those without any sample of the metric are left out.
        seed: of the random numbers.
        level: coverage of the interval.

    Raises:
        InputError: if pictures differ, if there is no seed, or if the metric is unknown.
    """
    _check(system, reference, metric)
    rng = np.random.default_rng(seed)
    weights = _picture_weights(system.shape[1], draws, rng)
    chosen = rng.integers(len(system), size=(len(system), draws))
    drawn = _mean_of_chosen(_by_seed(system, weights, metric), chosen)
    if not same_trainings:
        chosen = rng.integers(len(reference), size=(len(reference), draws))
    drawn = drawn - _mean_of_chosen(_by_seed(reference, weights, metric), chosen)
    value = _values(system, metric).mean() - _values(reference, metric).mean()
    return _percentile_interval(value, drawn, level)


def interval(system: np.ndarray, metric: str, *, draws: int = 2000, seed: int = 0, level: float = 0.95) -> Difference:
    """Compute a system's mean over seeds with its percentile interval.

    Arguments, resampling and errors are those of `bootstrap_difference`, without a reference.
    """
    _check(system, system, metric)
    rng = np.random.default_rng(seed)
    weights = _picture_weights(system.shape[1], draws, rng)
    chosen = rng.integers(len(system), size=(len(system), draws))
    drawn = _mean_of_chosen(_by_seed(system, weights, metric), chosen)
    return _percentile_interval(_values(system, metric).mean(), drawn, level)


def welch_difference(
    system: np.ndarray,
    reference: np.ndarray,
    metric: str,
    *,
    same_trainings: bool = False,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Difference:
    """Compute how far a system lies above a reference, with a t-interval for new trainings and new pictures.

    Variances add up: of the mean over seeds of each system, s^2 / S as in Welch's test, and that which all trainings
    share because they are measured on the same pictures, from the bootstrap. The degrees of freedom are Welch's and
    Satterthwaite's, with P - 1 for the pictures, so a few seeds that differ much give a wide interval.

    Arguments are those of `bootstrap_difference`; with `same_trainings` the differences of the seeds are the unit.

    Raises:
        InputError: as `bootstrap_difference`, and if a system has a single seed, which has no spread.
    """
    _check(system, reference, metric)
    if min(len(system), len(reference)) < 2:
        raise InputError("A single seed has no spread: train at least two seeds of each, or use bootstrap_difference.")
    if same_trainings and len(system) != len(reference):
        raise InputError("The same trainings have the same number of seeds: compare all of them under both rules.")
    weights = _picture_weights(system.shape[1], draws, np.random.default_rng(seed))
    units = [_values(each, metric) for each in (system, reference)]  # (S,), (S',)
    drawn = [_by_seed(each, weights, metric) for each in (system, reference)]  # (S, draws), (S', draws)
    value = float(units[0].mean() - units[1].mean())
    if same_trainings:
        units, drawn = [units[0] - units[1]], [drawn[0] - drawn[1]]
    variances = np.array([each.var(ddof=1) / len(each) for each in units] + [_shared_variance(drawn)])
    freedom = np.array([len(each) - 1 for each in units] + [max(1, system.shape[1] - 1)])
    return _t_interval(value, variances, freedom, level)


def sign_test(system: np.ndarray, reference: np.ndarray, metric: str) -> SignTest:
    """Count on how many pictures a system is better, all its seeds together. Exact two-sided binomial test, no ties.

    It is about these trained models only: it knows neither how much better they are nor what other trainings would
    give. Pictures on which the metric is not defined for a system (N-acc where every expression has a target) are left
    out.

    Args:
        system: as `bootstrap_difference`.
        reference: as `bootstrap_difference`.
        metric: a name of METRICS.

    Raises:
        InputError: as `bootstrap_difference`.
    """
    _check(system, reference, metric)
    gain = metric_of(system.sum(0), metric) - metric_of(reference.sum(0), metric)  # (P,)
    gain = gain[~np.isnan(gain)].round(9)
    wins, losses = int((gain > 0).sum()), int((gain < 0).sum())
    p = float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0
    return SignTest(wins, losses, len(gain) - wins - losses, p)


def _values(sums: np.ndarray, metric: str) -> np.ndarray:
    """The metric of every seed over all pictures. (S, P, 3, C) -> (S,)"""
    return metric_of(sums.sum(1), metric)


def _picture_weights(pictures: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """How often each picture occurs in each resample. -> (draws, P)"""
    return rng.multinomial(pictures, np.full(pictures, 1 / pictures), size=draws).astype(float)


def _by_seed(sums: np.ndarray, weights: np.ndarray, metric: str) -> np.ndarray:
    """The metric of every seed in every resample of pictures. (S, P, 3, C), (draws, P) -> (S, draws)"""
    return np.stack([metric_of(np.tensordot(weights, one, axes=1), metric) for one in sums])


def _mean_of_chosen(by_seed: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The mean over the seeds that were chosen for each resample, both (S, draws). -> (draws,)"""
    return np.take_along_axis(by_seed, chosen, axis=0).mean(0)


def _t_interval(value: float, variances: np.ndarray, freedom: np.ndarray, level: float) -> Difference:
    """The interval of a sum of estimates with these variances, each with its degrees of freedom (Satterthwaite)."""
    total = variances.sum()
    if not total > 0:
        return Difference(value, value, value)
    half = np.sqrt(total) * t.ppf((1 + level) / 2, total**2 / (variances**2 / freedom).sum())
    return Difference(value, float(value - half), float(value + half))


def _shared_variance(drawn: list[np.ndarray]) -> float:
    """Variance over resamples of pictures that no single training causes: the mean covariance of different trainings.

    drawn: values of one system (S, draws), or of two, of which the second is subtracted.
    """
    kept = ~np.isnan(np.concatenate(drawn)).any(0)
    if kept.sum() < 2:
        return 0.0
    shared = -2 * np.cov(*(each[:, kept].mean(0) for each in drawn))[0, 1] if len(drawn) == 2 else 0.0
    for each in drawn:
        covariance = np.cov(each[:, kept])  # (S, S)
        shared += (covariance.sum() - covariance.trace()) / (len(each) * (len(each) - 1))
    return max(0.0, float(shared))


def _percentile_interval(value: float, drawn: np.ndarray, level: float) -> Difference:
    drawn, tail = drawn[~np.isnan(drawn)], 50 * (1 - level)
    low, high = np.percentile(drawn, [tail, 100 - tail]) if len(drawn) else (np.nan, np.nan)
    return Difference(float(value), float(low), float(high))


def _check(system: np.ndarray, reference: np.ndarray, metric: str) -> None:
    if metric not in METRICS:
        raise InputError(f"There is no interval for {metric!r}: choose one of {', '.join(METRICS)}.")
    if not len(system) or not len(reference):
        raise InputError("There is no trained seed to compare: run the experiment first.")
    if system.shape[1:] != reference.shape[1:]:
        raise InputError(
            f"One system was measured on {system.shape[1]} pictures, the other on {reference.shape[1]}: compare "
            "results on the same data."
        )
