"""A report as a picture: numbers with intervals, and the presence threshold's curve."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grisq.evaluation.scoring.report import OfSplit, Report

_MINE, _OTHER = "#000000", "#E69F00"  # black and orange: the colors of the course's kinds stay theirs
_CURVE = {"giou": ("gIoU", "#000000", "-"), "n_acc": ("N-acc", "#56B4E9", "-."), "t_acc": ("T-acc", "#CC79A7", ":")}


def report_figure(report: Report, protocol: str | None = None) -> Figure:
    """Draw a line of two panels for each split: metrics with 95 % intervals, and the curve of the presence threshold.

    protocol: whose metrics are drawn, by default the first one.
    """
    figure = Figure(figsize=(10, 0.8 + 3.2 * len(report.splits)), layout="constrained")
    axes = figure.subplots(len(report.splits), 2, squeeze=False)
    for line, (split, found) in zip(axes, report.splits.items()):
        name = protocol or next(iter(found.protocols))
        _metrics(line[0], found, name, report.compared_with)
        line[0].set_title(f"{split}: {name}")
        _curve(line[1], found)
    figure.suptitle(report.predictions)
    return figure


def _metrics(axis: Axes, found: OfSplit, protocol: str, compared_with: str | None) -> None:
    outcome = found.protocols[protocol]
    names = [name for name, value in outcome.metrics.items() if value.value is not None]
    for place, name in enumerate(names):
        value = outcome.metrics[name]
        if value.low is not None:
            axis.plot([value.low, value.high], [place, place], color=_MINE, linewidth=1.5)
        axis.plot(value.value, place, "o", color=_MINE)
        less = outcome.differences.get(name)
        if less is not None and less.value is not None:
            axis.plot(value.value - less.value, place, "D", color=_OTHER, fillstyle="none")
    axis.set(yticks=range(len(names)), yticklabels=names, xlabel="percent, with the 95 % interval for other pictures")
    axis.invert_yaxis()
    axis.grid(axis="x", linewidth=0.3)
    if compared_with:
        axis.plot([], [], "D", color=_OTHER, fillstyle="none", label=compared_with)
        axis.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0, -0.16))
    axis.spines[["top", "right"]].set_visible(False)


def _curve(axis: Axes, found: OfSplit) -> None:
    curve = found.presence
    if curve is None:
        axis.text(0.5, 0.5, "no probability of presence,\nso no threshold to choose", ha="center", va="center")
        axis.set_axis_off()
        return
    for field, (name, color, line) in _CURVE.items():
        values = [float("nan") if value is None else value for value in getattr(curve, field)]
        axis.plot(curve.threshold, values, line, color=color, label=name)
    known = "" if curve.auroc is None else f", AUROC {curve.auroc:.1f}"
    axis.set(xlabel="presence threshold", ylabel="percent, rules of rela", title=f"presence{known}", ylim=(-2, 102))
    axis.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    axis.spines[["top", "right"]].set_visible(False)
