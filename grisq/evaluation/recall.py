"""Recall of annotated objects by the number of targets: which objects of a group does the mask leave out?

GRES metrics compare unions, so a large object hides a small one that was missed. Here every annotated object counts by
itself, under the predicted mask before the presence decision.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from grisq.evaluation.outcomes import Samples
from grisq.runtime.errors import InputError

COVERED = 0.5  # least share of an object's pixels under the mask that counts as found
GROUPS = ("1", "2", ">= 3")  # numbers of targets


class Recall(NamedTuple):
    """Recall in percent; nan where no expression has that many targets."""

    objects: dict[str, float]  # by GROUPS: annotated objects that are covered to at least one half
    incomplete: float  # multi-target expressions of which some object is covered to less than one half
    lost: float  # multi-target expressions of which some object has no pixel under the mask


def recall(samples: Samples) -> Recall:
    """Compute the recall of annotated objects; those without a pixel at the compared resolution are left out.

    Raises: InputError if the samples were stored without their objects.
    """
    if samples.instance_pixels is None or samples.instance_covered is None:
        raise InputError("The result does not hold the annotated objects: measure the run again with --fresh.")
    return recall_of(samples.target_count, samples.instance_pixels, samples.instance_covered)


def recall_of(
    target_count: Iterable[int], instance_pixels: Iterable[Sequence[int]], instance_covered: Iterable[Sequence[int]]
) -> Recall:
    """Compute the recall of annotated objects of N expressions.

    Args:
        target_count: number of annotated objects of each.
        instance_pixels: pixels of each of these objects; those without any are left out.
        instance_covered: pixels of them that the predicted mask covers.
    """
    found, several = {name: [] for name in GROUPS}, []
    for count, pixels, covered in zip(target_count, instance_pixels, instance_covered):
        if count == 0:
            continue
        shares = [under / size for size, under in zip(pixels, covered) if size > 0]
        found[GROUPS[min(count, 3) - 1]] += shares
        if count > 1 and shares:
            several.append(min(shares))  # of the object that is covered least
    objects = {name: _percent([share >= COVERED for share in shares]) for name, shares in found.items()}
    return Recall(objects, _percent([share < COVERED for share in several]), _percent([not share for share in several]))


def _percent(flags: list[bool]) -> float:
    return 100 * float(np.mean(flags)) if flags else float("nan")
