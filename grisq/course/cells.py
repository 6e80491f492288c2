"""Positions of a feature map drawn as cells: which window computes them, what reaches them, where windows cut."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from grisq.course.attention import picture_axis
from grisq.course.style import OKABE_ITO
from grisq.data.sample import Sample
from grisq.runtime.errors import InputError

# Number 0 is no window at all; black letters can be read on all of them.
WINDOW_COLORS = ("#FFFFFF", *(OKABE_ITO[name] for name in ("sky blue", "orange", "yellow", "reddish purple")))
_FINEST = 16  # cells on a side that are still told apart by lines


def cut_axis(axis: Axes, sample: Sample, stride: int, window: int, *, shift: int = 0, title: str = "") -> None:
    """Draw a picture with thin lines between the positions of a stage and thick ones between its windows.

    Args:
        axis: to draw on.
        sample: the picture.
        stride: pixels from one position to the next.
        window: positions on the side of a window.
        shift: of the windows, in positions, down and to the right.
        title: of the axis.
    """
    picture_axis(axis, sample, title=title, gray=True)
    width, height = axis.get_xlim()[1], axis.get_ylim()[0]
    for step, start, look in (
        (stride, 0, {"color": "white", "linewidth": 0.5}),
        (stride * window, stride * shift, {"color": OKABE_ITO["orange"], "linewidth": 1.8}),
    ):
        axis.vlines(np.arange(start or step, width, step), 0, height, **look)
        axis.hlines(np.arange(start or step, height, step), 0, width, **look)


def window_axis(axis: Axes, windows: Sequence, *, letters: Sequence | None = None, title: str = "") -> None:
    """Draw cells in the color of the window that computes them.

    Args:
        axis: to draw on.
        windows: (H, W) numbers of windows, 1 to 4; 0 stays white.
        letters: (H, W) to write into the cells, or None.
        title: of the axis.

    Raises:
        InputError: there is no color for so many windows.
    """
    windows = np.asarray(windows)
    if windows.max() >= len(WINDOW_COLORS):
        raise InputError(f"There are colors for {len(WINDOW_COLORS) - 1} windows, not for {windows.max()}: draw fewer.")
    axis.imshow(windows, cmap=ListedColormap(WINDOW_COLORS), vmin=0, vmax=len(WINDOW_COLORS) - 1)
    for place in np.ndindex(windows.shape) if letters is not None else ():
        axis.text(*place[::-1], np.asarray(letters)[place], ha="center", va="center", fontsize=8)
    _frame(axis, windows.shape, title)


def value_axis(axis: Axes, values: Sequence, *, mark: tuple[int, int] | None = None, title: str = "", **look) -> None:
    """Draw a value in each cell; cells whose value is exactly zero stay white.

    Args:
        axis: to draw on.
        values: (H, W).
        mark: (row, column) of a cell that gets a cross, or None.
        title: of the axis.
        **look: of `imshow`, such as `cmap`, `vmin` and `vmax`.
    """
    values = np.asarray(values)
    axis.imshow(np.ma.masked_equal(values, 0), **{"cmap": "cividis", "vmin": 0} | look)
    if mark is not None:
        axis.plot(*mark[::-1], "X", color="white", markeredgecolor="black", markersize=8)
    _frame(axis, values.shape, title)


def stages_figure(sample: Sample, window: int, cuts: Sequence[tuple[int, int]]) -> Figure:
    """Draw a picture, and beside it how stages of a Swin cut it.

    Args:
        sample: the picture.
        window: positions on the side of a window.
        cuts: (stage, shift) of each drawing, stages from 1.
    """
    figure, axes = plt.subplots(1, 1 + len(cuts), figsize=(2 + 2 * len(cuts), 2.3))
    picture_axis(axes[0], sample, title="the picture")
    for axis, (stage, shift) in zip(axes[1:], cuts):
        title = f"stage {stage}, shifted" if shift else f"stage {stage}"
        cut_axis(axis, sample, 2 << stage, window, shift=shift, title=title)
    return figure


def windows_figure(plain: Sequence, shifted: Sequence, pieces: Sequence, shift: int) -> Figure:
    """Draw plain and shifted windows of a map, and who attends to whom in them.

    Args:
        plain: (H, W) numbers of the plain windows, from 1.
        shifted: likewise, of the shifted ones, where their positions lie on the map.
        pieces: (H, W) numbers of the pieces that nothing wraps around, from 0.
        shift: of the windows, in positions.
    """
    plain, shifted, pieces = map(np.asarray, (plain, shifted, pieces))
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))[pieces]
    after = {"shift": (-shift, -shift), "axis": (0, 1)}
    figure, axes = plt.subplots(1, 5, figsize=(12, 2.7))
    window_axis(axes[0], plain, title="plain windows")
    window_axis(axes[1], _pairs(plain, plain), title="plain: who attends to whom")
    window_axis(axes[2], shifted, letters=letters, title="shifted windows, on the map")
    window_axis(axes[3], np.roll(shifted, **after), letters=np.roll(letters, **after), title="the same, after the roll")
    window_axis(axes[4], _pairs(pieces, shifted), title="shifted: who attends to whom")
    for axis in axes[[1, 4]]:
        axis.set(xlabel="to which position", ylabel="from which position")
    return figure


def _pairs(same: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """(N, N): in row i the window of position i where `same` says that i may attend, else 0."""
    return (same.ravel()[:, None] == same.ravel()) * windows.ravel()[:, None]


def values_figure(
    maps: Mapping[str, Sequence], *, mark: tuple[int, int], label: str | None = None, side: float = 2.2, **look
) -> Figure:
    """Draw maps of values in a row, see `value_axis`.

    Args:
        maps: by title, (H, W) each.
        mark: (row, column) of the cell that gets a cross.
        label: of the color bar; None: there is none.
        side: of a map, inches.
        **look: of `imshow`, the same for all.
    """
    figure, axes = plt.subplots(1, len(maps), figsize=(side * len(maps) + 1.2 * bool(label), side + 0.3))
    for axis, (title, values) in zip(axes, maps.items()):
        value_axis(axis, values, mark=mark, title=title, **look)
    if label:
        figure.colorbar(axes[-1].images[0], ax=axes, label=label, extend="max")
    return figure


def bias_figure(index: Sequence, tables: Mapping[str, Sequence]) -> Figure:
    """Draw the index table of a small window, and learned biases around the position that looks.

    Args:
        index: (P, P) numbers of the offsets between two positions of a window.
        tables: by title, ((2 w - 1)^2,) biases of a head by offset, from the position that is looked at to the one
            that looks.
    """
    index = np.asarray(index)
    figure, axes = plt.subplots(1, 1 + len(tables), figsize=(2 + 2 * len(tables), 2.4))
    value_axis(axes[0], np.zeros_like(index), title="index table, window of 3")
    for place in np.ndindex(index.shape):
        axes[0].text(*place[::-1], index[place], ha="center", va="center", fontsize=6)
    for axis, (title, table) in zip(axes[1:], tables.items()):
        side = round(len(table) ** 0.5)
        around = np.asarray(table).reshape(side, side)[::-1, ::-1]  # what lies below has a negative offset
        value_axis(axis, around, mark=(side // 2, side // 2), title=title, cmap="PuOr", vmin=-1.5, vmax=1.5)
    figure.colorbar(axes[-1].images[0], ax=axes[-1], label="bias $b$", extend="both")
    return figure


def exchange_figure(maps: Mapping[str, Sequence], pieces: Sequence[str], other: str) -> Figure:
    """Draw how far each vector of an expression moves with each of its words.

    Args:
        maps: by title, (exchanged word, vector) each; the first and the last piece are not exchanged.
        pieces: of the expression.
        other: the word that is put in the place of another.
    """
    figure, axes = plt.subplots(1, len(maps), figsize=(4.75 * len(maps), 4))
    for axis, (title, moved) in zip(axes, maps.items()):
        value_axis(axis, moved, title=title, vmax=0.5)
        axis.set_xticks(range(len(pieces)), pieces, rotation=60)
        axis.set_yticks(range(len(pieces) - 2), pieces[1:-1])
        axis.set(ylabel=f"exchanged for “{other}”", xlabel="whose vector moves")
    figure.colorbar(axes[0].images[0], ax=axes, label="how far, of its length", extend="max")
    return figure


def _frame(axis: Axes, shape: tuple[int, int], title: str) -> None:
    """Lines between the cells of a small grid, and a frame around it."""
    H, W = shape
    if max(H, W) <= _FINEST:
        axis.vlines(np.arange(W + 1) - 0.5, -0.5, H - 0.5, color="0.6", linewidth=0.4)
        axis.hlines(np.arange(H + 1) - 0.5, -0.5, W - 0.5, color="0.6", linewidth=0.4)
    axis.spines[:].set_visible(True)
    axis.set(xticks=[], yticks=[], xlim=(-0.5, W - 0.5), ylim=(H - 0.5, -0.5))
    axis.set_title(title, fontsize=9)
