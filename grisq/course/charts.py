"""Charts that several notebooks draw."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from grisq.analysis.significance import Difference
from grisq.course.style import HEAD_STYLES, OKABE_ITO, SCENARIO_COLORS
from grisq.runtime.errors import InputError

_HATCHES = ("", "//", "..", "xx", "\\\\", "oo", "++")


def grouped_bars(axis: Axes, table: pd.DataFrame, *, fmt: str | None = "%.0f", legend: str = "best") -> None:
    """One group of bars for each row of a table, one bar in it for each column.

    Columns differ by hatching, and by color unless the rows are kinds of expressions, which keep their own.
    `fmt`: how values are written on the bars, None for not at all; `legend`: its place. Errors: InputError for a table
    without columns.
    """
    if table.empty:
        raise InputError("There is nothing to draw: the table of the bars is empty.")
    width = 0.84 / len(table.columns)
    of_kinds = all(row in SCENARIO_COLORS for row in table.index)
    palette = list(OKABE_ITO.values())[2:]
    handles = []
    for number, (name, values) in enumerate(table.items()):
        color = [SCENARIO_COLORS[row] for row in table.index] if of_kinds else palette[number % len(palette)]
        hatch = _HATCHES[number % len(_HATCHES)]
        # Of kinds the legend tells hatchings apart, not colors.
        in_legend = "gray" if of_kinds else color
        handles.append(Patch(facecolor=in_legend, hatch=hatch, edgecolor="white", label=name))
        places = np.arange(len(table)) + width * (number - (len(table.columns) - 1) / 2)
        bars = axis.bar(places, values, 0.94 * width, color=color, hatch=hatch, edgecolor="white")
        if fmt:
            axis.bar_label(bars, fmt=fmt, fontsize=8)
    axis.set_xticks(range(len(table)), table.index)
    axis.legend(handles=handles, frameon=False, fontsize=8, loc=legend)


def difference_points(axis: Axes, differences: Mapping[str, Difference], reported: Sequence[float] = ()) -> None:
    """Differences by name, a line each from the top, with their intervals; filled where the interval excludes zero.

    `reported`: the paper's differences in the same order, nan where it gives none; open diamonds.
    """
    places = range(len(differences))
    for place, each in zip(places, differences.values()):
        color = OKABE_ITO["blue"] if each.excludes_zero else OKABE_ITO["sky blue"]
        fill = color if each.excludes_zero else "white"
        reach = [[max(0, each.value - each.low)], [max(0, each.high - each.value)]]
        axis.errorbar(each.value, place, xerr=reach, fmt="o", color=color, markerfacecolor=fill, capsize=3)
    if len(reported):
        axis.plot(reported, places, "D", color="black", fillstyle="none", linestyle="none", label="paper")
        axis.legend(frameon=False, fontsize=8)
    axis.axvline(0, color="black", linewidth=0.8, linestyle=":")
    axis.set_yticks(places, differences)
    axis.invert_yaxis()


def roc_bars(axis: Axes, areas: Mapping[str, tuple[float, float]]) -> None:
    """Areas under the ROC curve by name, each with its standard error: bars, two errors, and the coin's 0.5."""
    values, errors = np.array(list(areas.values())).T
    look = {"color": OKABE_ITO["sky blue"], "edgecolor": "black", "capsize": 3}
    bars = axis.bar(list(areas), values, yerr=2 * errors, **look)
    axis.bar_label(bars, fmt="%.2f", padding=2, fontsize=8)
    axis.axhline(0.5, color="black", linewidth=0.8, linestyle=":")
    axis.set(ylabel="area under ROC", ylim=(0, 1.15))


def head_points(axis: Axes, offsets: Sequence) -> None:
    """Sampling offsets of every attention head, (heads, points, 2) in cells, a color and marker for each head."""
    for number, where in enumerate(offsets):
        color, marker = HEAD_STYLES[number % len(HEAD_STYLES)]
        axis.plot(*np.asarray(where).T, marker, color=color, label=f"head {number + 1}")
    axis.set(aspect="equal")
    axis.invert_yaxis()
    axis.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
