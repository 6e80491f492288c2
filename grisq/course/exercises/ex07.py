"""Exercise 07: a filter for each sentence."""

import torch
import torch.nn.functional as F
from torch import Tensor

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    random = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random)

    return [(drawn(2, 3, 5, 4), drawn(2, 3, 3, 3)), (drawn(1, 1, 1, 1), drawn(1, 1, 3, 3))]


@exercise("07", inputs=_inputs)
def pixel_logits(features: Tensor, filters: Tensor) -> Tensor:
    B, C, H, W = features.shape
    together = features.reshape(1, B * C, H, W)  # the samples become groups of channels
    return F.conv2d(together, filters, padding=1, groups=B)[0]
