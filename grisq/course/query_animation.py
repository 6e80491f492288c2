"""The target query on its way, as a moving picture: from the words over every block to the answer (Eq. 3 and 4)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image
from torch import Tensor

from grisq.analysis.trace import Trace
from grisq.course.animation import Frame, drawn, save_gif
from grisq.course.attention import word_axis
from grisq.course.query_figures import answer_axis, attention_of, typeset, without_padding
from grisq.course.style import OKABE_ITO
from grisq.data.sample import Sample

HOLD, FADE = 1800, 120  # milliseconds that a stage stands, and each picture between two stages
_BETWEEN = 2  # pictures between two stages
_HEAT = 0.65  # how much of a map's color covers the picture
_DPI = 80


class Stage(NamedTuple):
    """One stand of the animation."""

    title: str
    pictures: list[np.ndarray]  # of each sample, (H, W, 3), 0 to 1
    reads_words: bool = False  # whether the bars of the words are in color
    headings: Sequence[str] = ()  # above the pictures; by default none


def save_query_animation(
    samples: Sequence[Sample], tokens: Sequence[Sequence[str]], traced: Trace, path: Path
) -> list[Image.Image]:
    """Write a GIF that loops: e_0 over the words, e_1 ... e_L over the picture, the answer; a column for each sample.

    Args:
        samples: to show.
        tokens: of each sample.
        traced: the model's trace of these samples as one batch.
        path: of the file; its folder is made.

    Returns:
        The frames.

    Raises:
        InputError: the model has no target query, or the file cannot be written.
    """
    frames = _frames(_stages(samples, traced), tokens, traced.output.attention[0])
    return save_gif(frames, path, colors=256)


def _stages(samples: Sequence[Sample], traced: Trace) -> list[Stage]:
    _, maps = attention_of(traced)
    plain = [without_padding(sample, sample.image) / 255 for sample in samples]
    expressions = [sample.text for sample in samples]
    stages = [Stage(f"{typeset('e_0')} reads the words", plain, True, expressions)]
    top = max(float(each.max()) for each in maps)  # one scale for all blocks
    for block, weights in enumerate(maps, start=1):
        heated = [_heated(sample, each.numpy() / top) for sample, each in zip(samples, weights)]
        title = f"{typeset(f'e_{block}')} looks at the picture, layer {block - 1} of the decoder"
        stages.append(Stage(title, heated, False, expressions))
    return [*stages, _answers(samples, traced)]


def _answers(samples: Sequence[Sample], traced: Trace) -> Stage:
    """The masks as the static figure draws them, with the same titles."""
    figure, axes = plt.subplots(1, len(samples), squeeze=False)
    for axis, sample, decision in zip(axes[0], samples, traced.output.decide()):
        answer_axis(axis, sample, decision)
    plt.close(figure)
    pictures = [np.asarray(axis.images[0].get_array()) / 255 for axis in axes[0]]
    return Stage("What the model answers", pictures, False, [axis.get_title() for axis in axes[0]])


def _heated(sample: Sample, weights: np.ndarray) -> np.ndarray:
    """The gray picture under the colors of a map (h, w) over the whole canvas, 0 to 1."""
    cell = len(sample.image) // len(weights)
    color = mpl.colormaps["inferno"](weights.repeat(cell, 0).repeat(cell, 1))[..., :3]
    gray = np.repeat(sample.image.mean(-1, keepdims=True) / 255, 3, axis=-1)
    return without_padding(sample, (1 - _HEAT) * gray + _HEAT * color)


def _frames(stages: Sequence[Stage], tokens: Sequence[Sequence[str]], weights: Tensor) -> Iterator[Frame]:
    """Every frame with its duration; after a stage a few that fade into the next one, after the last into the first."""
    canvas = _Canvas(stages[0], tokens, weights)
    for stage, following in zip(stages, [*stages[1:], stages[0]]):
        yield canvas.draw(stage), HOLD
        for step in range(1, _BETWEEN + 1):
            share = step / (_BETWEEN + 1)
            mixed = [(1 - share) * a + share * b for a, b in zip(stage.pictures, following.pictures)]
            yield canvas.draw(stage._replace(pictures=mixed)), FADE


class _Canvas:
    """One figure whose artists change from frame to frame, which is faster than a new figure for each."""

    def __init__(self, first: Stage, tokens: Sequence[Sequence[str]], weights: Tensor):
        columns = len(first.pictures)
        self.figure, axes = plt.subplots(
            2, columns, figsize=(3 * columns, 4.2), dpi=_DPI, height_ratios=(2, 1), squeeze=False
        )
        plt.close(self.figure)  # drawn here alone, never shown by a notebook
        self.images = [axis.imshow(picture) for axis, picture in zip(axes[0], first.pictures)]
        self.pictures, self.words = axes
        for axis in self.pictures:
            axis.set(xticks=[], yticks=[])
        for axis, expression, row in zip(self.words, tokens, weights):
            word_axis(axis, expression, row)
            axis.set_xlim(0, 1)
            axis.tick_params(labelsize=8)
        self.title = self.figure.suptitle(first.title, fontsize=12)
        self.canvas = FigureCanvasAgg(self.figure)

    def draw(self, stage: Stage) -> Image.Image:
        self.title.set_text(stage.title)
        for axis, image, picture, heading in zip(self.pictures, self.images, stage.pictures, stage.headings):
            image.set_data(picture)
            axis.set_title(heading, fontsize=9)
        color = OKABE_ITO["sky blue"] if stage.reads_words else "#D0D0D0"
        for bar in (bar for axis in self.words for bar in axis.patches):
            bar.set_color(color)
        return drawn(self.canvas)
