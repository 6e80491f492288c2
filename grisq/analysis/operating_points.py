"""What every threshold of presence buys and costs: N-acc, T-acc and gIoU, with the masks as they are (Sec. 3.4)."""

from typing import NamedTuple

import numpy as np

from grisq.runtime.errors import InputError


class OperatingPoints(NamedTuple):
    """Percentages at each threshold, each (K,)."""

    n_acc: np.ndarray
    t_acc: np.ndarray
    giou: np.ndarray  # as under `rela`: a missed target scores zero


def operating_points(score: np.ndarray, iou: np.ndarray, target: np.ndarray, thresholds: np.ndarray) -> OperatingPoints:
    """Judge the same predictions at several thresholds: "present" means score >= threshold.

    Args:
        score: (N,), the probability of presence, or anything else that is higher where a target is more likely.
        iou: (N,), 0 to 1, of the mask before the presence decision; not read where there is no target.
        target: (N,) bool, whether there is one.
        thresholds: (K,).

    Raises:
        InputError: all expressions have a target, or none has.
    """
    if target.all() or not target.any():
        raise InputError("N-acc and T-acc need expressions with and without a target: choose another split.")
    present = score >= np.asarray(thresholds)[:, None]  # (K, N)
    right = np.where(target, present * iou, ~present)
    return OperatingPoints(100 * (~present[:, ~target]).mean(1), 100 * present[:, target].mean(1), 100 * right.mean(1))
