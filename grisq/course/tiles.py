"""Pictures in a grid: a tile shows an image with masks drawn on it, under a title."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from grisq.augment.recipes import Recipe
from grisq.augment.render import RecipeDataset
from grisq.course.style import SCENARIO_COLORS, rgb
from grisq.data.grefcoco import GRefCOCO
from grisq.data.sample import open_annotated
from grisq.data.scenarios import scenario_of
from grisq.inference.overlay import overlay


@dataclass
class Tile:
    """One picture of a grid."""

    image: np.ndarray  # (H, W, 3) uint8
    title: str
    color: str = "#000000"  # of the title


def expression_tile(data: GRefCOCO, row: int) -> Tile:
    """Draw a row's picture with its annotated targets outlined, under its expression, in its scenario's color."""
    expression = data.expression(row)
    color = SCENARIO_COLORS[scenario_of(expression.target_count)]
    image = np.asarray(open_annotated(data, expression.image_id))
    return Tile(overlay(image, data.mask(row), rgb(color)), expression.text, color)


def recipe_tile(renderer: RecipeDataset, recipe: Recipe) -> Tile:
    """Draw what a recipe of the augmentation plan becomes, in the color of its scenario."""
    sample = renderer.render(recipe)
    color = SCENARIO_COLORS[scenario_of(sample.target_count)]
    return Tile(overlay(sample.image, sample.mask, rgb(color)), sample.text, color)


def image_grid(tiles: Sequence[Tile], columns: int, *, size: float = 1.9, rows: Sequence[str] = ()) -> Figure:
    """Draw tiles in a grid.

    Args:
        tiles: line by line, from the left.
        columns: tiles in a line.
        size: of a picture, inches.
        rows: labels at the left of the lines.
    """
    titles = [wrapped(tile.title) for tile in tiles]
    lines = [titles[start : start + columns] for start in range(0, len(titles), columns)]
    shapes = [tile.image.shape for tile in tiles]
    tallest = [max(h / w for h, w, _ in shapes[start : start + columns]) for start in range(0, len(tiles), columns)]
    tall = [size * min(1, each) for each in tallest]  # a line of wide pictures leaves no white below them
    height = sum(each + 0.1 + 0.15 * max(1 + title.count("\n") for title in line) for each, line in zip(tall, lines))
    figure, axes = plt.subplots(
        len(lines), columns, figsize=(size * columns, height), height_ratios=tall, squeeze=False
    )
    for axis in axes.flat:
        axis.set_axis_off()
        axis.set_anchor("N")  # pictures hang from their titles, so that the titles of a line stand side by side
    for axis, tile, title in zip(axes.flat, tiles, titles):
        axis.imshow(tile.image)
        axis.set_title(title, fontsize=8, color=tile.color)
    for axis, label in zip(axes[:, 0], rows):
        axis.text(-0.08, 0.5, label, rotation=90, va="center", ha="right", transform=axis.transAxes, fontsize=9)
    return figure


def wrapped(text: str) -> str:
    """Break a title into lines that fit above a tile."""
    lines = text.split("\n")
    return "\n".join(textwrap.fill(line, 26, break_long_words=False, break_on_hyphens=False) for line in lines)
