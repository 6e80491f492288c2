"""The sliders of notebook 03: what a model trains on, by the two probabilities of Sec. 3.3 and who plans the batch."""

from collections.abc import Mapping
from dataclasses import replace

import ipywidgets as widgets
import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure

from grisq.augment.plan import expected_shares, shares_after
from grisq.config import AugmentConfig
from grisq.course.style import SCENARIO_COLORS
from grisq.data.scenarios import SINGLE_TARGET
from grisq.runtime.errors import InputError

_NOT_ALIVE = (
    "Sliders stand here while the notebook runs: the two probabilities, whose data, and how many processes plan."
)
_MOST = 8  # processes


class Doses:
    """Move the probabilities; read the shares of the three kinds that a model trains on, and how many mosaics it gets.

    `doses.show()` puts it on the page. `doses.after` has the shares, and `doses.mosaics` the mosaics of a global batch.

    Args:
        shares: of the scenarios in some data set, 0 to 1, by the name of the set.
        batch: samples of the global batch.
        augment: the probabilities to begin with.

    Raises:
        InputError: without any data set.
    """

    def __init__(self, shares: Mapping[str, Mapping[str, float]], batch: int, augment: AugmentConfig):
        if not shares:
            raise InputError("There are no shares to begin with: give those of at least one data set.")
        self.shares, self.batch, self.start = dict(shares), batch, augment
        options = {"min": 0, "max": 1, "step": 0.05}
        self.tau_no = widgets.FloatSlider(value=augment.tau_no, description="τ no", **options)
        self.tau_multi = widgets.FloatSlider(value=augment.tau_multi, description="τ mul", **options)
        self.whose = widgets.Dropdown(options=list(self.shares), description="data")
        divisors = [n for n in range(1, _MOST + 1) if batch % n == 0]
        self.processes = widgets.SelectionSlider(options=divisors, value=1, description="processes")
        self.bars = widgets.HTML()
        for control in (self.tau_no, self.tau_multi, self.whose, self.processes):
            control.observe(self.update, names="value")
        self.update()

    def update(self, *_) -> None:
        """Compute the shares again and draw them."""
        augment = replace(self.start, tau_no=self.tau_no.value, tau_multi=self.tau_multi.value)
        before, part = self.shares[self.whose.value], self.batch // self.processes.value
        self.after = shares_after(dict(before), part, augment)
        self.mosaics = self.processes.value * expected_shares(before[SINGLE_TARGET], part, augment)["mosaic"]
        lines = [
            f'<div>{kind}: {100 * before[kind]:.1f} → {100 * self.after[kind]:.1f} %<div style="background: {color}; '
            f'width: {100 * self.after[kind]:.1f}%; height: 12px"></div></div>'
            for kind, color in SCENARIO_COLORS.items()
        ]
        self.bars.value = "".join(lines) + f"<div>mosaics in {self.batch} samples: {self.mosaics:.2f}</div>"

    def still(self) -> Figure:
        """Draw the sliders and the bars as they stand, for readers without a kernel."""
        figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.2), width_ratios=(1, 1.2))
        sliders = {"τ no": (self.tau_no.value, 1), "τ mul": (self.tau_multi.value, 1)}
        sliders["processes"] = (self.processes.value, max(self.processes.options))
        for place, (value, most) in enumerate(sliders.values()):
            left.plot([0, 1], [place, place], color="0.7", linewidth=3, solid_capstyle="round")
            left.plot(value / most, place, "o", color="0.2", markersize=10)
            left.text(1.06, place, f"{value:g}", va="center")
        left.set(xlim=(-0.05, 1.2), ylim=(len(sliders) - 0.5, -0.5), xticks=[], title=f"data: {self.whose.value}")
        left.set_yticks(range(len(sliders)), sliders)
        before, kinds = self.shares[self.whose.value], list(SCENARIO_COLORS)
        right.barh(kinds, [100 * self.after[kind] for kind in kinds], color=list(SCENARIO_COLORS.values()), height=0.5)
        for place, kind in enumerate(kinds):
            text = f"{100 * before[kind]:.1f} → {100 * self.after[kind]:.1f} %"
            right.text(100 * self.after[kind] + 1, place, text, va="center", fontsize=9)
        mosaics = f"mosaics in {self.batch} samples: {self.mosaics:.2f}"
        right.set(xlim=(0, 100), ylim=(len(kinds) - 0.5, -0.5), xlabel="% of training samples", title=mosaics)
        return figure

    def show(self) -> None:
        """Put it on the page; where widgets do not work, as on paper, a sentence stands there."""
        controls = widgets.VBox([self.tau_no, self.tau_multi, self.whose, self.processes])
        self.bars.layout = widgets.Layout(width="320px")
        bundle = widgets.HBox([controls, self.bars])._repr_mimebundle_()
        display(bundle | {"text/plain": _NOT_ALIVE}, raw=True)
