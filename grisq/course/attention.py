"""Attention drawn: of the positions over the words, and the axes that such drawings are made of."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from torch import Tensor

from grisq.analysis.trace import Trace
from grisq.course.style import OKABE_ITO
from grisq.course.tiles import wrapped
from grisq.data.sample import Sample


def picture_axis(axis: Axes, sample: Sample, *, title: str = "", gray: bool = False) -> None:
    """Draw the sample's picture without its letterbox padding; axes count canvas pixels."""
    height, width = _fitted(sample)
    image = sample.image[:height, :width]
    axis.imshow(image.mean(-1) if gray else image, cmap="gray", vmin=0, vmax=255, extent=(0, width, height, 0))
    axis.set_title(title, fontsize=8)
    axis.set(xticks=[], yticks=[])


def heat_axis(axis: Axes, sample: Sample, values: Tensor, *, title: str = "", top: float | None = None) -> AxesImage:
    """Draw values over the gray picture; what is returned is for the figure's color bar.

    Args:
        axis: to draw on.
        sample: the picture.
        values: (h, w), a grid over the whole canvas.
        title: of the axis.
        top: value of the brightest color; None: the highest one.
    """
    picture_axis(axis, sample, title=title, gray=True)
    height, width = _fitted(sample)
    side = len(sample.image)
    drawn = axis.imshow(
        _numpy(values),
        cmap="inferno",
        alpha=0.65,
        vmin=0,
        vmax=top,
        extent=(0, side, side, 0),
    )
    axis.set(xlim=(0, width), ylim=(height, 0))
    return drawn


def listening_figure(sample: Sample, tokens: Sequence[str], traced: Trace, stages: Sequence[int]) -> Figure:
    """Draw the picture, and a line for each stage of the encoder: how much every position hears each token.

    All maps have one scale, from zero to the largest share of attention in the figure.

    Args:
        sample: to draw.
        tokens: of the expression.
        traced: the model's trace of this sample alone.
        stages: counted from 1.
    """
    heard = {
        stage: traced.word_attention[stage - 1][0].T.unflatten(1, traced.levels[stage - 1].size) for stage in stages
    }  # (T, H_i, W_i)
    top = max(float(each.max()) for each in heard.values())
    columns = 1 + len(tokens)
    figure, axes = plt.subplots(len(stages), columns, figsize=(1.9 * columns, 1.9 * len(stages)), squeeze=False)
    picture_axis(axes[0, 0], sample, title=wrapped(f"asked: {sample.text}"))
    for below in axes[1:, 0]:
        below.set_axis_off()
    for line, (stage, maps) in zip(axes, heard.items()):
        line[1].set_ylabel(f"stage {stage}", fontsize=9)
        for axis, token, values in zip(line[1:], tokens, maps):
            drawn = heat_axis(axis, sample, values, title=token, top=top)
    figure.colorbar(drawn, ax=axes, label="share of attention", shrink=0.8)
    return figure


def word_axis(axis: Axes, tokens: Sequence[str], weights: Tensor, *, title: str = "") -> None:
    """Draw how much attention each token gets, in reading order from the top.

    Args:
        axis: to draw on.
        tokens: of the expression; those beyond `weights` were cut off.
        weights: (T,).
        title: of the axis.
    """
    shown = min(len(tokens), len(weights))  # a long expression is cut before it reaches the model
    tokens, values = tokens[:shown], _numpy(weights)[:shown]
    axis.barh(range(shown), values, color=OKABE_ITO["sky blue"])
    axis.set_yticks(range(shown), tokens, fontsize=8)
    axis.invert_yaxis()
    axis.set(xlim=(0, max(0.5, float(values.max()) * 1.1)))
    axis.set_title(title, fontsize=8)


def _numpy(values: Tensor) -> np.ndarray:
    return values.detach().float().cpu().numpy()


def _fitted(sample: Sample) -> tuple[int, int]:
    """Height and width of the picture on the canvas."""
    side = len(sample.image)
    if sample.letterbox is None:
        return side, side
    return sample.letterbox.fitted_height, sample.letterbox.fitted_width
