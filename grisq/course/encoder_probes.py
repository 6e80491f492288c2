"""What a picture encoder knows at each stage about the objects that its positions lie on: linear probes."""

from collections.abc import Mapping
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from grisq.course.style import OKABE_ITO
from grisq.data.grefcoco import GRefCOCO
from grisq.data.sample import normalize
from grisq.models.layers.feature_map import FeatureMap
from grisq.pretraining.labels import BACKGROUND, STRIDE, Labeled, LabeledPictures, Names

QUESTIONS = ("category", "color", "place")
_BATCH, _RIDGE = 50, 10.0
_LOOKS = ({"color": "0.5", "ls": ":", "marker": "x"}, {"color": "0.5", "ls": "--", "marker": "o"})
_LOOKS += ({"color": OKABE_ITO["sky blue"], "ls": "-", "marker": "s"},)


class MeanColors(nn.Module):
    """The control: an "encoder" whose features are the mean color of a position's own pixels, at four strides.

    Shapes: image (B, 3, S, S) normalized -> four FeatureMaps with 3 channels.
    """

    def forward(self, image: Tensor, valid: Tensor | None) -> list[FeatureMap]:
        means = (F.avg_pool2d(image, STRIDE << stage).permute(0, 2, 3, 1) for stage in range(4))
        return [FeatureMap(mean, None) for mean in means]


def labeled_pictures(data: GRefCOCO, split: str, count: int, side: int) -> Labeled:
    """The first pictures of a split with what stands where.

    Args:
        data: a synthetic data set, which knows the colors of its objects.
        split: whose pictures.
        count: how many at most.
        side: of the canvas.

    Raises:
        InputError: no object has a color.
    """
    image_ids = np.unique(data.image_ids[data.rows(split)])[:count]
    pictures = LabeledPictures(data, image_ids, Names.of(data), side)
    return Labeled(*(torch.stack(each) for each in zip(*(pictures[number, False] for number in range(len(pictures))))))


def probe_stages(trunk: nn.Module, fitted_on: Labeled, measured_on: Labeled, *, most: int = 4000) -> pd.DataFrame:
    """Fit linear probes by least squares on the positions that lie on objects, and measure them on other pictures.

    Args:
        trunk: from (image, valid) to levels of features, each half as large as the one before.
        fitted_on: pictures to fit on.
        measured_on: pictures to measure on.
        most: positions of either side that are drawn at each stage, from a fixed seed.

    Returns:
        A line for each stage: the share of positions whose category and whose color is right, in percent, and for the
        place from left to right the explained share of its variance, in percent; below 0 is worse than the mean.
    """
    lines = []
    for fitted, measured in zip(_stages(trunk, fitted_on, most), _stages(trunk, measured_on, most)):
        scores = []
        for wanted, known, kind in zip(fitted.labels, measured.labels, (RidgeClassifier, RidgeClassifier, Ridge)):
            probe = make_pipeline(StandardScaler(), kind(_RIDGE)).fit(fitted.features, wanted)
            scores.append(100 * probe.score(measured.features, known))
        lines.append(scores)
    return pd.DataFrame(lines, columns=list(QUESTIONS), index=range(1, len(lines) + 1)).rename_axis("stage")


class _Positions(NamedTuple):
    features: np.ndarray  # (N, C)
    labels: tuple[np.ndarray, np.ndarray, np.ndarray]  # category, color, place from left to right; (N,) each


@torch.inference_mode()
def _stages(trunk: nn.Module, pictures: Labeled, most: int) -> list[_Positions]:
    """The positions on colored objects, stage by stage."""
    parts: dict[int, list[Tensor]] = {}
    for start in range(0, len(pictures.images), _BATCH):
        images, valid = (each[start : start + _BATCH] for each in (pictures.images, pictures.valid))
        for stage, level in enumerate(trunk(normalize(images, valid), valid)):
            parts.setdefault(stage, []).append(level.features)
    return [_positions(torch.cat(features), pictures, most) for features in parts.values()]


def _positions(features: Tensor, pictures: Labeled, most: int) -> _Positions:
    """What the centers of the cells lie on. features (B, H, W, C)."""
    step = pictures.classes.shape[1] // features.shape[1]
    center = slice(step // 2, None, step)
    classes, colors = (each[:, center, center] for each in (pictures.classes, pictures.colors))
    places = torch.arange(features.shape[2]).expand(classes.shape)
    on_objects = ((classes > BACKGROUND) & (colors >= 0)).nonzero()
    drawn = on_objects[torch.from_numpy(np.random.default_rng(0).permutation(len(on_objects))[:most])]
    where = tuple(drawn.T)
    return _Positions(features[where].numpy(), tuple(each[where].numpy() for each in (classes, colors, places)))


def probe_figure(known: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw what encoders know over the stages, an axis for each question.

    Args:
        known: of `probe_stages` by the name of the encoder, controls first; at most three.
    """
    figure, axes = plt.subplots(1, len(QUESTIONS), figsize=(10, 3), sharey=True)
    for axis, question in zip(axes, QUESTIONS):
        for (name, table), look in zip(known.items(), _LOOKS):
            axis.plot(table.index, table[question], label=name, **look)
        axis.set(title=question, xlabel="stage", xticks=table.index, ylim=(-8, 100))
    axes[0].set_ylabel("% right; place: % explained")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure
