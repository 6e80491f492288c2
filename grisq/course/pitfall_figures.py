"""The figures of notebook 14, each drawn from numbers that the notebook computes: how a right number can mislead.

A run has one look in all of them, in the color of what decides on its presence, as everywhere in the course.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from grisq.course.charts import legend_below, reach
from grisq.course.style import SCENARIO_COLORS, SCENARIO_MARKERS
from grisq.course.system_figures import DECIDED_BY
from grisq.evaluation.intervals import Difference
from grisq.evaluation.metrics import giou_at_share
from grisq.experiments.registry import label_of

_LOOKS = {  # color and marker by run
    "mattnet": DECIDED_BY["the scores of objects"],
    "lavt": DECIDED_BY["size of the mask"],
    "ours": DECIDED_BY["a head"],
    "plurality": (DECIDED_BY["a head"][0], "v"),
}
_HOLLOW = {"plurality"}  # ours without augmentation: the same color, an open marker and a dashed line
_BLIND_LINES = {"blind-nothing": ":", "blind-category": "--"}
_OTHERS, _COIN = "0.75", {"color": "0.6", "linestyle": ":", "label": "a coin"}


def giou_over_share(parts: Mapping[str, tuple[float, float]], marks: Mapping[str, float]) -> Figure:
    """Draw the gIoU that the same answers would have at every share of no-target expressions.

    Args:
        parts: N-acc and IoU of targeted expressions, percent, by run. Answers without a model are dashed or dotted,
            and runs without a color of their own are thin gray ones.
        marks: shares in percent to draw a line at, by name.
    """
    figure, axis = plt.subplots(figsize=(9, 4))
    share = np.linspace(0, 0.8, 81)
    for run, (n_acc, targeted) in parts.items():
        color = _LOOKS[run][0] if run in _LOOKS else "black" if run in _BLIND_LINES else _OTHERS
        label = None if color == _OTHERS else label_of(run)
        look = {"color": color, "linestyle": _BLIND_LINES.get(run, "-"), "linewidth": 2 if label else 1, "label": label}
        axis.plot(100 * share, giou_at_share(n_acc, targeted, share), **look)
    axis.plot([], [], color=_OTHERS, label="the other systems")
    for name, place in marks.items():
        axis.axvline(place, color="0.5", linewidth=0.7)
        axis.text(place, 89, name, ha="center", va="bottom", fontsize=9)
    axis.set(xlabel="expressions without target, %", ylabel="gIoU, %", xlim=(0, 80), ylim=(0, 88))
    return _with_legend(figure, axis)


def presence_tradeoff(
    t_acc: np.ndarray, curves: Mapping[str, np.ndarray], published: Mapping[str, tuple[float, float]]
) -> Figure:
    """Draw N-acc against T-acc: what a run's presence knows is a line, the threshold that it uses a point on it.

    Args:
        t_acc: percent, (K,).
        curves: N-acc at these, (K,), by run.
        published: T-acc and N-acc of the run as it is.
    """
    figure, axis = plt.subplots(figsize=(7.5, 3.6))
    for run, n_acc in curves.items():
        look = _look(run)
        axis.plot(t_acc, n_acc, color=look["color"], linestyle=look["linestyle"])
        axis.plot(*published[run], markersize=9, label=label_of(run), **look)
    axis.plot([0, 100], [100, 0], **_COIN)
    axis.set(xlabel="T-acc, %", ylabel="N-acc, %", xlim=(t_acc.min(), 101), ylim=(0, 100))
    return _with_legend(figure, axis)


def iou_by_part(bands: pd.DataFrame, name: str) -> Figure:
    """Draw the IoU of targets over their part of the pixels of all objects, and what painting all objects earns.

    Args:
        bands: indexed by kind of expression and band, columns part and iou (percent) and sem, the standard error of
            iou, of which two are drawn to either side.
        name: of the system.
    """
    figure, axis = plt.subplots(figsize=(7.5, 3.6))
    for kind in bands.index.unique(0)[::-1]:
        found = bands.loc[kind]
        look = {"color": SCENARIO_COLORS[kind], "marker": SCENARIO_MARKERS[kind]}
        axis.errorbar(found["part"], found["iou"], 2 * found["sem"], capsize=3, label=f"{name}, {kind}", **look)
    axis.plot([0, 100], [0, 100], color="0.4", linestyle="--", label="all objects painted")
    axis.set(xlabel="targets' part of the pixels of all objects, %", ylabel="IoU, %", xlim=(0, 100), ylim=(0, 100))
    return _with_legend(figure, axis)


def chosen_steps(evaluations: Mapping[str, Sequence[pd.DataFrame]]) -> Figure:
    """Draw which checkpoint a val split without single targets would choose, and what it does to single targets.

    evaluations: of each training of a run, columns step, "without single" (gIoU on such a split) and "IoU single".
    """
    figure, axes = plt.subplots(1, len(evaluations), figsize=(10, 3), sharey=True, squeeze=False)
    columns = {"without single": "black", "IoU single": SCENARIO_COLORS["single-target"]}
    for axis, (run, trainings) in zip(axes[0], evaluations.items()):
        for found in trainings:
            best = found.loc[found["without single"].idxmax()]
            for column, color in columns.items():
                axis.plot(found["step"], found[column], color=color, linewidth=0.8)
                axis.plot(best["step"], best[column], "o", color=color, markersize=7)
        axis.set(title=label_of(run), xlabel="step", ylim=(0, 85))
    axes[0, 0].set(ylabel="%")
    titles = ("gIoU on no-target and multi-target only; dot: best step", "IoU of single targets; dot: at that step")
    looks = [{"color": color, "marker": "o", "label": title} for color, title in zip(columns.values(), titles)]
    legend_below(figure, [Line2D([], [], **look) for look in looks])
    return figure


def single_pairs(found: Mapping[str, tuple[np.ndarray, Difference]]) -> Figure:
    """Draw differences in gIoU: one for every pair of trainings, and that of the means with its interval.

    found: by name.
    """
    figure, axis = plt.subplots(figsize=(8.5, 1 + 0.5 * len(found)))
    looks = {
        "one training of each": {"color": "0.5", "marker": "o", "fillstyle": "none", "markersize": 5, "linestyle": ""},
        "means, 95 % interval": {"color": "black", "marker": "o", "linestyle": ""},
    }
    one, means = looks.values()
    for place, (pairs, mean) in enumerate(found.values()):
        axis.plot(pairs, np.full(len(pairs), place - 0.15), **one)
        axis.errorbar(mean.value, place + 0.15, xerr=reach(mean), capsize=3, **means)
    axis.axvline(0, color="black", linewidth=0.8, linestyle=":")
    axis.set_yticks(range(len(found)), found)
    axis.set(ylim=(len(found) - 0.5, -0.5), xlabel="difference in gIoU on val, points")
    legend_below(figure, [Line2D([], [], label=label, **look) for label, look in looks.items()])
    return figure


def ranking_by_edit(
    tables: Mapping[str, pd.DataFrame], edits: Sequence[str], intervals: Mapping[tuple[str, str], tuple[float, float]]
) -> Figure:
    """Draw how many counterfactual pairs of each edit are ranked right, with intervals.

    Args:
        tables: of each run, as `grisq.evaluation.counterfactual.table` makes them.
        edits: their order from the top.
        intervals: low and high, percent, by run and edit.
    """
    figure, axis = plt.subplots(figsize=(7.5, 3.6))
    for number, (run, found) in enumerate(tables.items()):
        heights = np.arange(len(edits)) + 0.17 * (number - (len(tables) - 1) / 2)
        values = found.loc[[*edits], "ranking accuracy"].to_numpy()
        reached = np.abs(np.array([intervals[run, edit] for edit in edits]).T - values)
        look = _look(run) | {"markersize": 7, "linestyle": "", "label": label_of(run)}
        axis.errorbar(values, heights, xerr=reached, elinewidth=1, **look)
    axis.axvline(50, **_COIN)
    pairs = next(iter(tables.values()))["pairs"]
    axis.set_yticks(range(len(edits)), [f"{edit} ({pairs[edit]:.0f} pairs)" for edit in edits])
    axis.set(ylim=(len(edits) - 0.5, -0.5), xlabel="pairs with the higher presence where the target is, %")
    return _with_legend(figure, axis)


def _look(run: str) -> dict[str, str]:
    color, marker = _LOOKS[run]
    look = {"color": color, "marker": marker, "linestyle": "--" if run in _HOLLOW else "-"}
    return look | ({"markerfacecolor": "white"} if run in _HOLLOW else {})


def _with_legend(figure: Figure, axis: Axes) -> Figure:
    axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
