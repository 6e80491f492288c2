"""Where a row's presence threshold belongs: what is left of a difference once every row has its own."""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score

from grisq.evaluation.outcomes import Samples
from grisq.runtime.errors import InputError

GRID = np.linspace(0, 1, 101)


class OwnThreshold(NamedTuple):
    """gIoU in percent with a threshold chosen on other pictures, and the two thresholds that were chosen."""

    giou: float
    chosen: tuple[float, float]


def giou_at(samples: Samples, threshold: float, keep: np.ndarray | None = None) -> float:
    """gIoU in percent under `rela` if presence needs this probability; of the expressions in `keep` (N,) bool.

    Errors: InputError for a model without presence head.
    """
    values = _values(samples, threshold)
    return float(100 * (values if keep is None else values[keep]).mean())


def giou_at_own_threshold(samples: Samples) -> OwnThreshold:
    """Two halves of the pictures: the threshold that is best on one is used on the other, and the reverse.

    So no expression is judged by a threshold that was chosen on its picture. Errors: as `giou_at`.
    """
    _, which = np.unique(samples.image, return_inverse=True)
    half, table = which % 2 == 0, np.stack([_values(samples, threshold) for threshold in GRID])  # (101, N)
    chosen = [GRID[table[:, side].mean(1).argmax()] for side in (half, ~half)]
    total = _values(samples, chosen[0])[~half].sum() + _values(samples, chosen[1])[half].sum()
    return OwnThreshold(float(100 * total / len(half)), (float(chosen[0]), float(chosen[1])))


def presence_area(samples: Samples, *, by_mask: bool = False) -> float:
    """Area under the ROC curve: how often a target gets a higher presence than no target does. A coin has 0.5.

    by_mask: the size of the mask takes the place of the probability; so it does for a model without presence head.
    """
    said = samples.predicted if by_mask or samples.presence is None else samples.presence
    return float(roc_auc_score(np.array(samples.target_count) > 0, said))


def _values(samples: Samples, threshold: float) -> np.ndarray:
    """What every expression adds to gIoU, (N,)."""
    if samples.presence is None:
        raise InputError("This model has no presence head, so there is no threshold to choose.")
    predicted, annotated, both = (
        np.array(column) for column in (samples.predicted, samples.annotated, samples.intersection)
    )
    iou = both / np.maximum(predicted + annotated - both, 1)
    said = np.array(samples.presence) >= threshold
    return np.where(np.array(samples.target_count) == 0, ~said, np.where(said, iou, 0.0))
