"""Curves of a training run, drawn from its history."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grisq.course.style import OKABE_ITO, SCENARIO_COLORS, SCENARIO_MARKERS


def learning_curves(history: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Draw losses (Eq. 5), metrics on val, and the accuracy of both heads by scenario over the steps.

    history: as `Result.history`, or `history_columns` of a run's folder.
    """
    train, evaluations = history["train"], history["eval"]
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3))
    for name in ("pixel", "presence", "plurality"):
        left.plot(train["step"], train[name], label=name)
    left.set(title="terms of Eq. 5, before λ", xlabel="step", yscale="log")
    left.legend(frameon=False)
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
    middle.legend(frameon=False)
    for scenario, color in SCENARIO_COLORS.items():
        for head, line in (("presence", "--"), ("plurality", "-")):
            if f"{head} {scenario}" in evaluations:
                style = {"color": color, "marker": SCENARIO_MARKERS[scenario], "label": f"{head}, {scenario}"}
                right.plot(steps, evaluations[f"{head} {scenario}"], line, **style)
    right.set(title="accuracy of the heads, %", xlabel="step", ylim=(0, 102))
    right.legend(frameon=False, fontsize=7)
    return figure


def plurality_curves(axis: Axes, evaluations: Mapping[str, Sequence[float]], *, labeled: bool = True) -> None:
    """Draw the accuracy of the plurality head over the steps, single- and multi-target apart (Fig. 5b).

    Args:
        axis: to draw on.
        evaluations: columns of the periodic evaluation, as `Result.history["eval"]`.
        labeled: whether the lines get an entry in the legend.
    """
    for scenario in ("single-target", "multi-target"):
        style = {"color": SCENARIO_COLORS[scenario], "marker": SCENARIO_MARKERS[scenario]}
        label = scenario if labeled else None
        values = evaluations[f"plurality {scenario}"]
        axis.plot(evaluations["step"], values, label=label, markersize=4, linewidth=1, **style)
