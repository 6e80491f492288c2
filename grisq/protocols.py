"""Evaluation protocols by name: the rules under which one prediction becomes numbers (Sec. 4.1).

Published tables of this task differ in resolution and in how a wrong presence decision counts. A number is
never shown without its protocol.
"""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from grisq.errors import InputError


@dataclass(frozen=True)
class Protocol:
    """Rules of one evaluation.

    resolution: "square" compares at `square` x `square` pixels without keeping the aspect ratio, "original" at
    the picture's own size. presence: who says that there is no target: the model's head, fewer than `min_pixels`
    predicted pixels, an empty mask, or the annotation itself ("truth": what a perfect presence head would reach).
    false_positive_iou: what a sample with a target that was called no-target earns: "zero", or the "real" IoU of
    its mask. by_pixels: a sample counts as no-target if its mask is empty, not if its annotation says so. epsilon:
    added to denominators.
    """

    name: str
    resolution: Literal["square", "original"] = "square"
    square: int = 480
    presence: Literal["head", "pixels50", "mask_empty", "truth"] = "head"
    min_pixels: int = 50  # at 480 x 480: 0.02 % of the picture
    false_positive_iou: Literal["zero", "real"] = "zero"
    by_pixels: bool = False
    epsilon: float = 0.0

    def describe(self) -> str:
        """One line for a table's caption."""
        size = f"{self.square}x{self.square} squashed" if self.resolution == "square" else "the picture's own size"
        who = {
            "head": "presence head",
            "pixels50": f"{self.min_pixels}-pixel rule",
            "mask_empty": "empty mask",
            "truth": "ground truth",
        }
        return (
            f"{self.name}: at {size}, no-target by {who[self.presence]}, missed targets score {self.false_positive_iou}"
        )


PROTOCOLS = {
    "rela": Protocol("rela"),
    "original": Protocol("original", resolution="original"),
    "gsva": Protocol("gsva", resolution="original", false_positive_iou="real", by_pixels=True, epsilon=1e-8),
}

# Questions, not evaluations: what the masks alone are worth, and what they would be under perfect presence (Fig. 5a).
DIAGNOSTICS = {
    "rela-pixels": replace(PROTOCOLS["rela"], name="rela-pixels", presence="pixels50"),
    "rela-truth": replace(PROTOCOLS["rela"], name="rela-truth", presence="truth"),
}


def protocol(name: str) -> Protocol:
    """Errors: InputError that lists the names there are."""
    known = PROTOCOLS | DIAGNOSTICS
    if name not in known:
        raise InputError(f"There is no protocol {name!r}: choose one of {', '.join(known)}.")
    return known[name]


class SampleScore(NamedTuple):
    """What one sample adds: pixels to cIoU's sums, an IoU to gIoU's mean, and two decisions to compare."""

    intersection: int
    union: int
    iou: float
    target_present: bool
    predicted_present: bool
    target_count: int


def score(
    prediction: np.ndarray,
    target: np.ndarray,
    *,
    target_count: int,
    predicted_present: bool | None,
    protocol: Protocol,
) -> SampleScore:
    """Score one sample. Masks (H, W) bool at the protocol's resolution; predicted_present: the head's word.

    No target: called so, IoU 1 and nothing to the sums, whatever the mask holds; else IoU 0 and the whole mask
    to the union. Target: called no-target, IoU 0 and the union of both masks to the union (the ignored mask
    still inflates it); else the usual. The mask and the head are judged apart: an empty mask is no decision.
    Where a pixel rule decides, a mask that it calls no-target is treated as empty.
    """
    target_present = bool(target.any()) if protocol.by_pixels else target_count > 0
    present = target_present if protocol.presence == "truth" else _present(prediction, predicted_present, protocol)
    if protocol.presence != "head" and not present:
        prediction = np.zeros_like(prediction)
    if not target_present:
        wasted = int(np.count_nonzero(prediction)) if present else 0
        return SampleScore(0, wasted, float(not present), False, present, target_count)
    intersection = int(np.count_nonzero(prediction & target))
    union = int(np.count_nonzero(prediction | target))
    if not present and protocol.false_positive_iou == "zero":
        return SampleScore(0, union, 0.0, True, False, target_count)
    iou = intersection / (union + protocol.epsilon) if union else 0.0
    return SampleScore(intersection, union, iou, True, present, target_count)


def _present(prediction: np.ndarray, head: bool | None, protocol: Protocol) -> bool:
    if protocol.presence == "head":
        if head is None:
            raise InputError("This model has no presence head: use a protocol with presence 'pixels50'.")
        return bool(head)
    least = protocol.min_pixels if protocol.presence == "pixels50" else 1
    return bool(np.count_nonzero(prediction) >= least)
