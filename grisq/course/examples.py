"""Stored predictions of trained systems, side by side (Fig. 6)."""

from collections.abc import Mapping, Sequence

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


def example_tile(example: Example, data: GRefCOCO) -> Tile:
    """Draw a stored prediction: its mask unless its answer is "nothing"; a blue title if it is right about presence."""
    picture = np.asarray(open_annotated(data, data.expression(example.row).image_id))
    mask, answer = decode(example.mask), example.answer
    right = (answer != "nothing") == (data.target_counts[example.row] > 0)
    shown = overlay(picture, mask if answer != "nothing" else np.zeros_like(mask), MASK_COLOR)
    number = "" if example.presence is None else f" ({example.presence:.2f})"
    return Tile(shown, f"{'✓' if right else '✗'} {answer}{number}", RIGHT if right else WRONG)


def example_grid(
    data: GRefCOCO, systems: Mapping[str, Result], chosen: Sequence[int] | None = None, *, size: float = 1.9
) -> Figure:
    """Draw a line of annotations and below it a line for each system (Fig. 6).

    Args:
        data: the data set that the systems were evaluated on.
        systems: results by the label of the line.
        chosen: numbers of stored examples, a column each; all of them by default.
        size: of a picture, inches.
    """
    first, *_ = systems.values()
    chosen = range(len(first.examples)) if chosen is None else chosen
    tiles = [expression_tile(data, first.examples[number].row) for number in chosen]
    for result in systems.values():
        tiles += [example_tile(result.examples[number], data) for number in chosen]
    return image_grid(tiles, len(chosen), size=size, rows=("annotated", *systems))
