"""The widget of notebook 09: a slider for the presence threshold, and the expressions whose answer it changes next."""

import io
from functools import lru_cache

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grisq.analysis.operating_points import operating_points
from grisq.course.figures import small_png
from grisq.course.predictions import ask
from grisq.course.style import METRIC_STYLES
from grisq.course.tiles import wrapped
from grisq.data.grefcoco import GRefCOCO
from grisq.inference.segmenter import Segmenter

_METRICS = ("N-acc", "T-acc", "gIoU")  # in the order of `OperatingPoints`
GRID = np.linspace(0, 1, 201)
_DPI = 80
_NEXT = 2  # expressions to either side of the threshold
_NOT_ALIVE = (
    "A widget stands here while the notebook runs. This is what it shows at a threshold of {:.2f}: the place on the "
    "curves, {}, and the expressions whose answer changes next, two on either side."
)


class ThresholdSlider:
    """Move the threshold: N-acc, T-acc and gIoU there, and the expressions closest to it on either side.

    `slider.show()` puts it on the page. `slider.nearest` holds the rows that are shown, `slider.label` the numbers.

    Args:
        segmenter: the model, for the masks of the expressions that are shown.
        data: the data set.
        rows: (N,) of the data set, of expressions with and without target.
        presence: (N,), their probability of presence.
        iou: (N,), of their masks before the presence decision.
    """

    def __init__(self, segmenter: Segmenter, data: GRefCOCO, rows: np.ndarray, presence: np.ndarray, iou: np.ndarray):
        self.data, self.rows, self.presence, self.iou = data, np.asarray(rows), presence, iou
        self.target = data.target_counts[self.rows] > 0
        self.points = operating_points(presence, iou, self.target, GRID)
        self.order = np.argsort(presence, kind="stable")
        self._ask = lru_cache(64)(lambda row: ask(segmenter, data, row))
        self.nearest: list[int] = []
        self.threshold = widgets.FloatSlider(
            value=segmenter.threshold, min=0, max=1, step=0.01, description="presence ≥", continuous_update=False
        )
        self.label = widgets.Label(value="")
        self.image = widgets.Image(format="png")
        self.threshold.observe(self.update, names="value")
        self.update()

    def update(self, *_) -> None:
        """Draw again at the slider's threshold."""
        threshold, file = self.threshold.value, io.BytesIO()
        here = operating_points(self.presence, self.iou, self.target, np.array([threshold]))
        numbers = dict(zip(_METRICS, (values[0] for values in here)))
        self.label.value = ", ".join(f"{name} {value:.1f} %" for name, value in numbers.items())
        self.nearest = [int(row) for row in self.rows[self._closest(threshold)]]
        figure = self._drawn(threshold)
        figure.savefig(file, format="png", dpi=_DPI)
        plt.close(figure)
        self.image.value = file.getvalue()

    def _closest(self, threshold: float) -> np.ndarray:
        """Places of the expressions closest to the threshold, the lowest presence first."""
        first_above = int(np.searchsorted(self.presence[self.order], threshold))
        return self.order[max(0, first_above - _NEXT) : first_above + _NEXT]

    def _drawn(self, threshold: float) -> Figure:
        figure, axes = plt.subplots(
            1, 1 + 2 * _NEXT, figsize=(13, 2.8), width_ratios=(2, *[1] * 2 * _NEXT), layout="constrained"
        )
        curves_axis(axes[0], self.points)
        axes[0].axvline(threshold, color="black", linewidth=1.5)
        for axis in axes[1:]:
            axis.set_axis_off()
        for axis, place in zip(axes[1:], self._closest(threshold)):
            said = self._ask(int(self.rows[place]))
            axis.imshow(np.asarray(said.overlay(raw=True)))
            present = self.presence[place] >= threshold
            mark = "✓" if present == self.target[place] else "✗"
            axis.set_title(
                f"{wrapped(said.text)}\n{mark} “{'something' if present else 'nothing'}” ({self.presence[place]:.2f})",
                fontsize=9,
            )
        return figure

    def show(self) -> None:
        """Put the widget on the page; where widgets do not work, as on paper, it is a still picture of them."""
        bundle = widgets.VBox([self.threshold, self.label, self.image])._repr_mimebundle_()
        alt = _NOT_ALIVE.format(self.threshold.value, self.label.value)
        figure = self._drawn(self.threshold.value)
        still = {"image/png": small_png(figure, dpi=_DPI), "text/plain": alt}
        plt.close(figure)
        display(bundle | still, raw=True, metadata={"image/png": {"alt": alt}})


def curves_axis(axis: Axes, points: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Draw N-acc, T-acc and gIoU over the threshold, with the legend beside the axes.

    Args:
        axis: to draw on.
        points: of `operating_points` at the thresholds of `GRID`.
    """
    for name, values in zip(_METRICS, points):
        axis.plot(GRID, values, label=name, **METRIC_STYLES[name])
    axis.set(xlabel="presence threshold", ylabel="%", xlim=(0, 1), ylim=(0, 102))
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=8)
