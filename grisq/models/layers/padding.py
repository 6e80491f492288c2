"""Letterbox padding, and how to keep it out of features.

A letterboxed picture fills the top-left rectangle of a square canvas. `valid` marks it: (B, H, W) bool, True on
the picture, or None where no sample of the batch is padded. Everything here has one aim: more padding never
changes the prediction inside the picture.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def halve(valid: Tensor | None) -> Tensor | None:
    """Validity of 2x2-merged positions: one is valid if any of its four is. (B, H, W) -> (B, ceil(H/2), ceil(W/2))."""
    return pool(valid, 2)


def pool(valid: Tensor | None, stride: int) -> Tensor | None:
    """Validity of the cells of a grid with that stride: a cell is valid if any pixel in it is."""
    if valid is None:
        return None
    return F.max_pool2d(valid[:, None].float(), stride, ceil_mode=True)[:, 0] > 0


def extents(valid: Tensor) -> Tensor:
    """Height and width of the valid rectangle in positions. (B, H, W) bool -> (B, 2) long."""
    return torch.stack([valid[:, :, 0].sum(1), valid[:, 0, :].sum(1)], dim=1)


def mean_over(x: Tensor, keep: Tensor | None) -> Tensor:
    """Mean over the positions to keep. x (B, N, C), keep (B, N) bool or None: all -> (B, C)."""
    if keep is None:
        return x.mean(1)
    weight = keep[..., None].to(x.dtype)
    return (x * weight).sum(1) / weight.sum(1)


def extend(x: Tensor, valid: Tensor | None) -> Tensor:
    """Repeat the last valid row and column into the padding. (B, C, H, W) -> the same shape.

    Bilinear upsampling repeats the border of a canvas; after this it finds the same values at the border of a
    picture inside a larger canvas.
    """
    return x if valid is None else _Extend.apply(x, extents(valid) - 1)


class _Extend(torch.autograd.Function):
    """`extend`, given the last valid row and column: x (B, C, H, W), last (B, 2).

    Autograd's own backward of the two gathers scatters what lies in the padding, in no certain order. This one adds it
    up: first into the last valid column, then into the last valid row.
    """

    @staticmethod
    def forward(ctx, x: Tensor, last: Tensor) -> Tensor:
        ctx.save_for_backward(last)
        B, C, H, W = x.shape
        rows = torch.arange(H, device=x.device).minimum(last[:, :1])  # (B, H)
        columns = torch.arange(W, device=x.device).minimum(last[:, 1:])  # (B, W)
        x = x.gather(2, rows[:, None, :, None].expand(B, C, H, W))
        return x.gather(3, columns[:, None, None, :].expand(B, C, H, W))

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        (last,) = ctx.saved_tensors
        for axis, end in ((3, last[:, 1]), (2, last[:, 0])):
            place = torch.arange(grad.shape[axis], device=grad.device)
            place = place[:, None] if axis == 2 else place  # broadcast along its axis
            end = end.view(-1, 1, 1, 1)
            beyond = (grad * (place >= end)).sum(axis, keepdim=True)
            grad = torch.where(place < end, grad, beyond * (place == end))
        return grad, None


class ValidGroupNorm(nn.Module):
    """Group normalization whose mean and variance are taken over the valid positions only.

    With `groups == channels` this is instance normalization, as PWAM uses it. Statistics are float32 under
    autocast.

    Shapes: x (B, N, C), valid (B, N) bool or None -> (B, N, C); padded positions get finite values, which must not be
    read.
    """

    def __init__(self, groups: int, channels: int, *, affine: bool = True, eps: float = 1e-5):
        super().__init__()
        self.groups, self.eps = groups, eps
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        B, N, _ = x.shape
        with _full_precision(x.device.type):
            wide = x.float()
            if valid is None:
                weight = wide.new_full((1, 1, N), 1 / N).expand(B, 1, N)
            else:
                weight = valid[:, None].float()
                weight = weight / weight.sum(-1, keepdim=True)
            centered = wide - self._over_groups(weight @ wide)
            scale = torch.rsqrt(self._over_groups(weight @ centered.square()) + self.eps)  # (B, 1, C)
            out = centered * scale if self.weight is None else torch.addcmul(self.bias, centered, scale * self.weight)
        return out.to(x.dtype)

    def _over_groups(self, mean: Tensor) -> Tensor:
        """For every channel the mean of its group, from the means of the channels. (B, 1, C) -> (B, 1, C)."""
        B, _, C = mean.shape
        if self.groups == C:
            return mean
        mean = mean.view(B, 1, self.groups, C // self.groups).mean(-1, keepdim=True)
        return mean.expand(B, 1, self.groups, C // self.groups).reshape(B, 1, C)


def _full_precision(device_type: str) -> AbstractContextManager:
    """Autocast off, on devices that have it (the meta device does not)."""
    if not torch.amp.is_autocast_available(device_type):
        return nullcontext()
    return torch.autocast(device_type, enabled=False)
