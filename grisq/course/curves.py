"""Curves of training runs, drawn from their histories."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from grisq.course.charts import legend_below
from grisq.course.gradient_figures import TERM_STYLES
from grisq.course.style import METRIC_STYLES, SCENARIO_COLORS, SCENARIO_MARKERS
from grisq.experiments.registry import EXPERIMENTS, for_tuning, label_of
from grisq.experiments.selection import Results, runs_of
from grisq.runtime.errors import InputError

_METRIC_MARKERS = {"gIoU": "o", "cIoU": "s"}


def learning_curves(history: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Draw the terms of Eq. 5, gIoU and cIoU on val, and the accuracy of each head by scenario over the steps.

    N-acc is the accuracy of the presence head on no-target expressions. A head that a system lacks has an empty panel.

    history: as `Result.history`, or `history_columns` of a run's folder.
    """
    train, evaluations = history["train"], history["eval"]
    figure, (losses, masks, *heads) = plt.subplots(1, 4, figsize=(12.5, 3.2))
    for term, style in TERM_STYLES.items():
        losses.plot(train["step"], train[term], label=term, color=style["color"], linestyle=style["linestyle"])
    losses.set(title="loss terms, before λ", yscale="log")
    for metric, marker in _METRIC_MARKERS.items():
        look = METRIC_STYLES[metric] | {"marker": marker, "markersize": 5}
        masks.plot(evaluations["step"], evaluations[metric], label=metric, **look)
    masks.set(title="masks, part of val, %", ylim=(0, 102))
    for axis, head in zip(heads, ("presence", "plurality")):
        for scenario, color in SCENARIO_COLORS.items():
            if f"{head} {scenario}" in evaluations:
                style = {"color": color, "marker": SCENARIO_MARKERS[scenario], "markersize": 5, "label": scenario}
                axis.plot(evaluations["step"], evaluations[f"{head} {scenario}"], **style)
        axis.set(title=f"{head} right, %", ylim=(0, 102))
    for axis in (losses, masks, *heads):
        axis.set_xlabel("step")
        if axis.lines:
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2, frameon=False, fontsize=8)
    return figure


def plurality_curves(axis: Axes, evaluations: Sequence[Mapping[str, Sequence[float]]]) -> None:
    """Draw the accuracy of the plurality head over the steps, single- and multi-target apart (Fig. 5b).

    The line is the mean over the seeds, the band reaches from the lowest to the highest.

    Args:
        axis: to draw on.
        evaluations: of each seed the columns of its periodic evaluation, as `Result.history["eval"]`.
    """
    # Both are near 100 %, so the first has to show around the second.
    looks = {
        "single-target": {"markersize": 8, "fillstyle": "none"},
        "multi-target": {"markersize": 4, "linestyle": "--"},
    }
    for scenario, look in looks.items():
        style = {"color": SCENARIO_COLORS[scenario], "marker": SCENARIO_MARKERS[scenario], "linewidth": 1} | look
        steps, found = evaluations[0]["step"], np.array([each[f"plurality {scenario}"] for each in evaluations])
        axis.fill_between(steps, found.min(0), found.max(0), color=style["color"], alpha=0.2, linewidth=0)
        axis.plot(steps, found.mean(0), label=scenario, **style)


def presence_curves(results: Results, names: Sequence[str] | None = None, *, columns: int = 5) -> Figure:
    """Draw N-acc over the steps, a panel for each run: thin lines are seeds, the thick one their mean.

    It shows when presence takes off, which in short runs decides what is measured at their end. Values are those of the
    periodic evaluation, on a part of val.

    Args:
        results: by experiment and seed.
        names: of the runs, in this order; those that were not made are left out. By default every training that did
            not choose a learning rate, as registered.
        columns: panels in a line.
    Raises:
        InputError: none of them was run.
    """
    made = {name for (name, _), result in results.items() if result.history["eval"]}
    if not names:
        tuning = for_tuning()
        names = [name for name in dict.fromkeys((*EXPERIMENTS, *sorted(made))) if name not in tuning]
    names = [name for name in names if name in made]
    if not names:
        raise InputError("There is no run to draw: run grisq experiments run first.")
    columns = min(columns, len(names))
    lines = -(-len(names) // columns)
    size = {"figsize": (2.2 * columns + 0.6, 1.7 * lines + 0.7), "sharex": True, "sharey": True, "squeeze": False}
    figure, axes = plt.subplots(lines, columns, **size)
    for axis, name in zip(axes.flat, names):
        _presence_of_seeds(axis, [result.history["eval"] for result in runs_of(results, name)])
        seeds = len(runs_of(results, name))
        axis.set_title(f"{label_of(name)}, {seeds} seed{'s' * (seeds > 1)}", fontsize=9)
    for axis in axes.flat[len(names) :]:
        axis.axis("off")
    for axis in axes.flat[max(0, len(names) - columns) : len(names)]:  # the lowest of each column
        axis.tick_params(labelbottom=True)
        axis.set_xlabel("step", fontsize=9)
    axes[0, 0].set_ylim(0, 100)
    figure.supylabel("N-acc on a part of val, %", fontsize=9)
    legend_below(figure, [Line2D([], [], label=label, **style) for label, style in _SEED_LINES.items()])
    return figure


_SEED_LINES = {
    "a seed": {"color": "0.6", "linewidth": 0.9},
    "mean of the seeds": {"color": METRIC_STYLES["N-acc"]["color"], "linewidth": 2.4},
}


def _presence_of_seeds(axis: Axes, evaluations: Sequence[Mapping[str, Sequence[float]]]) -> None:
    curves = [dict(zip(each["step"], each["N-acc"])) for each in evaluations]
    thin, thick = _SEED_LINES.values()
    for curve in curves:
        axis.plot([*curve], [*curve.values()], **thin)
    shared = sorted(set.intersection(*map(set, curves)))
    axis.plot(shared, [np.mean([curve[step] for curve in curves]) for step in shared], **thick)
