"""Curves of training runs, drawn from their histories."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from grisq.course.charts import legend_below
from grisq.course.style import OKABE_ITO, SCENARIO_COLORS, SCENARIO_MARKERS
from grisq.experiments.registry import EXPERIMENTS, for_tuning, label_of
from grisq.experiments.selection import Results, runs_of
from grisq.runtime.errors import InputError


def learning_curves(history: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Draw losses (Eq. 5), metrics on val, and the accuracy of both heads by scenario over the steps.

    history: as `Result.history`, or `history_columns` of a run's folder.
    """
    train, evaluations = history["train"], history["eval"]
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3))
    for name in ("pixel", "presence", "plurality"):
        left.plot(train["step"], train[name], label=name)
    left.set(title="terms of Eq. 5, before λ", xlabel="step", yscale="log")
    steps = evaluations["step"]
    styles = {
        "gIoU": ("o-", "blue"),
        "cIoU": ("s--", "sky blue"),
        "N-acc": ("X-", "vermillion"),
        "T-acc": ("^:", "black"),
    }
    for name, (line, color) in styles.items():
        middle.plot(steps, evaluations[name], line, color=OKABE_ITO[color], label=name)
    middle.set(title="val (part of it), %", xlabel="step", ylim=(0, 102))
    for scenario, color in SCENARIO_COLORS.items():
        for head, line, fill in (("presence", "--", "none"), ("plurality", "-", "full")):
            if f"{head} {scenario}" in evaluations:
                style = {"color": color, "marker": SCENARIO_MARKERS[scenario], "fillstyle": fill}
                style["label"] = f"{head}, {scenario}"
                right.plot(steps, evaluations[f"{head} {scenario}"], line, **style)
    right.set(title="accuracy of the heads, %", xlabel="step", ylim=(0, 102))
    for axis in (left, middle, right):
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.25), ncols=2, frameon=False, fontsize=8)
    return figure


def plurality_curves(axis: Axes, evaluations: Mapping[str, Sequence[float]], *, labeled: bool = True) -> None:
    """Draw the accuracy of the plurality head over the steps, single- and multi-target apart (Fig. 5b).

    Args:
        axis: to draw on.
        evaluations: columns of the periodic evaluation, as `Result.history["eval"]`.
        labeled: whether the lines get an entry in the legend.
    """
    # Both are near 100 %, so the first has to show around the second.
    looks = {
        "single-target": {"markersize": 8, "fillstyle": "none"},
        "multi-target": {"markersize": 4, "linestyle": "--"},
    }
    for scenario, look in looks.items():
        style = {"color": SCENARIO_COLORS[scenario], "marker": SCENARIO_MARKERS[scenario], "linewidth": 1} | look
        label = scenario if labeled else None
        axis.plot(evaluations["step"], evaluations[f"plurality {scenario}"], label=label, **style)


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
    "a seed": {"color": OKABE_ITO["sky blue"], "linewidth": 0.9},
    "mean of the seeds": {"color": OKABE_ITO["blue"], "linewidth": 2.4},
}


def _presence_of_seeds(axis: Axes, evaluations: Sequence[Mapping[str, Sequence[float]]]) -> None:
    curves = [dict(zip(each["step"], each["N-acc"])) for each in evaluations]
    thin, thick = _SEED_LINES.values()
    for curve in curves:
        axis.plot([*curve], [*curve.values()], **thin)
    shared = sorted(set.intersection(*map(set, curves)))
    axis.plot(shared, [np.mean([curve[step] for curve in curves]) for step in shared], **thick)
