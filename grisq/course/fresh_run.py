"""A run trained before the reader's eyes: a table and a figure of where it lies among the stored seeds."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from grisq.course.charts import legend_below
from grisq.course.tables import number
from grisq.experiments.fresh_run import METRICS, Place
from grisq.experiments.results import Result

_STORED = {"color": "0.6", "linewidth": 0.9}
_FRESH = {"color": "black", "linewidth": 2, "linestyle": "--", "marker": "o", "markersize": 3}


def placement_table(places: Sequence[Place]) -> pd.DataFrame:
    """Format a line for each metric: the fresh run, the stored one of its seed, and the others with their interval."""
    return pd.DataFrame(
        {
            "val, %": each.metric,
            "trained now": number(each.fresh, 2),
            "stored, same seed": number(each.same_seed, 2),
            "other seeds": each.seeds,
            "their mean": number(each.mean, 2),
            "smallest": number(each.smallest, 2),
            "largest": number(each.largest, 2),
            "95 % for one more training": f"{each.low:.2f} to {each.high:.2f}" if each.has_interval else "no interval",
            "inside": ("yes" if each.inside else "no") if each.has_interval else "",
        }
        for each in places
    )


def curves_over_seeds(fresh: Result, stored: Sequence[Result], label: str = "trained now") -> Figure:
    """Draw four metrics of the periodic evaluation over the steps: thin lines are stored seeds, the dashed one is new.

    The stored run of the same seed is left out, as in `place_among_seeds`: on the same type of processor it would lie
    exactly below the new one.

    Args:
        fresh: the run that stands out.
        stored: the seeds.
        label: of the fresh run, in the legend before its seed.
    """
    figure, axes = plt.subplots(1, len(METRICS), figsize=(12, 2.8), sharex=True)
    for axis, metric in zip(axes, METRICS):
        for each in (*(one for one in stored if one.seed != fresh.seed), fresh):
            evaluations = each.history["eval"]
            axis.plot(evaluations["step"], evaluations[metric], **(_FRESH if each is fresh else _STORED))
        axis.set(title=f"{metric}, part of val, %", xlabel="step")
    legend = {"stored, another seed": _STORED, f"{label}, seed {fresh.seed}": _FRESH}
    legend_below(figure, [Line2D([], [], label=label, **style) for label, style in legend.items()])
    return figure
