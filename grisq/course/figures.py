"""Figures: saved in three formats byte-stably, shown with alternative text, and pictures with masks on them."""

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image

from grisq.course.style import SCENARIO_COLORS, rgb
from grisq.data.grefcoco import GRefCOCO
from grisq.data.sample import open_annotated
from grisq.data.scenarios import scenario_of
from grisq.inference.overlay import overlay
from grisq.runtime.paths import FIGURES

_NO_DATES = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None, "Producer": None}}


def save(figure: Figure, name: str, folder: Path = FIGURES) -> list[Path]:
    """Write name.png, name.svg and name.pdf; the same figure gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for ending, metadata in _NO_DATES.items():
        paths.append(folder / f"{name}.{ending}")
        figure.savefig(paths[-1], metadata=metadata)
    return paths


def show(figure: Figure, alt: str) -> None:
    """Display a figure in a notebook with its description as alternative text and as caption, and close it.

    The picture goes into the notebook with 256 colors: a wall of photographs takes a third of the space. The octree
    keeps rare colors, such as that of a title, which a median cut merges with others.
    """
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=figure.dpi, metadata=_NO_DATES["png"])
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(256, Image.Quantize.FASTOCTREE).save(small, "png", optimize=True)
    bundle = {"image/png": small.getvalue(), "text/plain": alt}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt}})
    print(alt)


@dataclass
class Tile:
    """One picture of a wall: image (H, W, 3) uint8, title, and the color of the title and frame."""

    image: np.ndarray
    title: str
    color: str = "#000000"


def expression_tile(data: GRefCOCO, row: int) -> Tile:
    """A row's picture with its annotated targets outlined, titled by the expression, in the color of its kind."""
    expression = data.expression(row)
    color = SCENARIO_COLORS[scenario_of(expression.target_count)]
    image = np.asarray(open_annotated(data, expression.image_id))
    return Tile(overlay(image, data.mask(row), rgb(color)), expression.text, color)


def wall(tiles: Sequence[Tile], columns: int, *, size: float = 1.9, rows: Sequence[str] = ()) -> Figure:
    """A grid of tiles, `columns` wide; `rows` are labels at the left of each line."""
    lines, titles = -(-len(tiles) // columns), [wrapped(tile.title) for tile in tiles]
    height = size + 0.1 + 0.15 * max(1 + title.count("\n") for title in titles)
    figure, axes = plt.subplots(lines, columns, figsize=(size * columns, height * lines), squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, tile, title in zip(axes.flat, tiles, titles):
        axis.imshow(tile.image)
        axis.set_title(title, fontsize=8, color=tile.color)
    for axis, label in zip(axes[:, 0], rows):
        axis.text(-0.08, 0.5, label, rotation=90, va="center", ha="right", transform=axis.transAxes, fontsize=9)
    return figure


def wrapped(text: str) -> str:
    """A title broken into lines that fit above a tile."""
    lines = text.split("\n")
    return "\n".join(textwrap.fill(line, 26, break_long_words=False, break_on_hyphens=False) for line in lines)
