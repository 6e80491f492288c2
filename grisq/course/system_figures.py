"""What the systems of Table 1 cost and reach, drawn from stored results."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grisq.course.charts import legend_below
from grisq.course.style import OKABE_ITO
from grisq.experiments.comparison import means
from grisq.experiments.registry import find_experiment, label_of
from grisq.experiments.results import Result
from grisq.experiments.selection import Results, runs_of, seeds_of
from grisq.experiments.tables import mean_and_spread

# What decides that there is no target: color and marker of a system's point.
DECIDED_BY = {
    "size of the mask": (OKABE_ITO["orange"], "o"),
    "a head": (OKABE_ITO["blue"], "s"),
    "a word": (OKABE_ITO["reddish purple"], "^"),
    "the scores of objects": (OKABE_ITO["bluish green"], "D"),
}
PANELS = {  # by title: the rule about presence, the metric, and an answer without a model to compare with
    "own presence": ("", "gIoU", "blind-nothing"),
    "true presence: masks alone": ("@truth", "gIoU", "blind-all"),
    "presence alone": ("", "MCC", None),
}


def cost_and_quality(
    stored: Results, systems: Mapping[str, tuple[str, str]], step_seconds: Mapping[str, float] | None = None
) -> Figure:
    """Draw quality on val over the time of a training, a point for each system; upper left is better.

    Bars are standard deviations over the seeds. A dashed line is an answer without a model, under the same rule.

    Args:
        stored: results by experiment and seed; systems without any are left out, and those without a measured time.
        systems: experiment -> (label, what decides that there is no target: a key of `DECIDED_BY`).
        step_seconds: of a training step, by system, all measured together (`grisq.experiments.costs`); without it the
            time is that of the runs themselves, which may have shared their machine.
    """
    trained = {name: about for name, about in systems.items() if seeds_of(stored, name) and _timed(name, step_seconds)}
    figure, axes = plt.subplots(1, len(PANELS), figsize=(11, 3.6))
    for axis, (title, (rule, metric, blind)) in zip(axes, PANELS.items()):
        for name, (label, way) in trained.items():
            minutes = np.mean([_seconds(run, step_seconds) for run in runs_of(stored, name)]) / 60
            values = [means({key: stored[key]}, name + rule)[metric] for key in stored if key[0] == name]
            _point(axis, minutes, values, label, DECIDED_BY[way])
        if blind and seeds_of(stored, blind):
            value = means(stored, blind + rule)[metric]
            axis.axhline(value, color="0.5", linestyle="--", linewidth=1)
            axis.annotate(
                label_of(blind),
                (0, value),
                xytext=(3, 3),
                textcoords="offset points",
                fontsize=8,
                color="0.4",
                xycoords=("axes fraction", "data"),
            )
        axis.set(title=title, xlabel="training, minutes", ylabel=f"{metric} on val, %")
        axis.margins(x=0.2, y=0.12)
    used = {way: DECIDED_BY[way] for way in DECIDED_BY if way in {way for _, way in trained.values()}}
    handles = [
        plt.Line2D([], [], color=color, marker=marker, linestyle="", label=f"no target decided by {way}")
        for way, (color, marker) in used.items()
    ]
    if handles:
        legend_below(figure, handles)
    return figure


def _timed(experiment: str, step_seconds: Mapping[str, float] | None) -> bool:
    return step_seconds is None or find_experiment(experiment).system in step_seconds


def _seconds(run: Result, step_seconds: Mapping[str, float] | None) -> float:
    if step_seconds is None:
        return run.cost.seconds
    return run.step * step_seconds[find_experiment(run.experiment).system]


def _point(axis: Axes, x: float, values: list[float], label: str, style: tuple[str, str]) -> None:
    color, marker = style
    mean, spread = mean_and_spread(values)
    axis.errorbar(x, mean, yerr=None if np.isnan(spread) else spread, color=color, marker=marker, linestyle="")
    axis.annotate(label, (x, mean), xytext=(5, 3), textcoords="offset points", fontsize=8)
