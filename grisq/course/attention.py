"""Looking into the model: what listens to which word, where the query looks, where a MSDS block samples."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from grisq.analysis.trace import Trace
from grisq.course.figures import wrapped
from grisq.course.style import HEAD_LOOKS, OKABE_ITO
from grisq.data.sample import Sample
from grisq.runtime.errors import InputError


def picture_axis(axis: Axes, sample: Sample, *, title: str = "", gray: bool = False) -> None:
    """The sample's picture without its letterbox padding; axes count canvas pixels."""
    height, width = _fitted(sample)
    image = sample.image[:height, :width]
    axis.imshow(image.mean(-1) if gray else image, cmap="gray", vmin=0, vmax=255, extent=(0, width, height, 0))
    axis.set_title(title, fontsize=8)
    axis.set(xticks=[], yticks=[])


def heat_axis(axis: Axes, sample: Sample, values: Tensor, *, title: str = "", top: float | None = None) -> None:
    """Values of a grid over the canvas, (h, w), drawn over the gray picture; `top`: value of the brightest color."""
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
    """Bars of how much attention each token gets, in reading order from the top."""
    shown = min(len(tokens), len(weights))  # a long expression is cut before it reaches the model
    tokens, values = tokens[:shown], _numpy(weights)[:shown]
    axis.barh(range(shown), values, color=OKABE_ITO["sky blue"])
    axis.set_yticks(range(shown), tokens, fontsize=8)
    axis.invert_yaxis()
    axis.set(xlim=(0, max(0.5, float(values.max()) * 1.1)))
    axis.set_title(title, fontsize=8)


def query_figure(
    samples: Sequence[Sample], tokens: Sequence[Sequence[str]], traced: Trace, titles: Sequence[str]
) -> Figure:
    """One line per sample: the picture, e_0's attention over the words, e_1 ... e_L's over the picture.

    `traced` is of these samples as one batch. Errors: InputError for a model without target query.
    """
    if not traced.queries:
        raise InputError("This model has no target query to look at: load one with model.target_query=true.")
    words, *maps = traced.output.attention
    side = round(maps[0].shape[1] ** 0.5)
    figure, axes = plt.subplots(
        len(samples), 2 + len(maps), figsize=(2.4 * (2 + len(maps)), 2.1 * len(samples)), squeeze=False
    )
    for number, (line, sample) in enumerate(zip(axes, samples)):
        picture_axis(line[0], sample, title=wrapped(titles[number]))
        word_axis(line[1], tokens[number], words[number], title="$e_0$ over the words")
        for level, (axis, weights) in enumerate(zip(line[2:], maps), start=1):
            heat_axis(axis, sample, weights[number].view(side, side), title=f"$e_{level}$ over the picture")
    return figure


def sampling_figure(sample: Sample, traced: Trace, block: int, place: tuple[int, int], strides=(8, 16, 32)) -> Figure:
    """Where one position of the finest level looks in a MSDS block: one picture per level it looks at.

    place: (row, column) of the position on its grid, marked by a cross; a color and marker for each head, the size
    of a dot is its weight. Dots outside the picture read less, and nothing from half a cell on. `traced` is of this
    sample alone. Errors: InputError for a place that the grid does not have.
    """
    rows, columns = traced.levels[1].size
    if not (0 <= place[0] < rows and 0 <= place[1] < columns):
        raise InputError(f"There is no position {place} on a grid of {rows}x{columns}: count rows and columns from 0.")
    locations, weights = (_numpy(each[0]) for each in traced.sampling[block])  # (S, heads, levels, points, ...)
    position = place[0] * columns + place[1]
    spots, weights = len(sample.image) * locations[position], weights[position]
    figure, axes = plt.subplots(1, len(strides), figsize=(3.4 * len(strides), 3.4))
    for level, (axis, stride) in enumerate(zip(axes, strides)):
        _spots_axis(axis, sample, spots[:, level], weights[:, level] / len(weights), stride)
        y, x = ((number + 0.5) * strides[0] for number in place)
        axis.plot(x, y, "X", color="white", markeredgecolor="black", markersize=11)
    return figure


def _spots_axis(axis: Axes, sample: Sample, spots: np.ndarray, shares: np.ndarray, stride: int) -> None:
    """One level: spots (heads, points, 2) in canvas pixels, their shares of all attention (heads, points)."""
    height, width = _fitted(sample)
    outside = ((spots < 0) | (spots > (width, height))).any(-1)
    title = f"stride {stride}: {100 * shares.sum():.0f} % of the weight, {100 * shares[outside].sum():.0f} % outside"
    picture_axis(axis, sample, title=title)
    lines = {"color": "white", "linewidth": 0.4, "alpha": 0.6}
    axis.vlines(np.arange(0, width, stride), 0, height, **lines)
    axis.hlines(np.arange(0, height, stride), 0, width, **lines)
    for head, (where, share) in enumerate(zip(spots, shares)):
        color, marker = HEAD_LOOKS[head % len(HEAD_LOOKS)]
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
