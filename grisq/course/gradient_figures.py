"""Gradients drawn: which part of the model hears which loss, and whether two losses pull the same way (Eq. 5)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from grisq.course.charts import legend_below
from grisq.course.style import OKABE_ITO
from grisq.runtime.errors import InputError

# Of the terms of Eq. 5. These are no kinds of expressions, so they have none of their colors.
TERM_STYLES = {
    "pixel": {"color": OKABE_ITO["orange"], "marker": "o", "linestyle": "-"},
    "presence": {"color": OKABE_ITO["reddish purple"], "marker": "D", "linestyle": "--"},
    "plurality": {"color": "black", "marker": "v", "linestyle": ":"},
}


def gradient_dots(strengths: Sequence[pd.DataFrame], labels: Mapping[str, str]) -> Figure:
    """Draw the strength of every term's gradient on every part, on a logarithmic scale; "none" where it is zero.

    A dot is the median over batches, its line reaches from the smallest to the largest.

    Args:
        strengths: of each batch a table with a line for each part, from the top, and a column for each term.
        labels: of the terms, in the legend.
    Raises:
        InputError: there is nothing but zeros to draw.
    """
    first = strengths[0]
    values = np.stack([table.loc[first.index, first.columns].to_numpy() for table in strengths])  # (batches, parts, K)
    if not (values > 0).any():
        raise InputError("There is no gradient to draw: all of them are zero.")
    figure, (none, axis) = plt.subplots(
        1, 2, figsize=(9, 0.5 * len(first) + 1), sharey=True, width_ratios=(1, 9), layout="constrained"
    )
    spread = 0.22
    for number, term in enumerate(first.columns):
        style = TERM_STYLES[term] | {"linestyle": "none"}
        for place, drawn in enumerate(values[:, :, number].T):
            where = place + spread * (number - (len(first.columns) - 1) / 2)
            if not drawn.any():
                none.plot(0, where, **style, fillstyle="none")
                continue
            middle = np.median(drawn)
            axis.errorbar(middle, where, xerr=[[middle - drawn.min()], [drawn.max() - middle]], capsize=2, **style)
    _rows(axis, none, list(first.index))
    legend_below(
        figure,
        [Line2D([], [], label=labels[term], **TERM_STYLES[term] | {"linestyle": "none"}) for term in first.columns],
    )
    return figure


def _rows(axis: Axes, none: Axes, parts: Sequence[str]) -> None:
    axis.set(xscale="log", xlabel="root mean square of the gradient on a weight")
    none.set(xlim=(-1, 1), xticks=[0], xticklabels=["none"], yticks=range(len(parts)), yticklabels=parts)
    none.set_ylim(len(parts) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)
    for each in (axis, none):
        each.hlines(np.arange(len(parts) - 1) + 0.5, 0, 1, transform=each.get_yaxis_transform(), color="0.85", lw=0.6)


def cosine_points(cosines: Mapping[str, Sequence[float]]) -> Figure:
    """Draw cosines between two gradients, a line for each part: every batch as an open dot, their mean as a bar.

    Args:
        cosines: by part, of each batch.
    """
    figure, axis = plt.subplots(figsize=(7, 0.5 * len(cosines) + 1.2), layout="constrained")
    for place, values in enumerate(cosines.values()):
        axis.plot(values, [place] * len(values), "o", color="black", fillstyle="none", markersize=5)
        axis.plot([np.mean(values)], [place], "|", color="black", markersize=18, markeredgewidth=2)
    axis.axvline(0, color="black", linewidth=0.8, linestyle=":")
    axis.set(xlim=(-1, 1), xlabel="against each other  ←  cosine  →  the same way")
    axis.set_yticks(range(len(cosines)), cosines)
    axis.set_ylim(len(cosines) - 0.5, -0.5)
    dots = {"marker": "o", "fillstyle": "none"}, {"marker": "|", "markersize": 12, "markeredgewidth": 2}
    labels = ("a batch", "mean of the batches")
    common = {"color": "black", "linestyle": "none"}
    legend_below(figure, [Line2D([], [], label=label, **common, **look) for label, look in zip(labels, dots)])
    return figure
