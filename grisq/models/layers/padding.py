"""Letterbox padding, and how to keep it out of features.

A letterboxed picture fills the top-left rectangle of a square canvas. `valid` marks it: (B, H, W) bool, True on
the picture, or None where no sample of the batch is padded. Everything here has one aim: more padding never
changes the prediction inside the picture.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.runtime.constants import once_per_device


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


def resize(x: Tensor, valid: Tensor | None, size: tuple[int, int]) -> Tensor:
    """Bilinear upsampling after `extend`, channels last. x (B, H, W, C) -> (B, *size, C).

    Both are linear along each side, so together they are two products with small matrices, in the layout of
    linear layers; interpolation and gathering kernels want the other layout and are slower with many channels.
    """
    edges = (None, None) if valid is None else extents(valid).unbind(1)
    return _along_sides(x, *(_upsampling(n, new, end, x) for n, new, end in zip(x.shape[1:3], size, edges)))


def frame(x: Tensor, valid: Tensor | None, border: int = 1) -> Tensor:
    """`extend`, channels last, and more rows and columns on every side that repeat the picture's border.

    So a 3x3 convolution without padding finds at the border of a picture in a larger canvas what it finds at the
    border of the picture alone.

    Args:
        x: (B, H, W, C).
        valid: (B, H, W) bool, or None.
        border: how many rows and columns to add on each side.

    Returns:
        (B, H + 2 border, W + 2 border, C).
    """
    if valid is None and border == 0:
        return x
    edges = (None, None) if valid is None else extents(valid).unbind(1)
    sides = []
    for n, end in zip(x.shape[1:3], edges):
        place = torch.arange(-border, n + border, device=x.device).clamp(0, n - 1)  # what each new row repeats
        sides.append(_selection(place if end is None else place.minimum(end[:, None] - 1), n, x))
    return _along_sides(x, *sides)


def _along_sides(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """x (B, H, W, C) with matrices (B or none, H', H) and (B or none, W', W) -> (B, H', W', C)."""
    B, C = x.shape[0], x.shape[3]
    columns = columns if columns.ndim == 2 else columns[:, None]  # one for all rows of a sample
    x = columns @ x  # (B, H, W', C)
    return (rows @ x.flatten(2)).view(B, -1, x.shape[2], C)


def _upsampling(n: int, new: int, end: Tensor | None, like: Tensor) -> Tensor:
    """The matrix that extends n values beyond `end` (B,) and makes `new` values of them. -> (B or none, new, n)."""
    up = upsampling_matrix(n, new, like.dtype, device=like.device)
    if end is None:
        return up
    place = torch.arange(n, device=like.device).minimum(end[:, None] - 1)  # (B, n)
    return up @ _selection(place, n, like)


@once_per_device
def upsampling_matrix(n: int, new: int, dtype: torch.dtype) -> Tensor:
    """The matrix (new, n) that makes `new` values of n by linear interpolation: `F.interpolate` of the unit vectors."""
    unit = torch.eye(n, dtype=torch.float32, device="cpu")
    return F.interpolate(unit[None], size=new, mode="linear", align_corners=False)[0].T.to(dtype)


def _selection(place: Tensor, n: int, like: Tensor) -> Tensor:
    """Rows of the unit matrix: 1 where an output repeats an input. place (..., m) -> (..., m, n)."""
    return (place[..., None] == torch.arange(n, device=like.device)).to(like.dtype)


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
                share = wide.new_full((1, 1, N), 1 / N).expand(B, 1, N)
            else:
                share = valid[:, None].float()
                share = share / share.sum(-1, keepdim=True)
            out = normalize(wide, share, self.groups, self.eps, self.weight, self.bias)
        return out.to(x.dtype)


def normalize(
    x: Tensor, share: Tensor, groups: int, eps: float, weight: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    """Group normalization with weighted statistics, and a backward pass in a few sweeps over x.

    Autograd's own backward of these lines takes about twice as many.

    Args:
        x: (B, N, C).
        share: (B, 1, N), the weight of each position in mean and variance; they sum to one.
        groups: number of groups of channels.
        eps: added to the variance.
        weight: (C,) or None.
        bias: (C,), or None as `weight`.
    """
    needs = torch.is_grad_enabled() and any(each is not None and each.requires_grad for each in (x, weight, bias))
    if not needs or torch.compiler.is_exporting():
        return _normalized(x, share, groups, eps, weight, bias)[0]
    return _Normalize.apply(x, share, groups, eps, weight, bias)


def _normalized(
    x: Tensor, share: Tensor, groups: int, eps: float, weight: Tensor | None, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The definition. -> (B, N, C), means and inverse standard deviations (B, 1, C)."""
    mean = _over_groups(share @ x, groups)
    centered = x - mean
    scale = torch.rsqrt(_over_groups(share @ centered.square(), groups) + eps)
    out = centered * scale if weight is None else torch.addcmul(bias, centered, scale * weight)
    return out, mean, scale


class _Normalize(torch.autograd.Function):
    """`_normalized` with its gradient written out.

    With y = (x - mean) scale and g the gradient of y:  dx = scale (g - share (sum g + y sum g y)), where the sums go
    over the positions and are averaged over the channels of a group.
    """

    @staticmethod
    def forward(ctx, x, share, groups, eps, weight, bias):
        out, mean, scale = _normalized(x, share, groups, eps, weight, bias)
        ctx.save_for_backward(x, share, mean, scale, weight, bias)
        ctx.groups, ctx.eps = groups, eps
        return out

    @staticmethod
    def backward(ctx, grad):
        x, share, mean, scale, weight, bias = ctx.saved_tensors
        if torch.is_grad_enabled():  # somebody differentiates this pass again: leave it to autograd
            return _by_autograd(x, share, ctx.groups, ctx.eps, weight, bias, grad)
        y = (x - mean).mul_(scale)
        sums = grad.sum(1, keepdim=True), (grad * y).sum(1, keepdim=True)  # (B, 1, C) each
        gain = scale if weight is None else scale * weight
        along, across = (_over_groups(each if weight is None else each * weight, ctx.groups) * scale for each in sums)
        out = torch.addcmul(along, y, across).mul_(share.transpose(1, 2))
        out = torch.addcmul(out.neg_(), grad, gain)
        if weight is None:
            return out, None, None, None, None, None
        return out, None, None, None, sums[1].sum((0, 1)), sums[0].sum((0, 1))


def _by_autograd(x, share, groups, eps, weight, bias, grad):
    """The same gradient as operations that can be differentiated."""
    leaves = [each for each in (x, weight, bias) if each is not None and each.requires_grad]
    out = _normalized(x, share, groups, eps, weight, bias)[0]
    found = dict(zip(map(id, leaves), torch.autograd.grad(out, leaves, grad, create_graph=True)))
    return found.get(id(x)), None, None, None, found.get(id(weight)), found.get(id(bias))


def _over_groups(mean: Tensor, groups: int) -> Tensor:
    """For every channel the mean of its group, from the means of the channels. (B, 1, C) -> (B, 1, C)."""
    B, _, C = mean.shape
    if groups == C:
        return mean
    mean = mean.view(B, 1, groups, C // groups).mean(-1, keepdim=True)
    return mean.expand(B, 1, groups, C // groups).reshape(B, 1, C)


def _full_precision(device_type: str) -> AbstractContextManager:
    """Autocast off, on devices that have it (the meta device does not)."""
    if not torch.amp.is_autocast_available(device_type):
        return nullcontext()
    return torch.autocast(device_type, enabled=False)


def mean_of_weighted(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of each sample, 0 where nothing has weight, and the mean over the samples. (B, N) -> scalar."""
    return ((values * weights).sum(1) / weights.sum(1).clamp(min=1)).mean()
