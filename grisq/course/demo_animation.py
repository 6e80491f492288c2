"""The widget of notebook 00 for readers without a kernel: one answer as a figure, several as a moving picture."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from grisq.course.animation import Frame, drawn, save_gif
from grisq.course.style import OTHER_COLORS
from grisq.course.verdict import color_of
from grisq.inference.prediction import Prediction
from grisq.runtime.errors import InputError

HOLD, TYPE = 2400, 220  # milliseconds that an answer stands, and each word that is typed
_DPI = 80


def answer_figure(prediction: Prediction) -> Figure:
    """Draw one answer: the picture with its mask, the expression, presence and plurality as bars."""
    return _Panel(prediction).figure


def save_demo_animation(predictions: Sequence[Prediction], path: Path) -> list[Image.Image]:
    """Write a GIF that loops: each expression is typed word by word, then the model's answer stands.

    The first frame is an answer, for readers who see no other.

    Args:
        predictions: of one picture, in the order shown.
        path: of the file; its folder is made.

    Returns:
        The frames.

    Raises:
        InputError: without predictions, or if the file cannot be written.
    """
    if not predictions:
        raise InputError("There is no answer to show: give at least one prediction.")
    return save_gif(_frames(predictions), path, colors=128)


def _frames(predictions: Sequence[Prediction]) -> Iterator[Frame]:
    panel = _Panel(predictions[0])
    for said, following in zip(predictions, [*predictions[1:], predictions[0]]):
        panel.answer(said)
        yield drawn(panel.canvas), HOLD
        words = following.text.split()
        for typed in range(1, len(words) + 1):
            panel.question(following, " ".join(words[:typed]))
            yield drawn(panel.canvas), TYPE


class _Panel:
    """One figure whose artists change from frame to frame."""

    def __init__(self, first: Prediction):
        self.figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3), dpi=_DPI, width_ratios=(1, 1.1))
        plt.close(self.figure)  # shown by the caller, or not at all
        left.set_axis_off()
        self.image = left.imshow(np.asarray(first.picture))
        right.set(xlim=(0, 1), ylim=(0, 1))
        right.set_axis_off()
        right.text(0, 0.95, "expression", fontsize=9, color="0.35")
        box = {"boxstyle": "square,pad=0.35", "facecolor": "white", "edgecolor": "0.6"}
        self.text = right.text(0.02, 0.82, "", fontsize=10, family="monospace", bbox=box)
        self.bars, self.numbers = [], []
        for height, name in ((0.55, "presence"), (0.33, "plurality")):
            right.text(0, height + 0.07, name, fontsize=9, color="0.35")
            right.barh(height, 0.8, 0.07, left=0, color="#EEEEEE")
            self.bars += right.barh(height, 0, 0.07, left=0, color=OTHER_COLORS[0])
            right.plot([0.4, 0.4], [height - 0.05, height + 0.05], color="0.3", linewidth=1)  # one half
            self.numbers.append(right.text(0.84, height, "", va="center", fontsize=9))
        self.said = right.text(0, 0.08, "", fontsize=14, weight="bold")
        self.canvas = FigureCanvasAgg(self.figure)
        self.answer(first)

    def answer(self, said: Prediction) -> None:
        """Show the mask, the bars and the answer, in the color of its kind."""
        self.image.set_data(np.asarray(said.overlay()))
        values = (said.presence, said.plurality if said.present else None)  # no number of what is not there
        self._show(said.text, values, said.answer, color_of(said.answer))

    def question(self, said: Prediction, typed: str) -> None:
        """Show what was typed so far, before Enter: no answer yet."""
        self.image.set_data(np.asarray(said.picture))
        self._show(f"{typed}_", (None, None), "", "black")

    def _show(self, text: str, values: Sequence[float | None], answer: str, color: str) -> None:
        self.text.set_text(text)
        for bar, number, value in zip(self.bars, self.numbers, values):
            bar.set_width(0 if value is None else 0.8 * value)
            number.set_text("" if value is None else f"{value:.2f}")
        self.said.set_text(answer)
        self.said.set_color(color)
