"""Where a position of the pixel decoder looks: its sampling spots in a MSDS block, on the grids that they read."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from grisq.analysis.trace import Trace
from grisq.course.charts import legend_below
from grisq.course.style import HEAD_STYLES
from grisq.data.sample import Sample
from grisq.runtime.errors import InputError

_MARGIN = 0.25  # of the canvas, drawn around the picture; spots farther out stand at its edge
_SHARES = (0.02, 0.1)  # whose dots the legend shows


def sampling_figure(
    sample: Sample, traced: Trace, block: int, place: tuple[int, int], strides: Sequence[int] = (8, 16, 32)
) -> Figure:
    """Draw the picture, and where one position of the finest level samples in a MSDS block, a panel for each level.

    A panel of a level shows the picture as coarse as the level's grid. A head has a color and a marker, and a dot's
    area is its share of the weight of all heads. The gray band around the picture reads as zero; a spot beyond it is
    drawn hollow, at the band's edge.

    Args:
        sample: to draw.
        traced: the model's trace of this sample alone.
        block: number of the MSDS block, from 0.
        place: (row, column) of the position on its grid, marked by a cross.
        strides: of the levels.

    Raises:
        InputError: the grid has no such place.
    """
    rows, columns = traced.levels[1].size
    if not (0 <= place[0] < rows and 0 <= place[1] < columns):
        raise InputError(f"There is no position {place} on a grid of {rows}x{columns}: count rows and columns from 0.")
    position = place[0] * columns + place[1]
    locations, weights = (each[0, position].float().cpu().numpy() for each in traced.sampling[block])
    spots, shares = len(sample.image) * locations, weights / len(weights)  # (heads, levels, points, ...)
    center = np.array([(number + 0.5) * strides[0] for number in place[::-1]])
    figure, (whole, *axes) = plt.subplots(1, 1 + len(strides), figsize=(3 * (1 + len(strides)), 3.7))
    _draw_cells(whole, sample, 1)
    for level, (axis, stride) in enumerate(zip(axes, strides)):
        size = _draw_cells(axis, sample, stride)
        for head, (where, share) in enumerate(zip(spots[:, level], shares[:, level])):
            _draw_spots(axis, head, where, share, center, size)
        axis.set_title(_title(spots[:, level], shares[:, level], stride, size), fontsize=9)
    whole.set_title(sample.text, fontsize=9)
    for axis in (whole, *axes):
        axis.plot(*center, "X", color="white", markeredgecolor="black", markersize=8, zorder=4)
    corner = center - strides[0] / 2
    axes[0].add_patch(Rectangle(corner, strides[0], strides[0], fill=False, edgecolor="black", linewidth=1.5))
    legend_below(figure, _handles(len(weights)))
    return figure


def _title(spots: np.ndarray, shares: np.ndarray, stride: int, size: np.ndarray) -> str:
    columns, rows = -(-size // stride)
    outside = shares[((spots < 0) | (spots > size)).any(-1)].sum()
    return (
        f"stride {stride}: {rows}×{columns} cells\n"
        f"{100 * shares.sum():.0f} % of the weight, {100 * outside:.0f} % outside"
    )


def _draw_cells(axis: Axes, sample: Sample, stride: int) -> np.ndarray:
    """Draw the mean color of every cell, and the band around the picture; return the picture's width and height."""
    valid = sample.valid.astype(float)
    height, width = int(valid[:, 0].sum()), int(valid[0].sum())
    cells = len(valid) // stride
    inside = valid.reshape(cells, stride, cells, stride)
    color = (sample.image * valid[..., None]).reshape(cells, stride, cells, stride, 3).sum((1, 3))
    color = color / np.maximum(inside.sum((1, 3)), 1)[..., None] / 255
    drawn = axis.imshow(color, extent=(0, len(valid), len(valid), 0))
    drawn.set_clip_path(Rectangle((0, 0), width, height, transform=axis.transData))
    if stride > 1:
        lines = {"color": "white", "linewidth": 0.6, "alpha": 0.7}
        axis.vlines(np.arange(0, width + 1, stride), 0, height, **lines)
        axis.hlines(np.arange(0, height + 1, stride), 0, width, **lines)
    margin = _MARGIN * len(valid)
    axis.set(xlim=(-margin, width + margin), ylim=(height + margin, -margin), xticks=[], yticks=[], facecolor="0.93")
    axis.spines[:].set_visible(False)
    return np.array([width, height])


def _draw_spots(
    axis: Axes, head: int, spots: np.ndarray, shares: np.ndarray, center: np.ndarray, size: np.ndarray
) -> None:
    """Draw the spots of one head (points, 2), with lines from the position; those beyond the band at its edge."""
    color, marker = HEAD_STYLES[head % len(HEAD_STYLES)]
    margin = _MARGIN * (axis.images[0].get_extent()[1]) - 3
    shown = spots.clip(-margin, size + margin)
    far = (shown != spots).any(-1)
    for (x, y), share in zip(shown, shares):
        axis.plot([center[0], x], [center[1], y], color=color, linewidth=1, alpha=min(1, 0.15 + 8 * share), zorder=2)
    face = np.where(far, "none", color)
    edge = np.where(far, color, "black")
    axis.scatter(*shown.T, s=_area(shares), c=face, marker=marker, edgecolor=edge, linewidth=0.8, zorder=3)


def _area(shares: np.ndarray) -> np.ndarray:
    """Of a dot, in square points."""
    return 8 + 1100 * np.asarray(shares)


def _handles(heads: int) -> list[Line2D]:
    """The legend: heads, the position, a spot far outside, and what the sizes mean."""
    plain = {"linestyle": "none", "markeredgecolor": "black", "markersize": 7}
    handles = [
        Line2D([], [], color=color, marker=marker, label=f"head {number}", **plain)
        for number, (color, marker) in enumerate(HEAD_STYLES[:heads], 1)
    ]
    handles.append(Line2D([], [], color="white", marker="X", label="the position that reads", **plain))
    handles.append(Line2D([], [], marker="o", fillstyle="none", label="a spot farther out", **plain))
    for share in _SHARES:
        size = plain | {"markersize": float(_area(share)) ** 0.5}
        handles.append(Line2D([], [], color="0.8", marker="o", label=f"{100 * share:.0f} % of the weight", **size))
    return handles
