"""Figures about training itself: the schedule, learning rates, clipping, and how often each expression was seen."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from grisq.course.charts import legend_below
from grisq.course.style import METRIC_STYLES, OKABE_ITO
from grisq.experiments.registry import label_of
from grisq.experiments.results import Result
from grisq.experiments.selection import Results, runs_of
from grisq.experiments.tuning import Trial
from grisq.runtime.errors import InputError

# Of several curves in one axis; no kind of expression has these colors.
_LINES = (
    {"color": "black", "linestyle": "-"},
    {"color": OKABE_ITO["reddish purple"], "linestyle": "--"},
    {"color": OKABE_ITO["orange"], "linestyle": "-."},
    {"color": OKABE_ITO["sky blue"], "linestyle": ":"},
)
_OTHERS = {"color": "0.75", "linewidth": 1, "marker": "."}
_SMOOTH = 5  # records of the loss whose mean is drawn
_ONE = {"color": "black", "linewidth": 2.2, "marker": "o"}


def step_curves(axis: Axes, curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> None:
    """Draw curves over the steps, with the legend beside the axes.

    Args:
        axis: to draw on.
        curves: steps and values, by the name in the legend; four at most.
    """
    for (name, (steps, values)), look in zip(curves.items(), _LINES, strict=False):
        axis.plot(steps, values, label=name, linewidth=1.8, **look)
    axis.set(xlabel="step", ylim=(0, None))
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=8)


def rate_figure(trials: Sequence[Trial], system: str, label: str) -> Figure:
    """Draw what the learning rate does: left for all systems, right for one system, masks and presence apart.

    On the left the score is relative to the system's best, so that systems of different quality can be compared; the
    names of the others stand at the lowest rate.

    Args:
        trials: every rate that was tried.
        system: the one that stands out.
        label: what it is called.
    Raises:
        InputError: no rate was tried for it.
    """
    by_system: dict[str, list[Trial]] = {}
    for trial in trials:
        by_system.setdefault(trial.system, []).append(trial)
    if system not in by_system:
        raise InputError(f"No learning rate was tried for {system!r}: run grisq experiments run --all first.")
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), width_ratios=(3, 2))
    ends: dict[str, tuple[float, float]] = {}
    for name in sorted(by_system, key=lambda each: each == system):  # the one that stands out is drawn last
        tried = sorted(by_system[name], key=lambda trial: trial.lr)
        best = max(trial.score for trial in tried)
        rates = [trial.lr for trial in tried]
        left.plot(rates, [trial.score - best for trial in tried], **(_ONE if name == system else _OTHERS))
        ends[name] = (tried[0].lr, tried[0].score - best)
    _name_ends(left, {label_of(name): end for name, end in ends.items() if name != system})
    chosen = sorted(by_system[system], key=lambda trial: trial.lr)
    looks = {"IoU single": {"color": "0.45", "marker": "s"}, "N-acc": METRIC_STYLES["N-acc"] | {"marker": "D"}}
    for metric, look in looks.items():
        right.plot([trial.lr for trial in chosen], [trial.metrics[metric] for trial in chosen], **look)
    left.set(title="score, relative to the system's best", ylabel="points")
    right.set(title=label, ylabel="%", ylim=(0, None))
    for axis in (left, right):
        axis.set(xscale="log", xlabel="highest learning rate")
        axis.set_xticks([trial.lr for trial in chosen], [f"{trial.lr:g}" for trial in chosen])
        axis.minorticks_off()
    labels = {label: _ONE, "another system": _OTHERS} | looks
    legend_below(figure, [Line2D([], [], label=label, **style) for label, style in labels.items()])
    return figure


def _name_ends(axis: Axes, ends: Mapping[str, tuple[float, float]]) -> None:
    """Write names left of the points (x, y), at least a line apart, with a thin line to the point of each."""
    low, high = axis.get_ylim()
    names = sorted(ends, key=lambda name: ends[name][1])
    apart, y = (high - low) / 13, -np.inf
    for name in names:
        y = max(y + apart, ends[name][1])
        axis.annotate(
            name,
            ends[name],
            (-22, y),
            textcoords=("offset points", "data"),
            ha="right",
            va="center",
            fontsize=8,
            arrowprops={"arrowstyle": "-", "color": "0.75", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 2},
        )
    axis.margins(x=0.05)
    axis.spines["left"].set_visible(False)
    axis.yaxis.tick_right()
    axis.yaxis.set_label_position("right")


def clipping_figure(results: Results, names: Sequence[str], clip: float) -> Figure:
    """Draw the norm of the gradient before clipping over the steps, a panel for each run with all of its seeds.

    Args:
        results: by experiment and seed.
        names: of the runs.
        clip: the norm at which gradients are clipped.
    Raises:
        InputError: one of them was not run.
    """
    figure, axes = plt.subplots(1, len(names), figsize=(3.4 * len(names), 2.8), sharey=True, squeeze=False)
    for axis, name in zip(axes[0], names):
        histories = [result.history["train"] for result in _runs(results, name)]
        steps, norms = (np.concatenate([each[column] for each in histories]) for column in ("step", "gradient_norm"))
        axis.plot(steps, norms, ".", color=OKABE_ITO["sky blue"], markersize=4)
        axis.axhline(clip, color="black", linewidth=1)
        axis.set(yscale="log", xlabel="step")
        axis.set_title(f"{label_of(name)}: {100 * np.mean(norms > clip):.0f} % are clipped", fontsize=10)
    axes[0, 0].set_ylabel("norm of the gradient")
    looks = {"a step of one of the seeds": {"color": OKABE_ITO["sky blue"], "marker": ".", "linestyle": "none"}}
    looks |= {f"clipped to {clip:g}": {"color": "black"}}
    legend_below(figure, [Line2D([], [], label=label, **style) for label, style in looks.items()])
    return figure


def passes_figure(results: Results, names: Sequence[str]) -> Figure:
    """Draw the pixel loss in training and gIoU on a part of val over how often each expression was seen.

    A run has a line for each seed. If it learned by heart, the loss would go on falling while gIoU falls.

    Args:
        results: by experiment and seed.
        names: of the runs.
    Raises:
        InputError: one of them was not run.
    """
    figure, (loss, giou) = plt.subplots(1, 2, figsize=(10, 3))
    handles = []
    for name, look in zip(names, _LINES):
        for result in _runs(results, name):
            per_step = result.settings["train"]["batch"] / result.counts["train"]["expressions"]
            train, evaluations = result.history["train"], result.history["eval"]
            width = {"linewidth": 1.2}
            loss.plot(
                per_step * np.array(train["step"]),
                pd.Series(train["pixel"]).rolling(_SMOOTH, center=True, min_periods=1).mean(),
                **look,
                **width,
            )
            giou.plot(per_step * np.array(evaluations["step"]), evaluations["gIoU"], **look, **width)
        handles.append(Line2D([], [], label=label_of(name), **look))
    loss.set(title="pixel loss, training", ylim=(0, None))
    giou.set(title="gIoU, part of val, %", ylim=(0, None))
    for axis in (loss, giou):
        axis.set_xlabel("passes over the training expressions")
    legend_below(figure, handles)
    return figure


def _runs(results: Results, name: str) -> list[Result]:
    found = runs_of(results, name)
    if not found:
        raise InputError(f"The run {name} has no stored result: make it with grisq experiments run {name}.")
    return found
