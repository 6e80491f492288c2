"""How an answer is judged where it is shown: a mark for right or wrong, the IoU, and the color of its kind.

Colors tell kinds apart, in annotations as in answers. Whether an answer is right is told by a mark alone.
"""

import numpy as np

from grisq.course.style import OKABE_ITO, SCENARIO_COLORS

LEAST_IOU = 0.5  # of a mask that counts as right
_COLORS = dict(zip(("nothing", "one", "several"), SCENARIO_COLORS.values()))


def color_of(answer: str) -> str:
    """The color of the kind that was answered; "present" leaves the number open and is black."""
    return _COLORS.get(answer, OKABE_ITO["black"])


def verdict(answer: str, presence: float | None, mask: np.ndarray, target: np.ndarray | None) -> str:
    """Write a title of one or two lines: `✓ several (0.97)` and `IoU 0.81`.

    An answer is right, with a tick, if it is "nothing" where there is no target, or if its mask has an IoU of at least
    one half with the target. "one" for two things is no mistake here, since plurality decides nothing about the mask.

    Args:
        answer: "nothing", "one", "several" or "present".
        presence: probability of presence; None for a model that gives none.
        mask: (H, W) bool; what it holds does not matter if the answer is "nothing".
        target: annotated mask (H, W) bool; None if there is no target.
    """
    right, second = (answer == "nothing") == (target is None), ""
    if answer != "nothing" and target is not None:
        overlap = iou(mask, target)
        right, second = overlap >= LEAST_IOU, f"\nIoU {overlap:.2f}"
    number = "" if presence is None else f" ({presence:.2f})"
    return f"{'✓' if right else '✗'} {answer}{number}{second}"


def iou(mask: np.ndarray, target: np.ndarray) -> float:
    """Intersection over union of two masks (H, W); 0 if both are empty."""
    both, either = np.logical_and(mask, target).sum(), np.logical_or(mask, target).sum()
    return float(both / max(1, either))
