"""Inside the model: attention over words and over the picture, sampling points of a MSDS block."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from grisq.analysis.trace import Trace
from grisq.course.style import HEAD_STYLES, OKABE_ITO
from grisq.data.sample import Sample
from grisq.runtime.errors import InputError


def picture_axis(axis: Axes, sample: Sample, *, title: str = "", gray: bool = False) -> None:
    """Draw the sample's picture without its letterbox padding; axes count canvas pixels."""
    height, width = _fitted(sample)
    image = sample.image[:height, :width]
    axis.imshow(image.mean(-1) if gray else image, cmap="gray", vmin=0, vmax=255, extent=(0, width, height, 0))
    axis.set_title(title, fontsize=8)
    axis.set(xticks=[], yticks=[])


def heat_axis(axis: Axes, sample: Sample, values: Tensor, *, title: str = "", top: float | None = None) -> None:
    """Draw values over the gray picture.

    Args:
        axis: to draw on.
        sample: the picture.
        values: (h, w), a grid over the whole canvas.
        title: of the axis.
        top: value of the brightest color; None: the highest one.
    """
    picture_axis(axis, sample, title=title, gray=True)
    height, width = _fitted(sample)
    side = len(sample.image)
    axis.imshow(
        _numpy(values),
        cmap="inferno",
        alpha=0.65,
        vmin=0,
        vmax=top,
        extent=(0, side, side, 0),
    )
    axis.set(xlim=(0, width), ylim=(height, 0))


def word_axis(axis: Axes, tokens: Sequence[str], weights: Tensor, *, title: str = "") -> None:
    """Draw how much attention each token gets, in reading order from the top.

    Args:
        axis: to draw on.
        tokens: of the expression; those beyond `weights` were cut off.
        weights: (T,).
        title: of the axis.
    """
    shown = min(len(tokens), len(weights))  # a long expression is cut before it reaches the model
    tokens, values = tokens[:shown], _numpy(weights)[:shown]
    axis.barh(range(shown), values, color=OKABE_ITO["sky blue"])
    axis.set_yticks(range(shown), tokens, fontsize=8)
    axis.invert_yaxis()
    axis.set(xlim=(0, max(0.5, float(values.max()) * 1.1)))
    axis.set_title(title, fontsize=8)


def sampling_figure(sample: Sample, traced: Trace, block: int, place: tuple[int, int], strides=(8, 16, 32)) -> Figure:
    """Draw where one position of the finest level samples in a MSDS block, a picture for each level.

    Each head has a color and marker; the size of a dot is its weight. Dots outside the picture read less, and nothing
    from half a cell on.

    Args:
        sample: to draw.
        traced: the model's trace of this sample alone.
        block: number of the MSDS block.
        place: (row, column) of the position on its grid, marked by a cross.
        strides: of the levels.
    Raises:
        InputError: the grid has no such place.
    """
    rows, columns = traced.levels[1].size
    if not (0 <= place[0] < rows and 0 <= place[1] < columns):
        raise InputError(f"There is no position {place} on a grid of {rows}x{columns}: count rows and columns from 0.")
    locations, weights = (_numpy(each[0]) for each in traced.sampling[block])  # (S, heads, levels, points, ...)
    position = place[0] * columns + place[1]
    points, weights = len(sample.image) * locations[position], weights[position]
    figure, axes = plt.subplots(1, len(strides), figsize=(3.4 * len(strides), 3.4))
    for level, (axis, stride) in enumerate(zip(axes, strides)):
        _points_axis(axis, sample, points[:, level], weights[:, level] / len(weights), stride)
        y, x = ((number + 0.5) * strides[0] for number in place)
        axis.plot(x, y, "X", color="white", markeredgecolor="black", markersize=11)
    return figure


def _points_axis(axis: Axes, sample: Sample, points: np.ndarray, shares: np.ndarray, stride: int) -> None:
    """One level: points (heads, points, 2) in canvas pixels, their shares of all attention (heads, points)."""
    height, width = _fitted(sample)
    outside = ((points < 0) | (points > (width, height))).any(-1)
    title = f"stride {stride}: {100 * shares.sum():.0f} % of the weight, {100 * shares[outside].sum():.0f} % outside"
    picture_axis(axis, sample, title=title)
    lines = {"color": "white", "linewidth": 0.4, "alpha": 0.6}
    axis.vlines(np.arange(0, width, stride), 0, height, **lines)
    axis.hlines(np.arange(0, height, stride), 0, width, **lines)
    for head, (where, share) in enumerate(zip(points, shares)):
        color, marker = HEAD_STYLES[head % len(HEAD_STYLES)]
        sizes = 15 + 1500 * share
        axis.scatter(*where.T, s=sizes, color=color, marker=marker, edgecolor="black", linewidth=0.5, alpha=0.85)
    margin = len(sample.image) / 2
    axis.set(xlim=(-margin, width + margin), ylim=(height + margin, -margin))


def _numpy(values: Tensor) -> np.ndarray:
    return values.detach().float().cpu().numpy()


def _fitted(sample: Sample) -> tuple[int, int]:
    """Height and width of the picture on the canvas."""
    side = len(sample.image)
    if sample.letterbox is None:
        return side, side
    return sample.letterbox.fitted_height, sample.letterbox.fitted_width
