"""The target query at work: what it reads in the words, where it looks in the picture, and what the model answers."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from grisq.analysis.trace import Trace
from grisq.course.attention import heat_axis, word_axis
from grisq.course.style import SCENARIO_COLORS, rgb
from grisq.course.tiles import wrapped
from grisq.course.verdict import color_of, verdict
from grisq.data.sample import Sample
from grisq.data.scenarios import scenario_of
from grisq.inference.overlay import overlay
from grisq.models.base import Decision
from grisq.runtime.errors import InputError

_MOST_MAPS = 3  # in a line, so that no line has more than six pictures


def typeset(name: str) -> str:
    """The name of a query as the paper prints it: "e_0" becomes a bold e with an index; other names stay."""
    letter, _, index = name.partition("_")
    return rf"$\mathbf{{e}}_{{{index}}}$" if letter == "e" and index else name


def query_figure(samples: Sequence[Sample], tokens: Sequence[Sequence[str]], traced: Trace) -> Figure:
    """Draw a line for each sample: annotation, answer, attention of e_0 over the words and of e_1 ... e_L over places.

    All maps have one scale and all bars another, so an even look is seen to be even. Of many blocks the first, the last
    and one between them are shown.

    Args:
        samples: to draw.
        tokens: of each sample.
        traced: the model's trace of these samples as one batch.
    Raises:
        InputError: the model has no target query.
    """
    words, maps = attention_of(traced)
    shown = sorted({round(place) for place in np.linspace(0, len(maps) - 1, min(_MOST_MAPS, len(maps)))})
    top = max(float(maps[block].max()) for block in shown)
    columns = 3 + len(shown)
    size = {"figsize": (2.1 * columns, 2.0 * len(samples)), "squeeze": False}
    figure, axes = plt.subplots(len(samples), columns, **size)
    for number, (line, sample, decision) in enumerate(zip(axes, samples, traced.output.decide())):
        annotation_axis(line[0], sample)
        answer_axis(line[1], sample, decision)
        word_axis(line[2], tokens[number], words[number], title=f"{typeset('e_0')} over the words")
        line[2].set_xlim(0, 1)
        line[2].tick_params(axis="x", labelsize=8)
        for axis, block in zip(line[3:], shown):
            title = f"{typeset(f'e_{block + 1}')} over the picture"
            heat_axis(axis, sample, maps[block][number], title=title, top=top)
            axis.set_frame_on(False)
    bar = figure.colorbar(axes[0, -1].images[-1], ax=axes[:, -1], shrink=0.7)
    bar.set_label("share of attention", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    return figure


def attention_of(traced: Trace) -> tuple[Tensor, list[Tensor]]:
    """The query's attention over the words (B, T), and for each block over the grid that it reads, (B, h, w).

    Raises: InputError for a model without target query.
    """
    if not traced.queries:
        raise InputError("This model has no target query to look at: load one with model.target_query=true.")
    words, *maps = traced.output.attention
    side = round(maps[0].shape[1] ** 0.5)
    return words, [each.unflatten(1, (side, side)) for each in maps]


def annotation_axis(axis: Axes, sample: Sample) -> None:
    """Draw the picture with the annotated targets outlined, under the expression, in the color of its scenario."""
    color = SCENARIO_COLORS[scenario_of(sample.target_count)]
    _outlined(axis, sample, sample.mask, rgb(color))
    axis.set_title(wrapped(sample.text), fontsize=8, color=color)


def answer_axis(axis: Axes, sample: Sample, decision: Decision) -> None:
    """Draw the predicted mask in the color of its kind, under its verdict; "nothing" leaves the picture as it is."""
    drawn = (decision.difference > 0).numpy() & sample.valid
    shown = drawn if decision.present else np.zeros_like(drawn)
    color = color_of(decision.answer)
    title = verdict(decision.answer, decision.presence, drawn, sample.mask if sample.target_count else None)
    _outlined(axis, sample, shown, rgb(color))
    axis.set_title(title.replace("\n", ", "), fontsize=8, color=color)


def _outlined(axis: Axes, sample: Sample, mask: np.ndarray, color: tuple[int, int, int]) -> None:
    """The picture without its padding, with a mask outlined."""
    axis.imshow(overlay(without_padding(sample, sample.image), without_padding(sample, mask), color))
    axis.set_axis_off()


def without_padding(sample: Sample, canvas: np.ndarray) -> np.ndarray:
    """The part of an array (S, S, ...) that the picture covers."""
    return np.ascontiguousarray(canvas[: sample.valid[:, 0].sum(), : sample.valid[0].sum()])
