"""Evaluation protocols by name: the rules under which predictions become numbers (Sec. 4.1).

Published tables of this task differ in resolution and in how a wrong presence decision counts. A number is never shown
without its protocol. The rules are written for arrays, so one call scores a sample or a whole split.
"""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from grisq.data.scenarios import scenario_index
from grisq.runtime.errors import InputError


@dataclass(frozen=True)
class Protocol:
    """The rules of one evaluation."""

    name: str  # stands next to every number
    resolution: Literal["square", "original"] = "square"  # compare masks at square x square pixels, or at the picture's
    square: int = 480  # side in pixels; the aspect ratio is not kept
    # What decides that there is no target: the presence head, fewer than `min_pixels` predicted pixels, an empty mask,
    # either the head or an empty mask, or the annotation ("truth": what a perfect presence head would reach).
    presence: Literal["head", "pixels50", "mask_empty", "head_or_empty", "truth"] = "head"
    min_pixels: int = 50  # of a picture of square x square pixels; at 480 x 480 they are 0.02 % of it (Sec. 4.1)
    false_positive_iou: Literal["zero", "real"] = "zero"  # of a sample with a target that is classified as no-target
    by_pixels: bool = False  # a sample is no-target if its annotated mask is empty, not if it has no annotation
    epsilon: float = 0.0  # added to denominators that count pixels
    no_target_in_sums: bool = True  # whether the mask of an expression without target adds to cIoU's denominator

    def without_head(self) -> "Protocol":
        """Return the same rules for a model without presence head: the 50-pixel rule replaces the head (Sec. 4.1).

        Where an empty mask decides as well, it decides alone.
        """
        replaced = {"head": "pixels50", "head_or_empty": "mask_empty"}.get(self.presence, self.presence)
        return replace(self, presence=replaced)

    def covers_enough(self, predicted: np.ndarray, area: np.ndarray) -> np.ndarray:
        """Apply the 50-pixel rule to masks of `predicted` pixels in pictures of `area` pixels. -> bool, same shape.

        The rule is about the share of the picture, so one mask gets one answer at every resolution.
        """
        return np.asarray(predicted) * self.square**2 >= self.min_pixels * np.asarray(area)

    def enough_pixels(self, mask: np.ndarray) -> bool:
        """Apply the 50-pixel rule to one mask (H, W) bool of any size."""
        return bool(self.covers_enough(np.count_nonzero(mask), mask.size))

    def describe(self) -> str:
        """Return one line for a table's caption."""
        size = f"{self.square}x{self.square} squashed" if self.resolution == "square" else "the picture's own size"
        who = {
            "head": "presence head",
            "pixels50": f"{self.min_pixels}-pixel rule",
            "mask_empty": "empty mask",
            "head_or_empty": "presence head or empty mask",
            "truth": "ground truth",
        }
        earned = {"zero": "missed targets score zero", "real": "a missed target keeps the IoU of its mask"}
        return f"{self.name}: at {size}, no-target by {who[self.presence]}, {earned[self.false_positive_iou]}"


PROTOCOLS = {
    "rela": Protocol("rela"),
    "original": Protocol("original", resolution="original"),
    "gsva": Protocol("gsva", resolution="original", false_positive_iou="real", by_pixels=True, epsilon=1e-8),
    "refzom": Protocol("refzom", presence="mask_empty", no_target_in_sums=False),
    "rrefcoco": Protocol("rrefcoco", resolution="original", presence="head_or_empty", no_target_in_sums=False),
}

# Questions, not evaluations: what the masks alone are worth, and what they would be under perfect presence (Fig. 5a).
DIAGNOSTICS = {
    "rela-pixels": replace(PROTOCOLS["rela"].without_head(), name="rela-pixels"),
    "rela-truth": replace(PROTOCOLS["rela"], name="rela-truth", presence="truth"),
}


def protocol(name: str) -> Protocol:
    """Look up a protocol by name. Raises InputError listing the known names."""
    known = PROTOCOLS | DIAGNOSTICS
    if name not in known:
        raise InputError(f"There is no protocol {name!r}: choose one of {', '.join(known)}.")
    return known[name]


def square_of(rules: Protocol) -> int | None:
    """Side of the square at which a protocol compares masks; None for the picture's own size."""
    return rules.square if rules.resolution == "square" else None


class PixelCounts(NamedTuple):
    """All that scoring needs of the masks of N samples: four numbers, or four arrays (N,)."""

    predicted: np.ndarray  # pixels of the predicted mask
    annotated: np.ndarray  # pixels of the annotated mask
    both: np.ndarray  # pixels in both masks
    area: np.ndarray  # pixels of the picture at the size at which the masks were compared


class Scores(NamedTuple):
    """What N samples earn under a protocol: arrays (N,), or single numbers for one sample."""

    intersection: np.ndarray  # pixels that the sample adds to cIoU's numerator
    union: np.ndarray  # pixels that it adds to cIoU's denominator
    iou: np.ndarray  # what it adds to gIoU's sum, 0 to 1
    target_present: np.ndarray  # bool: the annotation
    predicted_present: np.ndarray  # bool: the prediction
    target_count: np.ndarray  # annotated objects

    @property
    def scenario(self) -> np.ndarray:
        """Index into SCENARIOS; a sample whose targets have no pixel is no-target where pixels decide."""
        return np.where(self.target_present, np.maximum(scenario_index(self.target_count), 1), 0)


def count_pixels(prediction: np.ndarray, target: np.ndarray) -> PixelCounts:
    """Count the pixels of two masks (H, W) bool of the same size."""
    counts = (int(np.count_nonzero(mask)) for mask in (prediction, target, prediction & target))
    return PixelCounts(*counts, area=prediction.size)


def score(
    prediction: np.ndarray,
    target: np.ndarray,
    *,
    target_count: int,
    predicted_present: bool | None,
    protocol: Protocol,
) -> Scores:
    """Score one sample by its masks.

    Args:
        prediction: predicted mask (H, W) bool at the protocol's resolution.
        target: annotated mask (H, W) bool.
        target_count: number of annotated objects.
        predicted_present: decision of the presence head, None for a model without one.
        protocol: the rules.
    """
    counts = count_pixels(prediction, target)
    return score_counts(counts, target_count=target_count, predicted_present=predicted_present, protocol=protocol)


def score_counts(
    counts: PixelCounts, *, target_count: np.ndarray, predicted_present: np.ndarray | None, protocol: Protocol
) -> Scores:
    """Score samples by their pixel counts: all arguments are single numbers or arrays (N,).

    No target: IoU 1 if it is classified as such, and nothing is added to the sums, whatever the mask holds; otherwise
    IoU 0, and the whole mask is added to the union. Target: if it is classified as no-target, IoU 0 (or the real one)
    and the union of both masks is added all the same, so an ignored mask still counts; otherwise the usual IoU.
    The mask and the head are judged separately: an empty mask is no decision. Where another rule than the head
    decides, a mask that the rule rejects counts as empty.
    """
    predicted, annotated, both, _ = map(np.asarray, counts)
    target = annotated > 0 if protocol.by_pixels else np.asarray(target_count) > 0
    present = _present(counts, predicted_present, target, protocol)
    if protocol.presence != "head":
        predicted, both = predicted * present, both * present
    alone = predicted * present if protocol.no_target_in_sums else np.zeros_like(predicted)
    union = np.where(target, predicted + annotated - both, alone)
    earned = target & (present | (protocol.false_positive_iou == "real"))
    intersection = both * earned
    overlap = np.divide(intersection, union + protocol.epsilon, out=np.zeros(union.shape), where=union > 0)
    iou = np.where(target, overlap, ~present)
    return Scores(intersection, union, iou, target, present, np.asarray(target_count))


def _present(
    counts: PixelCounts, head: np.ndarray | None, target: np.ndarray, protocol: Protocol
) -> np.ndarray:  # bool
    if protocol.presence == "truth":
        return target
    if protocol.presence == "pixels50":
        return protocol.covers_enough(counts.predicted, counts.area)
    if protocol.presence == "mask_empty":
        return np.asarray(counts.predicted) > 0
    if head is None:
        raise InputError("This model has no presence head: use a protocol with presence 'pixels50'.")
    drawn = np.asarray(counts.predicted) > 0 if protocol.presence == "head_or_empty" else True
    return np.asarray(head, dtype=bool) & drawn
