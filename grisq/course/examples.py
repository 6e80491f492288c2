"""Stored predictions of trained systems, side by side (Fig. 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

from grisq.course.style import RIGHT, WRONG
from grisq.course.tiles import Tile, expression_tile, image_grid
from grisq.data.grefcoco import GRefCOCO
from grisq.data.masks import decode
from grisq.data.sample import open_annotated
from grisq.experiments.results import Example, Result
from grisq.inference.overlay import overlay
from grisq.inference.prediction import MASK_COLOR

LEAST_IOU = 0.5  # of a mask that counts as right


def example_tile(example: Example, data: GRefCOCO) -> Tile:
    """Draw a stored prediction: its mask unless its answer is "nothing", under the answer, presence and IoU.

    It is right, with a tick in blue, if it says "nothing" where nothing is annotated, or finds the target with an
    IoU of at least one half: a right answer with an empty mask is none.
    """
    picture = np.asarray(open_annotated(data, data.expression(example.row).image_id))
    mask, answer = decode(example.mask), example.answer
    shown = overlay(picture, mask if answer != "nothing" else np.zeros_like(mask), MASK_COLOR)
    number = "" if example.presence is None else f" ({example.presence:.2f})"
    has_target = data.target_counts[example.row] > 0
    if answer == "nothing" or not has_target:
        right, found = (answer == "nothing") != has_target, ""
    else:
        iou = _iou(mask, data.mask(example.row))
        right, found = iou >= LEAST_IOU, f"\nIoU {iou:.2f}"
    return Tile(shown, f"{'✓' if right else '✗'} {answer}{number}{found}", RIGHT if right else WRONG)


def _iou(mask: np.ndarray, annotated: np.ndarray) -> float:
    both, either = np.logical_and(mask, annotated).sum(), np.logical_or(mask, annotated).sum()
    return float(both / max(1, either))


def example_grid(
    data: GRefCOCO, systems: Mapping[str, Result], chosen: Sequence[int] | None = None, *, size: float = 1.9
) -> Figure:
    """Draw a line of annotations and below it a line for each system (Fig. 6).

    Titles of annotations are black: in the lines of the systems color tells right from wrong.

    Args:
        data: the data set that the systems were evaluated on.
        systems: results by the label of the line.
        chosen: numbers of stored examples, a column each; all of them by default.
        size: of a picture, inches.
    """
    first, *_ = systems.values()
    chosen = range(len(first.examples)) if chosen is None else chosen
    tiles = [replace(expression_tile(data, first.examples[number].row), color="#000000") for number in chosen]
    for result in systems.values():
        tiles += [example_tile(result.examples[number], data) for number in chosen]
    return image_grid(tiles, len(chosen), size=size, rows=("annotated", *systems))
