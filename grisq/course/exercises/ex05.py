"""Exercise 05: the language gate backwards, by hand."""

import torch
from torch import Tensor

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    random = torch.Generator().manual_seed(5)
    first, last, fused, grad = (torch.randn(rows, 3, generator=random) for rows in (3, 3, 4, 4))
    zero = torch.zeros(3, 3)
    return [
        (first, last, fused, grad),
        (zero, zero, fused, grad),
        (first, zero, fused, grad),
        (zero, last, fused, grad),
    ]


@exercise("05", inputs=_inputs)
def gate_gradients(first: Tensor, last: Tensor, fused: Tensor, grad: Tensor) -> Tensor:
    hidden = torch.relu(fused @ first.T)  # (N, C)
    gate = torch.tanh(hidden @ last.T)
    at_last = grad * fused * (1 - gate**2)  # of the loss with respect to what goes into tanh
    at_first = (at_last @ last) * (hidden > 0)  # and to what goes into ReLU
    return torch.stack([at_first.T @ fused, at_last.T @ hidden])  # each weight: what comes back times what went in
