"""The mask head drawn as grids in their true proportions, from the decoder's finest level to the logits of a pixel."""

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from grisq.config import ModelConfig
from grisq.course.style import OKABE_ITO

Shape = tuple[int, int, int]  # height, width, channels

_SIDE = 3.2  # of the picture's grid, in the drawing
_UPPER, _LOWER = 1.2, -0.75


class Grid(NamedTuple):
    """A map of features on its way to the mask."""

    name: str  # as in the paper; empty for what has no name there
    shape: Shape
    comes: str = ""  # what the arrow to it says


def mask_head_grids(config: ModelConfig) -> tuple[list[Grid], list[Grid]]:
    """The maps of the mask head in order, and those of the finest level until it is added to the second of them."""
    side, C = config.image_size, config.channels
    coarse, fine = side // 8, side // 4
    way = [
        Grid("$f_L^{M,2}$", (coarse, coarse, C)),
        Grid("", (fine, fine, C), "×2"),
        Grid("the sum", (fine, fine, C), "+"),
    ]
    if config.mask_mlp_at == "quarter":
        way.append(Grid("", (fine, fine, 2), "MLP"))
        way.append(Grid(r"logits $\hat{Y}$", (side, side, 2), "×4"))
    else:
        way.append(Grid("", (side, side, C), "×4"))
        way.append(Grid(r"logits $\hat{Y}$", (side, side, 2), "MLP"))
    finest = [Grid("$F^{M,1}$", (fine, fine, config.swin.embed_dim)), Grid("", (fine, fine, C), "linear,\nnorm")]
    return way, finest


def mask_head_figure(config: ModelConfig) -> Figure:
    """Draw the mask head (Sec. 3.1): upsample, add the finest level, upsample, MLP; ×2 and ×4 are bilinear.

    A model with `mask_mlp_at="quarter"` has the MLP before the last upsampling, and is drawn so.
    """
    way, finest = mask_head_grids(config)
    figure, axis = plt.subplots(figsize=(11, 4.2))
    sides = [_SIDE * grid.shape[0] / config.image_size for grid in way]
    lefts = np.cumsum([0, *(side + 1.1 for side in sides[:-1])])
    for grid, left, side in zip(way, lefts, sides):
        _draw(axis, grid, left, _UPPER, side)
    for grid, left, right, side in zip(way[1:], lefts, lefts[1:], sides):
        _arrow(axis, (left + side, _UPPER), (right, _UPPER), grid.comes)
    for grid, left in zip(finest, lefts):
        _draw(axis, grid, left, _LOWER, sides[1])
    _arrow(axis, (lefts[0] + sides[1], _LOWER), (lefts[1], _LOWER), finest[1].comes)
    plus = ((lefts[1] + sides[1] + lefts[2]) / 2, _UPPER)
    _arrow(axis, (lefts[1] + sides[1], _LOWER), plus, "")
    axis.set(xlim=(-0.2, lefts[-1] + sides[-1] + 0.2), ylim=(-1.7, 3.4), aspect="equal")
    axis.set_axis_off()
    return figure


def _draw(axis: Axes, grid: Grid, left: float, middle: float, side: float) -> None:
    height, width, channels = grid.shape
    bottom = middle - side / 2
    color = OKABE_ITO["orange" if channels == 2 else "reddish purple"]
    axis.add_patch(Rectangle((left, bottom), side, side, facecolor=color, alpha=0.35))
    axis.add_patch(Rectangle((left, bottom), side, side, fill=False, linewidth=1))
    axis.text(left + side / 2, bottom - 0.08, f"{height}×{width}×{channels}", ha="center", va="top", fontsize=9)
    axis.text(left + side / 2, bottom + side + 0.08, grid.name, ha="center", va="bottom", fontsize=10)


def _arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float], label: str) -> None:
    style = {"arrowstyle": "-|>", "mutation_scale": 10, "linewidth": 1, "color": "black", "shrinkA": 4, "shrinkB": 4}
    axis.add_patch(FancyArrowPatch(start, end, **style))
    axis.text((start[0] + end[0]) / 2, start[1] + 0.08, label, ha="center", va="bottom", fontsize=10)
