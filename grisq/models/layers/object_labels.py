"""What stands where, learned from the mask, category and color of every object: labels that MAttNet has and others not.

A system that learns from them beside its own task answers how much of MAttNet's score its labels explain.
"""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.models.layers.padding import mean_of_weighted

if TYPE_CHECKING:
    from grisq.data.instances import InstanceBatch

BACKGROUND = 0
_BACKGROUND_WEIGHT = 0.3  # most positions are background, and it is soon known


class ObjectLabels(nn.Module):
    """A linear classifier of categories, and one of colors, over the positions of stride 8.

    Shapes: f (B, N, C) -> logits of categories (B, N, K + 1), 0 is background, and of colors (B, N, colors).

    Args:
        channels: C.
        categories: K.
        colors: number of colors.
    """

    def __init__(self, *, channels: int, categories: int, colors: int):
        super().__init__()
        self.categories = nn.Linear(channels, categories + 1)
        self.colors = nn.Linear(channels, colors)

    def forward(self, f: Tensor) -> tuple[Tensor, Tensor]:
        return self.categories(f), self.colors(f)


def object_loss(categories: Tensor, colors: Tensor, objects: "InstanceBatch", valid: Tensor | None) -> Tensor:
    """Cross-entropy of the category and of the color at every position, a mean over the samples.

    Args:
        categories: (B, N, K + 1) logits.
        colors: (B, N, colors) logits.
        objects: the annotated objects; their masks have stride 4.
        valid: (B, N) bool, False in the padding, or None.
    """
    masks = objects.masks[..., 1::2, 1::2].flatten(2) & objects.real[..., None]  # (B, K, N) at stride 8
    covered, front = masks.any(1), masks.int().argmax(1)  # (B, N): whether, and by which object
    category = torch.where(covered, 1 + objects.categories.gather(1, front), BACKGROUND)
    color = objects.colors.gather(1, front)  # negative: unknown
    weight = torch.where(covered, 1.0, _BACKGROUND_WEIGHT)
    if valid is not None:
        weight = weight * valid
    return _mean(categories, category, weight) + _mean(colors, color.clamp(min=0), (covered & (color >= 0)).float())


def _mean(logits: Tensor, labels: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of each sample, 0 where nothing has weight, and the mean over the samples. -> scalar."""
    each = F.cross_entropy(logits.float().transpose(1, 2), labels, reduction="none")  # (B, N)
    return mean_of_weighted(each, weight)
