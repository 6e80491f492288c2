"""The paper's figures drawn from stored results: every seed, the mean with its interval, and the paper's number."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from grisq.course.charts import difference_points, legend_below, level_points, reach
from grisq.course.style import OKABE_ITO
from grisq.evaluation.metrics import metrics_of
from grisq.experiments import paper
from grisq.experiments.comparison import (
    MARGIN,
    PRESENCE,
    contrast_of,
    decompose_gap,
    experiment_of,
    level_of,
    tallies,
)
from grisq.experiments.paper import METRICS
from grisq.experiments.registry import describe_pair
from grisq.experiments.selection import Results, seeds_of

# By title: our run, and the paper's bar (system, augmented).
FIGURE_4 = {
    "ReLA": ("rela", ("rela", False)),
    "ReLA + augm.": ("rela-augmented", ("rela", True)),
    "ours, not augmented": ("plurality", ("ours", False)),
    "ours": ("ours", ("ours", True)),
}
# The 2 x 2 of query and augmentation: run without and with augmentation, color, marker and line.
TWO_BY_TWO = {
    "pooled presence head": (("baseline", "baseline-augmented"), OKABE_ITO["orange"], "s", "--"),
    "target query": (("query", "query-augmented"), OKABE_ITO["reddish purple"], "o", "-"),
}


def figure4(results: Results) -> Figure:
    """Draw Fig. 4: ReLA and ours without and with augmentation on val.

    The paper's text has no numbers for ReLA with augmentation.
    """
    reported = paper.figure4().loc[[bar for _, bar in FIGURE_4.values()]].set_axis([*FIGURE_4])
    return levels(results, {title: run for title, (run, _) in FIGURE_4.items()}, reported)


def figure5a(results: Results) -> Figure:
    """Draw Fig. 5a: gIoU on val of ReLA's masks under three presence decisions, and of ours."""
    bars = paper.figure5a()
    return levels(results, bars["run"].to_dict(), bars[["gIoU"]].astype(float))


def gap_parts(results: Results, pairs: Sequence[tuple[str, str]]) -> Figure:
    """Draw where gaps in gIoU on val come from: a panel for the gap and for each part of it, a line for each pair.

    Args:
        results: by experiment and seed.
        pairs: system and reference; those of which one was not run are left out.
    """
    found = {
        describe_pair(*pair): decompose_gap(results, *pair)
        for pair in pairs
        if all(seeds_of(results, name) for name in pair)
    }
    parts = [part for each in [*found.values()][:1] for part in each if part not in (PRESENCE, MARGIN)]
    size = {"figsize": (11, 0.42 * len(found) + 1.3), "sharex": True, "sharey": True, "squeeze": False}
    figure, axes = plt.subplots(1, max(1, len(parts)), **size)
    for axis, part in zip(axes[0], parts):
        difference_points(axis, {pair: each[part] for pair, each in found.items()})
        axis.set(title=part.replace(" on ", "\non "), xlabel="points of gIoU")
    return figure


def levels(results: Results, runs: Mapping[str, str], reported: pd.DataFrame) -> Figure:
    """Draw runs on val, a panel for each metric, with `grisq.course.charts.level_points`.

    Args:
        results: by experiment and seed; runs that were not made have an empty line.
        runs: title -> run, which may have a rule about presence, as in "rela@truth".
        reported: the paper's values, a line for each title and a column for each metric to draw.
    """
    metrics = [*reported.columns]
    size = {"figsize": (3.4 * len(metrics) + 2.2, 0.42 * len(runs) + 1.3), "sharey": True, "squeeze": False}
    figure, axes = plt.subplots(1, len(metrics), **size)
    for axis, metric in zip(axes[0], metrics):
        found = {title: _level(results, run, metric) for title, run in runs.items()}
        level_points(axis, found, reported.loc[[*runs], metric])
        axis.set(title=metric, xlabel="% on val")
    return figure


def two_by_two(results: Results) -> Figure:
    """Draw query x augmentation on val: parallel lines mean that the gains add up, the titles give the overlap.

    The overlap is the query's gain without augmentation minus that with it, with its 95 % interval: the interaction,
    with the sign that the claims have.
    """
    figure, axes = plt.subplots(1, len(METRICS), figsize=(10, 3.2))
    for axis, metric in zip(axes, METRICS):
        for shift, (runs, color, marker, line) in zip((-0.04, 0.04), TWO_BY_TWO.values()):
            _effect(axis, [_level(results, run, metric) for run in runs], shift, color, marker, line)
        axis.set_title(f"{metric}\n{_overlap(results, metric)}", fontsize=9)
        axis.set_xticks((0, 1), ("plain", "augmented"))
        axis.set(xlim=(-0.35, 1.35), ylabel="% on val")
    handles = [
        Line2D([], [], color=color, marker=marker, linestyle=line, label=f"{title}: mean, 95 % interval")
        for title, (_, color, marker, line) in TWO_BY_TWO.items()
    ]
    style = {"color": "gray", "marker": "o", "fillstyle": "none", "linestyle": "none", "markersize": 4}
    legend_below(figure, [*handles, Line2D([], [], label="a seed", **style)])
    return figure


def _effect(axis, ends: list, shift: float, color: str, marker: str, line: str) -> None:
    """One line of the 2 x 2: seeds aside of the means, which are connected where both were run."""
    made = [(place + shift, *end) for place, end in enumerate(ends) if end[1] is not None]
    for place, seeds, mean in made:
        style = {"color": color, "marker": marker, "fillstyle": "none", "linestyle": "none", "markersize": 4}
        axis.plot([place + 2.5 * shift] * len(seeds), seeds, **style)
        axis.errorbar(place, mean.value, yerr=reach(mean), color=color, marker=marker, capsize=3)
    axis.plot([place for place, *_ in made], [mean.value for *_, mean in made], color=color, linestyle=line)


def _overlap(results: Results, metric: str) -> str:
    (plain_base, base), (plain_query, query) = (runs for runs, *_ in TWO_BY_TWO.values())
    weights = {plain_query: 1.0, plain_base: -1.0, query: -1.0, base: 1.0}
    if not all(seeds_of(results, run) for run in weights):
        return "overlap: not run"
    return f"overlap {contrast_of(results, weights, metric).describe()}"


def _level(results: Results, run: str, metric: str):
    """Percentages of the seeds and their mean with its interval; None for a run that was not made."""
    if not seeds_of(results, experiment_of(run)):
        return (), None
    return metrics_of(tallies(results, run).sum(1))[metric], level_of(results, run, metric)
