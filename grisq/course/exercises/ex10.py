"""Exercise 10: the gradient of a batch from its parts, under the normalization of the plurality loss."""

import torch
import torch.nn.functional as F
from torch import Tensor

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    random = torch.Generator().manual_seed(10)
    given = []
    for labels in (
        [[0, 1], [1, 0]],
        [[0, -1, -1, -1], [1, 0, 1, 0]],
        [[-1, -1], [0, 1], [-1, 1]],
        [[-1], [-1]],
        [[0, 1, -1, 1, 0, 0]],
    ):
        parts = [(torch.randn(len(each), 3, generator=random), torch.tensor(each)) for each in labels]
        given.append((torch.randn(2, 3, generator=random), parts))
    return given


@exercise("10", inputs=_inputs)
def accumulated_gradient(weight: Tensor, parts: list[tuple[Tensor, Tensor]]) -> Tensor:
    labeled = sum(int((labels != -1).sum()) for _, labels in parts)
    weight = weight.clone().requires_grad_()
    total = torch.zeros_like(weight)
    for features, labels in parts:
        loss = F.cross_entropy(features @ weight.T, labels, ignore_index=-1, reduction="sum")
        (gradient,) = torch.autograd.grad(loss / max(labeled, 1), weight)
        total += gradient
    return total
