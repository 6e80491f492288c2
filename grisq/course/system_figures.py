"""What the systems of Table 1 cost and reach, drawn from stored results."""

from collections.abc import Iterable, Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from grisq.course.charts import legend_below
from grisq.course.style import OKABE_ITO
from grisq.experiments import paper
from grisq.experiments.comparison import experiment_of, means
from grisq.experiments.diagnostic_tables import own_thresholds
from grisq.experiments.registry import find_experiment, label_of
from grisq.experiments.results import Result
from grisq.experiments.selection import Results, runs_of, seeds_of
from grisq.experiments.tables import measured, spread_of

# What decides that there is no target: color and marker of a system's point.
DECIDED_BY = {
    "size of the mask": (OKABE_ITO["orange"], "o"),
    "a head": (OKABE_ITO["reddish purple"], "s"),
    "a word": ("black", "^"),
    "the scores of objects": (OKABE_ITO["sky blue"], "D"),
}
System = tuple[str, str]  # label, and what decides that there is no target: a key of `DECIDED_BY`
_WAYS = {"mattnet": "the scores of objects", "rela": "a head", "gsva": "a word", "ours": "a head"}
# Answers without a model, with the style of their line.
_OWN_REFERENCES, _TRUE_REFERENCES = {"blind-nothing": ":", "blind-category": "--"}, {"blind-all@truth": "-."}


def described(names: Iterable[str]) -> dict[str, System]:
    """What the figures need to know of the experiments of Table 1, by experiment."""
    titles = paper.systems()["name"]
    return {name: (titles[name], _WAYS.get(name, "size of the mask")) for name in names}


def gains_of_own_thresholds(stored: Results, systems: Mapping[str, System]) -> Figure:
    """Draw the gIoU of each system on val as it is (filled) and with a threshold of its own (open), a line each.

    Args:
        stored: results by experiment and seed; systems without any are left out.
        systems: by experiment.
    """
    trained = {name: about for name, about in systems.items() if seeds_of(stored, name)}
    figure, axis = plt.subplots(figsize=(11, 1.5 + 0.28 * len(trained)))
    _threshold_points(axis, stored, trained, own_thresholds(stored, [*trained]))
    _name_lines(axis, trained)
    axis.set(xlabel="gIoU on val, %")
    legend_below(figure, [*_handles(trained), _OWN_THRESHOLD, *_reference_lines(axis, stored, _OWN_REFERENCES)])
    return figure


def cost_and_quality(
    stored: Results, systems: Mapping[str, System], step_seconds: Mapping[str, float] | None = None
) -> Figure:
    """Draw what a training of each system takes, and beside it what it reaches on val; the fastest stands above.

    Bars are minutes; points are means over the seeds, their lines standard deviations. gIoU is shown as in Table 1,
    with a threshold of its own, and under the true presence, then the area under the ROC curve of what decides on
    presence.

    Args:
        stored: results by experiment and seed; systems without any are left out, and those without a measured time.
        systems: by experiment.
        step_seconds: of a training step, by system, all measured together (`grisq.experiments.costs`); without it the
            time is that of the runs themselves, which may have shared their machine.
    """
    minutes = {
        name: float(np.mean([_seconds(run, step_seconds) for run in runs_of(stored, name)])) / 60
        for name in systems
        if seeds_of(stored, name) and _timed(name, step_seconds)
    }
    trained = {name: systems[name] for name in sorted(minutes, key=minutes.get)}
    numbers = own_thresholds(stored, [*trained])
    figure, (time, own, true, presence) = plt.subplots(1, 4, figsize=(11, 1.5 + 0.28 * len(trained)), sharey=True)
    bars = time.barh(range(len(trained)), [minutes[name] for name in trained], color="0.8")
    time.bar_label(bars, fmt="%.0f", fontsize=8, padding=2)
    _threshold_points(own, stored, trained, numbers)
    for place, (name, (_, way)) in enumerate(trained.items()):
        _point(true, place, spread_of(measured(stored, f"{name}@truth")["gIoU"]), way)
        _point(presence, place, numbers.loc[(name, "AUROC")], way)
    time.set(title="training", xlabel="minutes")
    own.set(title="own presence", xlabel="gIoU, %")
    true.set(title="masks, true presence", xlabel="gIoU, %")
    presence.set(title="presence", xlabel="area under ROC, %")
    _name_lines(time, trained)
    lines = _reference_lines(own, stored, _OWN_REFERENCES) + _reference_lines(true, stored, _TRUE_REFERENCES)
    legend_below(figure, [*_handles(trained), _OWN_THRESHOLD, *lines])
    return figure


_OWN_THRESHOLD = Line2D(
    [], [], color="black", marker="o", fillstyle="none", linestyle="", label="with a threshold of its own"
)


def _handles(trained: Mapping[str, System]) -> list[Line2D]:
    used = {way for _, way in trained.values()}
    return [
        Line2D([], [], color=color, marker=marker, linestyle="", label=f"no target decided by {way}")
        for way, (color, marker) in DECIDED_BY.items()
        if way in used
    ]


def _reference_lines(axis: Axes, stored: Results, styles: Mapping[str, str]) -> list[Line2D]:
    """Draw the gIoU of answers without a model, by run; return what the legend shows."""
    return [
        axis.axvline(means(stored, run)["gIoU"], color="0.5", linestyle=style, linewidth=1, label=label_of(run))
        for run, style in styles.items()
        if seeds_of(stored, experiment_of(run))
    ]


def _threshold_points(axis: Axes, stored: Results, trained: Mapping[str, System], numbers: pd.DataFrame) -> None:
    for place, (name, (_, way)) in enumerate(trained.items()):
        as_it_is, own = numbers.loc[(name, "gIoU, as it is")], numbers.loc[(name, "gIoU, own threshold")]
        axis.plot([as_it_is["mean"], own["mean"]], [place, place], color="0.8", linewidth=1, zorder=0)
        _point(axis, place, as_it_is, way)
        _point(axis, place, own, way, fillstyle="none")


def _name_lines(axis: Axes, trained: Mapping[str, System]) -> None:
    axis.set_yticks(range(len(trained)), [label for label, _ in trained.values()])
    axis.set_ylim(max(1, len(trained)) - 0.5, -0.5)


def _point(axis: Axes, place: int, found: Mapping[str, float], way: str, **style: object) -> None:
    color, marker = DECIDED_BY[way]
    spread = None if np.isnan(found["std"]) else found["std"]
    axis.errorbar(found["mean"], place, xerr=spread, color=color, marker=marker, linestyle="", **style)


def _timed(experiment: str, step_seconds: Mapping[str, float] | None) -> bool:
    return step_seconds is None or find_experiment(experiment).system in step_seconds


def _seconds(run: Result, step_seconds: Mapping[str, float] | None) -> float:
    if step_seconds is None:
        return run.cost.seconds
    return run.step * step_seconds[find_experiment(run.experiment).system]
