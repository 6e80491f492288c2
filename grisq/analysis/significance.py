"""Intervals for what a few trained seeds of one or several experiments measured on the expressions of a split.

A number is uncertain for two reasons: another training would give another model, and other pictures another score. One
interval takes both. The variances add up, that of the trainings from the spread between seeds, that of the pictures
from a bootstrap, and a t-quantile with Satterthwaite's degrees of freedom pays for how few seeds there are. Where it
promises 95 %, simulations with 3 and 5 seeds find a coverage of 95 to 96 % if both systems spread alike, and of 92 to
96 % if one spreads twelve times as much as the other, lowest where that one has three seeds. A bootstrap over seeds and
pictures covers 88 to 91 % with three seeds.

Expressions about the same picture are not independent, so pictures are resampled. Everything here works on the sums of
`grisq.evaluation.intervals.tally`, by seed, picture, scenario and column, (S, P, 3, C).
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import t

from grisq.evaluation.intervals import Difference
from grisq.evaluation.metrics import MCC, METRICS, metric_of
from grisq.runtime.errors import InputError


def contrast(
    systems: Sequence[np.ndarray],
    weights: Sequence[float],
    metric: str,
    *,
    same_trainings: bool = False,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Difference:
    """Compute a weighted sum of the systems' means over seeds, with its interval for new trainings and new pictures.

    With w_i the weights, s_i the standard deviation between the S_i seeds and V the variance over resampled pictures
    that no single training causes (all systems are measured on the same pictures),

    variance = sum_i w_i^2 s_i^2 / S_i + V

    and each term has its degrees of freedom: S_i - 1, and P - 1 for V. What a training makes of a picture by chance is
    in s_i already and therefore not in V.

    Args:
        systems: sums (S_i, P, 3, C) of the seeds of each, see `grisq.evaluation.intervals.tally`, on the same pictures.
        weights: one for each system.
        metric: a name of METRICS, or MCC.
        same_trainings: all are the same trained models under several rules, so the unit is the weighted sum of a seed.
        draws: number of resamples. Those without any sample of the metric are left out.
        seed: of the random numbers.
        level: coverage of the interval.

    Raises:
        InputError: if pictures differ, if there is no seed, if the numbers of seeds differ for the same trainings, or
            if the metric is unknown.
    """
    _check(systems, metric, same_trainings)
    of_pictures = _picture_weights(systems[0].shape[1], draws, np.random.default_rng(seed))
    units = [w * _values(each, metric) for w, each in zip(weights, systems, strict=True)]  # (S_i,)
    drawn = [w * _by_seed(each, of_pictures, metric) for w, each in zip(weights, systems)]  # (S_i, draws)
    if same_trainings:
        units, drawn = [sum(units)], [sum(drawn)]
    value = float(sum(each.mean() for each in units))
    if min(map(len, units)) < 2:
        return Difference(value, math.nan, math.nan)
    variances = [each.var(ddof=1) / len(each) for each in units] + [_shared_variance(drawn)]
    freedom = [len(each) - 1 for each in units] + [max(1, systems[0].shape[1] - 1)]
    return _t_interval(value, np.array(variances), np.array(freedom), level)


def difference(
    system: np.ndarray, reference: np.ndarray, metric: str, *, same_trainings: bool = False, **options
) -> Difference:
    """Compute how far a system lies above a reference: `contrast` with weights 1 and -1, whose options it takes."""
    return contrast((system, reference), (1.0, -1.0), metric, same_trainings=same_trainings, **options)


def interval(system: np.ndarray, metric: str, **options) -> Difference:
    """Compute a system's mean over seeds with its interval; options and errors as `contrast`.

    The interval is cut to the values that the metric can have: 0 to 100, or -100 to 100 for MCC.
    """
    return _within(contrast((system,), (1.0,), metric, **options), -100 if metric == MCC else 0)


def interval_of_shares(percentages: Sequence[float], samples: float, level: float = 0.95) -> Difference:
    """Compute the interval of a share of samples of which only the percentages are stored, one for each seed.

    The trainings' variance is that between seeds. The pictures' is binomial, with two successes and two failures added
    (Agresti and Coull), so it is not zero where every seed has 100 %; samples of one picture count as independent.

    Args:
        percentages: of the seeds, (S,).
        samples: how many samples a percentage is the share of; all seeds have the same ones.
        level: coverage of the interval.
    """
    values = np.asarray(percentages, dtype=float)
    value = float(values.mean())
    if len(values) < 2:
        return Difference(value, math.nan, math.nan)
    share = (value / 100 * samples + 2) / (samples + 4)
    variances = np.array([values.var(ddof=1) / len(values), 1e4 * share * (1 - share) / (samples + 4)])
    freedom = np.array([len(values) - 1, max(1.0, samples - 1)])
    return _within(_t_interval(value, variances, freedom, level), 0)


def _values(sums: np.ndarray, metric: str) -> np.ndarray:
    """The metric of every seed over all pictures. (S, P, 3, C) -> (S,)"""
    return metric_of(sums.sum(1), metric)


def _picture_weights(pictures: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """How often each picture occurs in each resample. -> (draws, P)"""
    return rng.multinomial(pictures, np.full(pictures, 1 / pictures), size=draws).astype(float)


def _by_seed(sums: np.ndarray, weights: np.ndarray, metric: str) -> np.ndarray:
    """The metric of every seed in every resample of pictures. (S, P, 3, C), (draws, P) -> (S, draws)"""
    return np.stack([metric_of(np.tensordot(weights, one, axes=1), metric) for one in sums])


def _t_interval(value: float, variances: np.ndarray, freedom: np.ndarray, level: float) -> Difference:
    """The interval of a sum of estimates with these variances, each with its degrees of freedom (Satterthwaite)."""
    total = variances.sum()
    if np.isnan(total):
        return Difference(value, math.nan, math.nan)
    if not total > 0:
        return Difference(value, value, value)
    error, effective = float(np.sqrt(total)), float(total**2 / (variances**2 / freedom).sum())
    half = error * t.ppf((1 + level) / 2, effective)
    return Difference(value, float(value - half), float(value + half), error, effective)


def _shared_variance(drawn: Sequence[np.ndarray]) -> float:
    """Variance over resamples of pictures that no single training causes: the mean covariance of different trainings.

    drawn: weighted values of each system (S_i, draws), of which the means over seeds are added up.
    """
    kept = ~np.isnan(np.concatenate(drawn)).any(0)
    if kept.sum() < 2:
        return 0.0
    of_means = np.atleast_2d(np.cov(np.stack([each[:, kept].mean(0) for each in drawn])))
    shared = of_means.sum() - of_means.trace()
    for each in drawn:
        covariance = np.cov(each[:, kept])  # (S, S)
        shared += (covariance.sum() - covariance.trace()) / (len(each) * (len(each) - 1))
    return max(0.0, float(shared))


def _within(found: Difference, lowest: float) -> Difference:
    ends = (float(np.clip(end, lowest, 100)) for end in (found.low, found.high))
    return Difference(found.value, *ends, found.error, found.freedom)


def _check(systems: Sequence[np.ndarray], metric: str, same_trainings: bool) -> None:
    if metric not in (*METRICS, MCC):
        raise InputError(f"There is no interval for {metric!r}: choose one of {', '.join((*METRICS, MCC))}.")
    if not all(map(len, systems)):
        raise InputError("There is no trained seed to compare: run the experiment first.")
    for other in systems[1:]:
        if other.shape[1:] != systems[0].shape[1:]:
            raise InputError(
                f"One system was measured on {systems[0].shape[1]} pictures, the other on {other.shape[1]}: compare "
                "results on the same data."
            )
        if same_trainings and len(other) != len(systems[0]):
            raise InputError("The same trainings have the same number of seeds: compare all of them under both rules.")
