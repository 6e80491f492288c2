"""Whether a predicted probability can be read as a frequency: of the expressions with 0.8, are eight in ten present?"""

from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np
import pandas as pd

from grisq.runtime.errors import InputError

BINS = 10


class CalibrationBin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The expressions whose predicted probability lies in [low, high); the last bin includes 1."""

    low: float
    high: float
    n: int  # expressions
    predicted: float | None  # mean predicted probability; None for an empty bin
    observed: float | None  # share of them that is really present; None for an empty bin


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The calibration curve of a probability, in bins of equal width."""

    n: int  # expressions
    predicted: float  # mean predicted probability of all
    observed: float  # share of all that is really present
    # Expected calibration error (Naeini et al. 2015): the mean over expressions of |predicted - observed| of their bin.
    ece: float
    bins: tuple[CalibrationBin, ...]


def calibration(probabilities: Sequence[float], present: Sequence[bool], bins: int = BINS) -> Calibration:
    """Compare predicted probabilities with what is true.

    Args:
        probabilities: predicted for N expressions, 0 to 1, (N,).
        present: whether there is a target, (N,).
        bins: number of bins of equal width.

    Raises:
        InputError: if there is no expression, or a probability outside of 0 to 1.
    """
    p, y = np.asarray(probabilities, dtype=float), np.asarray(present, dtype=bool)
    if not len(p):
        raise InputError("There is no expression to calibrate on: give a split that has some.")
    if not ((p >= 0) & (p <= 1)).all():
        raise InputError("A probability lies outside of 0 to 1: give probabilities, not logits.")
    edges = np.arange(bins + 1) / bins
    place = np.searchsorted(edges[1:-1], p, side="right")  # (N,) number of the bin
    found = tuple(
        _bin(float(low), float(high), p[place == i], y[place == i]) for i, (low, high) in enumerate(pairwise(edges))
    )
    error = sum(each.n * abs(each.predicted - each.observed) for each in found if each.n) / len(p)
    return Calibration(len(p), float(p.mean()), float(y.mean()), float(error), found)


def calibration_table(found: Calibration) -> pd.DataFrame:
    """Format the curve in percent: a line for each bin that is not empty."""
    return pd.DataFrame(
        {
            "predicted probability": f"{each.low:.0%} to {each.high:.0%}",
            "expressions": each.n,
            "mean predicted": f"{each.predicted:.1%}",
            "really present": f"{each.observed:.1%}",
        }
        for each in found.bins
        if each.n
    )


def _bin(low: float, high: float, p: np.ndarray, y: np.ndarray) -> CalibrationBin:
    means = (float(p.mean()), float(y.mean())) if len(p) else (None, None)
    return CalibrationBin(low, high, len(p), *means)
