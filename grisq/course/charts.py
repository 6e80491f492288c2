"""Charts that several notebooks draw."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from grisq.course.style import HEAD_STYLES, OKABE_ITO, OTHER_COLORS, SCENARIO_COLORS, SCENARIO_HATCHES
from grisq.evaluation.intervals import Difference
from grisq.runtime.errors import InputError

_CHANCE = 0.5  # area under the ROC curve of a coin
_HATCHES = ("", "//", "..", "xx", "\\\\", "oo", "++")


def grouped_bars(axis: Axes, table: pd.DataFrame, *, fmt: str | None = "%.0f", legend: str = "best") -> None:
    """Draw a group of bars for each row of a table, with a bar for each column.

    Columns differ by hatching, and by color unless the rows are scenarios, which keep their own colors.

    Args:
        axis: to draw on.
        table: the heights of the bars.
        fmt: how values are written on the bars; None: they are not.
        legend: its place in the axes, or "below" the figure.
    Raises:
        InputError: the table is empty.
    """
    if table.empty:
        raise InputError("There is nothing to draw: the table of the bars is empty.")
    width = 0.84 / len(table.columns)
    of_scenarios = all(row in SCENARIO_COLORS for row in table.index)
    handles = []
    for number, (name, values) in enumerate(table.items()):
        color = (
            [SCENARIO_COLORS[row] for row in table.index] if of_scenarios else OTHER_COLORS[number % len(OTHER_COLORS)]
        )
        hatch = _HATCHES[number % len(_HATCHES)]
        # Between scenarios the legend explains hatchings, not colors.
        in_legend = "gray" if of_scenarios else color
        handles.append(Patch(facecolor=in_legend, hatch=hatch, edgecolor="white", label=name))
        places = np.arange(len(table)) + width * (number - (len(table.columns) - 1) / 2)
        bars = axis.bar(places, values, 0.94 * width, color=color, hatch=hatch, edgecolor="white")
        if fmt:
            axis.bar_label(bars, fmt=fmt, fontsize=8)
    axis.set_xticks(range(len(table)), table.index)
    if legend == "below":
        legend_below(axis.figure, handles)
    else:
        axis.legend(handles=handles, frameon=False, fontsize=8, loc=legend)


def stacked_shares(axis: Axes, shares: pd.DataFrame) -> None:
    """Draw a bar of 100 % for each row of a table, the first on top, divided among the scenarios.

    Args:
        axis: to draw on.
        shares: percent, a column for each scenario.
    """
    shares = shares[::-1]
    left = np.zeros(len(shares))
    for scenario, color in SCENARIO_COLORS.items():
        values = shares[scenario].to_numpy()
        hatch = SCENARIO_HATCHES[scenario]
        bars = axis.barh(shares.index, values, left=left, color=color, hatch=hatch, edgecolor="white", label=scenario)
        # Digits on hatching are hard to read: a patch of the bar's color lies under them.
        patch = {"facecolor": color, "edgecolor": "none", "pad": 1.5}
        labels = [f"{value:.1f}" for value in values]
        axis.bar_label(bars, labels, label_type="center", color="white", weight="bold", bbox=patch)
        left += values
    axis.set(xlim=(0, 100))
    legend_below(axis.figure, axis.get_legend_handles_labels()[0])


_NORMAL_95 = 1.96  # standard errors to either side of a mean

# A number of the paper, and one of ours that was drawn from several seeds.
PAPER_STYLE = {"color": "black", "marker": "D", "fillstyle": "none", "linestyle": "none", "markersize": 6}
OWN_STYLE = {"color": OKABE_ITO["reddish purple"], "marker": "o", "linestyle": "none"}
_SEED_STYLE = OWN_STYLE | {"color": "0.55", "fillstyle": "none", "markersize": 5}
_OPEN_STYLE = OWN_STYLE | {"markerfacecolor": "white"}
_CROSS_STYLE = OWN_STYLE | {"color": "0.4", "marker": "x"}


def legend_below(figure: Figure, handles: Sequence[Artist]) -> None:
    """Put one legend below the whole figure, where it cannot be taken for data; a second one is not added."""
    if not figure.legends:
        figure.legend(
            handles=handles, loc="outside lower center", ncols=min(len(handles), 4), frameon=False, fontsize=8
        )


def difference_points(axis: Axes, differences: Mapping[str, Difference], reported: Sequence[float] = ()) -> None:
    """Draw differences with their intervals, a line each from the top.

    A dot is filled where the interval excludes zero and open where it contains it; a cross has no interval at all.

    The legend stands below the figure, once for all of its axes.

    Args:
        axis: to draw on.
        differences: by name.
        reported: the paper's differences in the same order, nan where it gives none; drawn as open diamonds.
    """
    places = range(len(differences))
    for place, each in zip(places, differences.values()):
        axis.errorbar(each.value, place, xerr=reach(each), capsize=3 * each.has_interval, **_style_of(each))
    labels = {"here, interval without zero": OWN_STYLE, "here, interval contains zero": _OPEN_STYLE}
    if not all(each.has_interval for each in differences.values()):
        labels["here, a single training: no interval"] = _CROSS_STYLE
    if np.isfinite(reported).any():
        axis.plot(reported, places, **PAPER_STYLE)
        labels["paper"] = PAPER_STYLE
    axis.axvline(0, color="black", linewidth=0.8, linestyle=":")
    axis.set_yticks(places, differences)
    axis.set_ylim(len(differences) - 0.5, -0.5)
    legend_below(axis.figure, [Line2D([], [], label=label, **style) for label, style in labels.items()])


def _style_of(found: Difference) -> dict:
    if not found.has_interval:
        return _CROSS_STYLE
    return OWN_STYLE if found.excludes_zero else _OPEN_STYLE


def level_points(
    axis: Axes, levels: Mapping[str, tuple[Sequence[float], Difference | None]], reported: Sequence[float] = ()
) -> None:
    """Draw levels, a line each from the top: every seed as an open dot, their mean with its interval, the paper's.

    Points need no axis from zero, as bars do. The legend stands below the figure, once for all of its axes.

    Args:
        axis: to draw on.
        levels: by name, percentages of the seeds and their mean with its interval; None: not run.
        reported: the paper's values in the same order, nan where it gives none; drawn as open diamonds.
    """
    places = range(len(levels))
    for place, (seeds, mean) in zip(places, levels.values()):
        if mean is not None:
            axis.plot(seeds, [place - 0.2] * len(seeds), **_SEED_STYLE)
            axis.errorbar(mean.value, place, xerr=reach(mean), capsize=3, **OWN_STYLE)
    labels = {"here, each seed": _SEED_STYLE, "here, mean with 95 % interval": OWN_STYLE}
    if np.isfinite(reported).any():
        axis.plot(reported, np.array(places) + 0.2, **PAPER_STYLE)
        labels["paper"] = PAPER_STYLE
    axis.set_yticks(places, levels)
    axis.set_ylim(len(levels) - 0.5, -0.5)
    axis.grid(axis="x", color="#E0E0E0", linewidth=0.6)
    axis.set_axisbelow(True)
    legend_below(axis.figure, [Line2D([], [], label=label, **style) for label, style in labels.items()])


def mean_points(
    axis: Axes, values: Mapping[str, Mapping[str, np.ndarray]], styles: Mapping[str, tuple[str, str]]
) -> None:
    """Draw means with their 95 % intervals, a line for each row from the top and a marker for each group.

    The legend of several groups stands below the figure.

    Args:
        axis: to draw on.
        values: by row and group, one value for each sample, (N,); a row need not have every group.
        styles: color and marker of each group, in the legend's order.
    """
    apart = 0.5 / len(styles)
    for place, of_groups in enumerate(values.values()):
        for number, (group, (color, marker)) in enumerate(styles.items()):
            if group in of_groups:
                each = np.asarray(of_groups[group], dtype=float)
                error = _NORMAL_95 * each.std(ddof=1) / len(each) ** 0.5
                y = place + apart * (number - (len(styles) - 1) / 2)
                axis.errorbar(each.mean(), y, xerr=error, color=color, marker=marker, linestyle="", capsize=3)
    axis.set_yticks(range(len(values)), values)
    axis.set_ylim(len(values) - 0.5, -0.5)
    axis.grid(axis="x", color="#E0E0E0", linewidth=0.6)
    axis.set_axisbelow(True)
    if len(styles) > 1:
        looks = [{"color": color, "marker": marker, "linestyle": ""} for color, marker in styles.values()]
        legend_below(axis.figure, [Line2D([], [], label=group, **look) for group, look in zip(styles, looks)])


def reach(found: Difference) -> np.ndarray:
    """How far the interval reaches to either side, as `errorbar` takes it; nothing where there is none."""
    return np.nan_to_num([[found.value - found.low], [found.high - found.value]]).clip(min=0)


def roc_bars(axis: Axes, areas: Mapping[str, tuple[float, float]]) -> None:
    """Draw areas under the ROC curve as bars that start at chance, 0.5, so that their length is what is known.

    Args:
        axis: to draw on.
        areas: by name, each with its standard error; two of these are drawn to either side.
    """
    values, errors = np.array(list(areas.values())).T
    style = {"color": OKABE_ITO["sky blue"], "edgecolor": "black", "capsize": 3}
    axis.bar(list(areas), values - _CHANCE, bottom=_CHANCE, yerr=2 * errors, **style)
    for place, (value, error) in enumerate(zip(values, errors)):
        place_above = (place, max(value + 2 * error, _CHANCE))
        axis.annotate(f"{value:.2f}", place_above, (0, 2), textcoords="offset points", ha="center", fontsize=8)
    axis.axhline(_CHANCE, color="black", linewidth=0.8)
    axis.set(ylabel="area under ROC; 0.5 is chance", ylim=(min(_CHANCE, *(values - 2 * errors)) - 0.04, 1.06))
    axis.spines["bottom"].set_visible(False)
    axis.tick_params(axis="x", length=0)


def head_points(axis: Axes, offsets: Sequence) -> None:
    """Draw the sampling offsets of every attention head, each with its color and marker.

    offsets: (heads, points, 2), x and y in cells.
    """
    for number, where in enumerate(offsets):
        color, marker = HEAD_STYLES[number % len(HEAD_STYLES)]
        axis.plot(*np.asarray(where).T, marker, color=color, label=f"head {number + 1}")
    axis.set(aspect="equal")
    axis.invert_yaxis()
    axis.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
