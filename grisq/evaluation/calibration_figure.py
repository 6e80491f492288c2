"""The calibration curve as a picture."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from grisq.evaluation.calibration import Calibration
from grisq.runtime.errors import InputError

# Color, marker and line of the first curve and the second: Okabe and Ito's black and orange, which no kind of
# expression has in the course.
_LOOKS = (("#000000", "o", "-"), ("#E69F00", "s", "--"))


def calibration_figure(curves: Mapping[str, Calibration]) -> Figure:
    """Draw what was really present over what was predicted, a point for each bin that is not empty.

    The larger the point, the more expressions are in its bin. On the gray diagonal a probability is a frequency.

    The legend has each curve's expected calibration error (ECE).

    Args:
        curves: one or two, by the name that the legend gives them.
    Raises:
        InputError: there are more.
    """
    if len(curves) > len(_LOOKS):
        raise InputError(f"A figure has room for {len(_LOOKS)} curves, not {len(curves)}: draw two figures.")
    figure = Figure(figsize=(4, 4), layout="constrained")
    axis = figure.subplots()
    axis.plot([0, 100], [0, 100], color="gray", linewidth=0.8)
    for (name, found), (color, marker, line) in zip(curves.items(), _LOOKS):
        filled = [each for each in found.bins if each.n]
        predicted, observed = [100 * each.predicted for each in filled], [100 * each.observed for each in filled]
        axis.plot(predicted, observed, line, color=color, linewidth=1)
        areas = [10 + 300 * each.n / found.n for each in filled]  # square points
        label = f"{name}: ECE {100 * found.ece:.1f} %"
        axis.scatter(predicted, observed, areas, color=color, marker=marker, alpha=0.8, label=label)
    axis.set(xlabel="predicted probability of a target, %", ylabel="really present, %")
    axis.set(xlim=(-3, 103), ylim=(-3, 103), aspect="equal")
    for handle in axis.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1)).legend_handles:
        handle.set_sizes([40])
    axis.spines[["top", "right"]].set_visible(False)
    return figure
