"""Evaluation protocols by name: the rules under which one prediction becomes numbers (Sec. 4.1).

Published tables of this task differ in resolution and in how a wrong presence decision counts. A number is
never shown without its protocol.
"""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from grisq.runtime.errors import InputError


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

    def without_head(self) -> "Protocol":
        """The same rules for a model without presence head: the 50-pixel rule takes the head's place (Sec. 4.1)."""
        return replace(self, presence="pixels50") if self.presence == "head" else self

    def enough_pixels(self, mask: np.ndarray) -> bool:
        """The 50-pixel rule for a mask (H, W) bool of any size: whether its share of the picture is enough."""
        return bool(mask.mean() * self.square**2 >= self.min_pixels)

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
    "rela-pixels": replace(PROTOCOLS["rela"].without_head(), name="rela-pixels"),
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


class PixelCounts(NamedTuple):
    """All that scoring needs of two masks: pixels of the predicted one, of the annotated one, and of both."""

    predicted: int
    annotated: int
    both: int


def count_pixels(prediction: np.ndarray, target: np.ndarray) -> PixelCounts:
    """Masks (H, W) bool of the same size."""
    return PixelCounts(*(int(np.count_nonzero(mask)) for mask in (prediction, target, prediction & target)))


def score(
    prediction: np.ndarray,
    target: np.ndarray,
    *,
    target_count: int,
    predicted_present: bool | None,
    protocol: Protocol,
) -> SampleScore:
    """Score one sample. Masks (H, W) bool at the protocol's resolution; predicted_present: the head's word."""
    counts = count_pixels(prediction, target)
    return score_counts(counts, target_count=target_count, predicted_present=predicted_present, protocol=protocol)


def score_counts(
    counts: PixelCounts, *, target_count: int, predicted_present: bool | None, protocol: Protocol
) -> SampleScore:
    """The same from pixels counted before.

    No target: called so, IoU 1 and nothing to the sums, whatever the mask holds; else IoU 0 and the whole mask
    to the union. Target: called no-target, IoU 0 and the union of both masks to the union (the ignored mask
    still inflates it); else the usual. The mask and the head are judged apart: an empty mask is no decision.
    Where another rule than the head decides, a mask that it calls no-target is treated as empty.
    """
    predicted, annotated, intersection = counts
    target_present = annotated > 0 if protocol.by_pixels else target_count > 0
    present = _present(predicted, predicted_present, target_present, protocol)
    if protocol.presence != "head" and not present:
        predicted = intersection = 0
    if not target_present:
        return SampleScore(0, predicted if present else 0, float(not present), False, present, target_count)
    union = predicted + annotated - intersection
    if not present and protocol.false_positive_iou == "zero":
        return SampleScore(0, union, 0.0, True, False, target_count)
    iou = intersection / (union + protocol.epsilon) if union else 0.0
    return SampleScore(intersection, union, iou, True, present, target_count)


def _present(predicted: int, head: bool | None, target_present: bool, protocol: Protocol) -> bool:
    if protocol.presence == "truth":
        return target_present
    if protocol.presence == "head":
        if head is None:
            raise InputError("This model has no presence head: use a protocol with presence 'pixels50'.")
        return bool(head)
    return predicted >= (protocol.min_pixels if protocol.presence == "pixels50" else 1)
