"""Stored predictions of trained systems, side by side (Fig. 6)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from grisq.course.style import rgb
from grisq.course.tiles import Tile, expression_tile, image_grid
from grisq.course.verdict import color_of, verdict
from grisq.data.grefcoco import GRefCOCO
from grisq.data.masks import decode
from grisq.data.sample import open_annotated
from grisq.experiments.results import Example, Result
from grisq.inference.overlay import overlay


def example_tile(example: Example, data: GRefCOCO) -> Tile:
    """Draw a stored prediction under its verdict: its mask, unless its answer is "nothing", in its kind's color."""
    picture = np.asarray(open_annotated(data, data.expression(example.row).image_id))
    mask, answer = decode(example.mask), example.answer
    color = color_of(answer)
    shown = overlay(picture, mask if answer != "nothing" else np.zeros_like(mask), rgb(color))
    target = data.mask(example.row) if data.target_counts[example.row] else None
    return Tile(shown, verdict(answer, example.presence, mask, target), color)


def example_grid(
    data: GRefCOCO, systems: Mapping[str, Result], chosen: Sequence[int] | None = None, *, size: float = 1.9
) -> Figure:
    """Draw a line of annotations and below it a line for each system (Fig. 6).

    Colors tell the kind, annotated or answered; marks tell right from wrong.

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
