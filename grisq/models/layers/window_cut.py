"""How a feature map is cut into the windows of a Swin block: one gather there, one gather back."""

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from grisq.runtime.constants import once_per_device

_MASKED = -1e4  # added to attention scores; large enough to vanish in softmax, small enough for bfloat16


@dataclass(frozen=True)
class WindowCut:
    """The cut of an H x W map into whole windows, with positions added below and on the right where they do not fit.

    M = H * W positions of the map, N = all positions of all windows, window after window.
    """

    source: Tensor  # (N,) long, the place in the map that a position shows; 0 where it was added
    target: Tensor  # (M,) long, where each place of the map is: the inverse of `source`
    region: Tensor  # (N,) uint8, 1 to 4 by the edges that the shift wrapped the position around, 0 where it was added
    real: Tensor | None  # (N, 1) bool, False where the position was added; None if none was

    def to(self, device: torch.device) -> "WindowCut":
        """A copy with every tensor on the device."""
        held = {field.name: getattr(self, field.name) for field in fields(self)}
        return WindowCut(**{name: None if each is None else each.to(device) for name, each in held.items()})

    def to_windows(self, x: Tensor) -> Tensor:
        """(B, M, C) -> (B, N, C); what was added holds anything, and its gradient is dropped."""
        return _Gather.apply(x, self.source, self.target, None)

    def to_map(self, x: Tensor) -> Tensor:
        """(B, N, C) -> (B, M, C)."""
        return _Gather.apply(x, self.target, self.source, self.real)


@once_per_device
def window_cut(size: tuple[int, int], window: tuple[int, int], shift: tuple[int, int]) -> WindowCut:
    """Cut a map after a cyclic shift.

    Args:
        size: (H, W) of the map, in positions.
        window: height and width of a window; it may be larger than the map.
        shift: of the windows, rows and columns.
    """
    H, W = size
    rows, columns = (np.arange(-(-length // side) * side) for length, side in zip(size, window))
    y, x = (rows + shift[0]) % H, (columns + shift[1]) % W  # what the shifted map shows there
    inside = (rows < H)[:, None] & (columns < W)
    wrapped = 2 * (y < shift[0])[:, None] + (x < shift[1])

    def by_window(values: np.ndarray) -> np.ndarray:
        cut = values.reshape(len(rows) // window[0], window[0], len(columns) // window[1], window[1])
        return cut.swapaxes(1, 2).ravel()

    source, real = by_window((y[:, None] * W + x) * inside), by_window(inside)
    target = np.empty(H * W, dtype=np.int64)
    target[source[real]] = np.flatnonzero(real)
    return WindowCut(
        torch.tensor(source, dtype=torch.long, device="cpu"),
        torch.tensor(target, dtype=torch.long, device="cpu"),
        torch.tensor(by_window((wrapped + 1) * inside), dtype=torch.uint8, device="cpu"),
        None if real.all() else torch.tensor(real[:, None], device="cpu"),
    )


def window_mask(
    size: tuple[int, int],
    window: tuple[int, int],
    shift: tuple[int, int],
    valid: Tensor | None,
    *,
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor | None:
    """Additive attention mask of every window: 0 where two positions may attend to each other.

    They may if both are valid and the cyclic shift wrapped neither or both around the map's edge.

    Args:
        size: (H, W) of the map, in positions.
        window: height and width of a window.
        shift: of the windows, rows and columns.
        valid: (B, H, W) bool, False in the padding, or None.
        dtype: of the result.
        device: of the result.

    Returns:
        (B or 1, windows, P, P) with P positions a window; None if all positions may.
    """
    P = window[0] * window[1]
    if valid is None:
        divides = size[0] % window[0] == 0 and size[1] % window[1] == 0
        return None if divides and not any(shift) else _mask_of_canvas(size, window, shift, dtype, device=device)
    cut = window_cut(size, window, shift, device=device)
    region = valid.flatten(1).index_select(1, cut.source) * cut.region  # (B, N) uint8, 0 in any padding
    return _apart(region.unflatten(1, (-1, P)), dtype)


@once_per_device
def _mask_of_canvas(size, window, shift, dtype: torch.dtype) -> Tensor:
    """The mask of a canvas without padding, (1, windows, P, P)."""
    cut = window_cut(size, window, shift, device=torch.device("cpu"))
    return _apart(cut.region.view(1, -1, window[0] * window[1]), dtype)


def _apart(region: Tensor, dtype: torch.dtype) -> Tensor:
    """-1e4 where two positions of a window are in different regions, else 0. (B, windows, P) -> (B, windows, P, P)."""
    differ = region[..., :, None] != region[..., None, :]
    return torch.where(differ, region.new_full((), _MASKED, dtype=dtype), region.new_zeros((), dtype=dtype))


class _Gather(torch.autograd.Function):
    """x[:, there], where every row of x that matters goes to one place; (B, A, C) -> (B, A', C).

    `back` inverts `there`, so the backward is a gather as well: nothing is added up, and its bits are the same from
    call to call. `real` (A, 1) or None marks the rows of x that go anywhere at all; the others have no gradient.
    """

    @staticmethod
    def forward(ctx, x: Tensor, there: Tensor, back: Tensor, real: Tensor | None) -> Tensor:
        ctx.save_for_backward(back, real)
        return x.index_select(1, there)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        back, real = ctx.saved_tensors
        grad = grad.index_select(1, back)
        return grad if real is None else grad * real, None, None, None
