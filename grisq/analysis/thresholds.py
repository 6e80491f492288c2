"""Compare systems at their own best presence threshold instead of at 0.5."""

from typing import NamedTuple

import numpy as np

from grisq.analysis.probe import separation
from grisq.evaluation.outcomes import Samples
from grisq.runtime.errors import InputError

GRID = np.linspace(0, 1, 101)  # thresholds to choose from


class OwnThreshold(NamedTuple):
    """gIoU with thresholds that were chosen on other pictures."""

    giou: float  # percent
    chosen: tuple[float, float]  # for each half of the pictures the threshold that was chosen on it


def giou_at(samples: Samples, threshold: float, keep: np.ndarray | None = None) -> float:
    """Compute gIoU in percent under `rela` with a presence threshold.

    Args:
        samples: predictions of a split.
        threshold: least probability of presence that counts as "present".
        keep: the expressions that count, (N,) bool; None: all.

    Raises:
        InputError: for a model without presence head.
    """
    ious = _ious(samples, threshold)
    return float(100 * (ious if keep is None else ious[keep]).mean())


def giou_at_own_threshold(samples: Samples) -> OwnThreshold:
    """Compute gIoU with the threshold that suits the model, chosen by two-fold cross-validation over pictures.

    The threshold that is best on one half of the pictures is used on the other, and the reverse. So no expression is
    judged by a threshold that was chosen on its picture. Raises InputError for a model without presence head.
    """
    _, picture = np.unique(samples.image, return_inverse=True)
    half, table = picture % 2 == 0, np.stack([_ious(samples, threshold) for threshold in GRID])  # (101, N)
    chosen = [GRID[table[:, side].mean(1).argmax()] for side in (half, ~half)]
    total = _ious(samples, chosen[0])[~half].sum() + _ious(samples, chosen[1])[half].sum()
    return OwnThreshold(float(100 * total / len(half)), (float(chosen[0]), float(chosen[1])))


def presence_area(samples: Samples, *, by_mask: bool = False) -> float:
    """Compute the area under the ROC curve: how often a target gets a higher presence than no target does.

    A coin has 0.5. With `by_mask` the size of the mask replaces the probability, as it does for a model without
    presence head. Raises InputError if all expressions have a target, or none.
    """
    score = np.array(samples.predicted if by_mask or samples.presence is None else samples.presence)
    has_target = np.array(samples.target_count) > 0
    return separation(score[has_target], score[~has_target])


def _ious(samples: Samples, threshold: float) -> np.ndarray:
    """What every expression adds to gIoU, (N,)."""
    if samples.presence is None:
        raise InputError("This model has no presence head, so there is no threshold to choose.")
    return samples.scores("head", threshold).iou
