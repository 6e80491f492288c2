"""Compare systems at their own best threshold of presence instead of at 0.5, or of the mask's size instead of 50."""

from typing import Literal, NamedTuple

import msgspec
import numpy as np
from sklearn.metrics import roc_curve

from grisq.analysis.probe import separation
from grisq.evaluation.outcomes import Samples
from grisq.evaluation.protocols import PROTOCOLS
from grisq.runtime.errors import InputError

GRID = np.linspace(0, 1, 101)  # presence thresholds to choose from
_SIZES = 401  # thresholds of the mask's size to choose from: so many quantiles of the sizes on the half that chooses

Score = Literal["presence", "mask size"]
"""What is compared with the threshold: the head's probability, or the predicted mask's share of the picture."""


class OwnThreshold(NamedTuple):
    """Metrics with thresholds that were chosen on other pictures."""

    giou: float  # percent
    chosen: tuple[float, float]  # for each half of the pictures the threshold that was chosen on it
    n_acc: float  # percent
    t_acc: float  # percent


def giou_at(samples: Samples, threshold: float, keep: np.ndarray | None = None) -> float:
    """Compute gIoU in percent under `rela` with a presence threshold.

    Args:
        samples: predictions of a split.
        threshold: least probability of presence that counts as "present".
        keep: the expressions that count, (N,) bool; None: all.

    Raises:
        InputError: for a model without presence head.
    """
    ious = _with_score(samples, "presence").scores("head", threshold).iou
    return float(100 * (ious if keep is None else ious[keep]).mean())


def giou_at_own_threshold(samples: Samples) -> OwnThreshold:
    """Choose the presence threshold by gIoU. Raises: as `at_own_threshold`."""
    return at_own_threshold(samples)


def at_own_threshold(samples: Samples, by: Score = "presence", *, least_t_acc: float | None = None) -> OwnThreshold:
    """Score a model with the threshold that suits it, chosen by two-fold cross-validation over pictures.

    The threshold that is best on one half of the pictures is used on the other, and the reverse. So no expression is
    judged by a threshold that was chosen on its picture.

    Args:
        samples: predictions of a split.
        by: what is compared with the threshold; a mask below it counts as "absent".
        least_t_acc: None to choose the highest gIoU; a percentage to choose the highest N-acc among the thresholds with
            at least that T-acc. On the other half T-acc may fall below it.

    Raises:
        InputError: for the presence of a model without presence head.
    """
    samples = _with_score(samples, by)
    _, picture = np.unique(samples.image, return_inverse=True)
    half = picture % 2 == 0
    chosen = [_choose(samples, side, by, least_t_acc) for side in (half, ~half)]
    parts = [samples.scores("head", threshold) for threshold in chosen]
    on_first, on_second = parts[1], parts[0]  # each half is judged by the other's choice
    iou, present = (
        np.where(half, getattr(on_first, name), getattr(on_second, name)) for name in ("iou", "predicted_present")
    )
    target = on_first.target_present
    return OwnThreshold(
        _percent(iou), (float(chosen[0]), float(chosen[1])), _percent(~present[~target]), _percent(present[target])
    )


def n_acc_at(samples: Samples, t_acc: float | np.ndarray) -> np.ndarray:
    """Compute the N-acc that a model would have at a T-acc, if its presence threshold were moved there.

    All thresholds together are a curve of N-acc over T-acc, the ROC curve; between two of them it is a straight line.
    Models that are compared at one T-acc are compared by what they know, not by where they happen to draw the line.

    Args:
        samples: predictions of a split.
        t_acc: percent, a number or an array.

    Raises:
        InputError: for a model without presence head, and if all expressions have a target, or none.
    """
    presence = np.array(_with_score(samples, "presence").presence)
    has_target = np.array(samples.target_count) > 0
    if has_target.all() or not has_target.any():
        raise InputError(
            "N-acc at a T-acc needs expressions with a target and expressions without: give a whole split."
        )
    called_present, kept, _ = roc_curve(has_target, presence)  # shares of the no-targets and of the targets
    points, strictest = np.unique(kept, return_index=True)  # of thresholds with one T-acc that with the highest N-acc
    return np.interp(t_acc, 100 * points, 100 * (1 - called_present[strictest]))


def presence_auroc(samples: Samples, *, by_mask: bool = False, keep: np.ndarray | None = None) -> float:
    """Compute the area under the ROC curve: how often a target gets a higher presence than no target does.

    A coin has 0.5. With `by_mask` the size of the mask replaces the probability, as it does for a model without
    presence head. `keep` are the expressions that count, (N,) bool. Raises InputError if all of them have a target, or
    none.
    """
    score = np.array(samples.predicted if by_mask or samples.presence is None else samples.presence)
    has_target = np.array(samples.target_count) > 0
    if keep is not None:
        score, has_target = score[keep], has_target[keep]
    return separation(score[has_target], score[~has_target])


def _with_score(samples: Samples, by: Score) -> Samples:
    """The same predictions with that score in place of the presence."""
    if by == "mask size":
        area = PROTOCOLS["rela"].square ** 2
        return msgspec.structs.replace(samples, presence=[pixels / area for pixels in samples.predicted])
    if samples.presence is None:
        raise InputError("This model has no presence head, so there is no threshold to choose.")
    return samples


def _choose(samples: Samples, side: np.ndarray, by: Score, least_t_acc: float | None) -> float:
    """The best threshold on the pictures of one side, the lowest of several that are equally good."""
    sure = samples.scores("head", 0.0)  # everything is present
    score, target, iou = np.array(samples.presence)[side], sure.target_present[side], sure.iou[side]
    candidates = GRID if by == "presence" else _sizes(score)
    absent = score < candidates[:, None]  # (thresholds, N of this side)
    if least_t_acc is None:
        value = np.where(target, iou * ~absent, absent).mean(1)
    else:
        value = absent[:, ~target].mean(1) if (~target).any() else np.zeros(len(candidates))
        t_acc = 100 * (~absent[:, target]).mean(1) if target.any() else np.full(len(candidates), 100.0)
        value = np.where(t_acc >= least_t_acc, value, -1)
    return float(candidates[value.argmax()])


def _sizes(score: np.ndarray) -> np.ndarray:
    """Shares of the picture to choose from: quantiles, and one above all, at which nothing is present."""
    return np.append(np.quantile(score, np.linspace(0, 1, _SIZES), method="lower"), 2.0)


def _percent(values: np.ndarray) -> float:
    return float(100 * values.mean()) if len(values) else float("nan")
