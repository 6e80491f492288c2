"""Faster forms of what the GPU path does, as patches of this process, so that one call measures both.

    import fixes; fixes.apply("syncs", "spread")  # in any order, before the model is built

syncs   no constants made on the host in a step and no look at `valid`, so that nothing waits for the GPU
spread  `extend` without scatter_add in its backward: sums, always in the same order
triton  deformable attention by `triton_deformable`, values in the type of the computation
qkv     Swin: qkv and projection outside the windows, on real positions only (`window_fixes`)
sdpa    Swin: scaled_dot_product_attention, as timm's switch does; with `qkv` the same inside it (`window_fixes`)
"""

import torch
import torch.nn.functional as F
import window_fixes
from torch import Tensor

from grisq.data import sample
from grisq.models import base, heads, lavt, multimodal_encoder, pixel_decoder, rela
from grisq.models.layers import deformable_attention as deformable
from grisq.models.layers import padding
from grisq.training import losses

_constants: dict[tuple, Tensor] = {}


def put(owner: object, name: str, new: object) -> None:
    """Replace an attribute. Raises AttributeError if the package no longer has it, so that no patch goes stale."""
    if not hasattr(owner, name):
        raise AttributeError(f"{getattr(owner, '__name__', owner)} has no {name} any more: adapt scripts/gpu/fixes.py")
    setattr(owner, name, new)


def constant(values: object, device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """A small tensor that is copied to the device once."""
    key = (repr(values), str(device), dtype)
    if key not in _constants:
        _constants[key] = torch.tensor(values, dtype=dtype, device=device)
    return _constants[key]


def syncs() -> None:
    """Keep constants on the device and pass `valid` without asking whether it matters."""
    put(sample, "normalize", _normalize)
    put(deformable, "_pixels", _pixels)
    put(pixel_decoder, "reference_points", _reference_points)
    for module in (base, losses, rela):
        put(module, "weighted_cross_entropy", _weighted_cross_entropy)
    put(heads, "_interpolation", _interpolation)


def _normalize(images: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    mean, std = (
        255 * constant(values, images.device).view(3, 1, 1) for values in (sample.IMAGENET_MEAN, sample.IMAGENET_STD)
    )
    return ((images.float() - mean) / std) * valid[:, None], valid


def _pixels(sizes: list[tuple[int, int]], like: Tensor) -> Tensor:
    return constant([[[width, height]] for height, width in sizes], like.device, like.dtype)


def _reference_points(centers: list[Tensor], levels: list) -> Tensor:
    B = levels[0].features.shape[0]
    spots = torch.cat([center.expand(B, -1, -1) for center in centers], dim=1)
    shares = []
    for level in levels:
        if level.valid is None:
            shares.append(torch.ones(B, 2, device=spots.device))
        else:
            size = constant(list(level.size), spots.device)
            shares.append((padding.extents(level.valid) / size).flip(-1))
    return spots[:, :, None, :] * torch.stack(shares, dim=1)[:, None]


def _weighted_cross_entropy(logits: Tensor, labels: Tensor, weights: tuple[float, float]) -> Tensor:
    classes = constant(list(weights), logits.device)
    return F.cross_entropy(logits.float(), labels, classes, reduction="sum") / labels.numel()


def _interpolation(length: int, like: Tensor) -> Tensor:
    key = ("interpolation", length, str(like.device), like.dtype)
    if key not in _constants:
        unit = torch.eye(length, dtype=torch.float32, device=like.device)
        up = F.interpolate(unit[None], scale_factor=4, mode="linear", align_corners=False)[0].T
        _constants[key] = up.to(like.dtype)
    return _constants[key]


def spread() -> None:
    """Replace `extend` wherever it was imported."""

    def extend(x, valid):
        return x if valid is None else _Spread.apply(x, valid)

    for module in (padding, heads, lavt):
        put(module, "extend", extend)


class _Spread(torch.autograd.Function):
    """`extend`; its backward adds what lies in the padding to the last valid column, then to the last valid row."""

    @staticmethod
    def forward(ctx, x: Tensor, valid: Tensor) -> Tensor:
        B, C, H, W = x.shape
        last = padding.extents(valid) - 1  # (B, 2)
        rows = torch.arange(H, device=x.device).minimum(last[:, :1])  # (B, H)
        columns = torch.arange(W, device=x.device).minimum(last[:, 1:])  # (B, W)
        ctx.save_for_backward(last)
        x = x.gather(2, rows[:, None, :, None].expand(B, C, H, W))
        return x.gather(3, columns[:, None, None, :].expand(B, C, H, W))

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        (last,) = ctx.saved_tensors
        for axis in (3, 2):
            end = last[:, axis - 2].view(-1, 1, 1, 1)
            place = torch.arange(grad.shape[axis], device=grad.device)
            place = place.view([-1 if i == axis else 1 for i in range(4)])
            beyond = (grad * (place >= end)).sum(axis, keepdim=True)
            grad = torch.where(place < end, grad, (place == end) * beyond)
        return grad, None


def triton() -> None:
    """Run deformable attention by the Triton kernel."""
    from triton_deformable import deformable_attention_triton

    def forward(self, query, reference, memory, sizes, valid=None):
        B, Q, C = query.shape
        value = self.value_proj(memory)
        if valid is not None:
            value = value.masked_fill(~valid[..., None], 0.0)
        value = value.view(B, -1, self.heads, C // self.heads)
        locations, weights = self.locations(query, reference, sizes), self.weights(query)
        out = deformable_attention_triton(value, sizes, locations, weights)
        return self.output_proj(out.reshape(B, Q, C))

    put(deformable.MultiScaleDeformableAttention, "forward", forward)


def qkv() -> None:
    """Run Swin's linear layers outside the windows."""
    put(multimodal_encoder, "run_blocks", window_fixes.run_blocks)


ALL = {
    "syncs": syncs,
    "spread": spread,
    "triton": triton,
    "qkv": qkv,
    "sdpa": window_fixes.fuse_attention,
}
EXACT = ["spread", "syncs", "qkv"]  # on every device the same but for rounding


def apply(*names: str) -> None:
    """Apply these patches to the process; they stay."""
    for name in names:
        ALL[name]()
