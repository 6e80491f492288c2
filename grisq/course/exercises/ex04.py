"""Exercise 04: who may attend to whom in the shifted windows of a map."""

import torch
from torch import Tensor

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    return [(2, 4, 2, 1), (8, 8, 4, 2), (4, 12, 4, 1), (9, 6, 3, 2), (4, 4, 4, 2), (6, 4, 2, 0)]


@exercise("04", inputs=_inputs)
def window_mask(height: int, width: int, window: int, shift: int) -> Tensor:
    rows = torch.roll(torch.arange(height), -shift)  # which row of the map lies at each row after the roll
    columns = torch.roll(torch.arange(width), -shift)
    region = 2 * (rows < shift)[:, None] + (columns < shift).long()  # by the borders that a position was rolled around
    cut = region.view(height // window, window, width // window, window)
    region = cut.transpose(1, 2).reshape(-1, window * window)  # (windows, P)
    return region[:, :, None] == region[:, None, :]
