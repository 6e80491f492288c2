"""Deformable attention on CUDA in Triton: for GPUs what the numba kernel is for CPUs, nothing to build at install.

One program takes BLOCK queries of one head of one sample. Sums are float32. Backward keeps nothing but the inputs; the
gradient of `value` is added up with float32 atomics, so its last bits differ between runs, as those of grid_sample do.

Importing this needs triton, which comes with torch's CUDA builds for Linux. Values and gradients are tested in Triton's
interpreter and, in tests/gpu, on a GPU.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from grisq.runtime.constants import constant


def geometry(sizes: list[tuple[int, int]], device: torch.device) -> Tensor:
    """Height, width and first position of each level: (L, 3) int32 on the device."""
    rows, start = [], 0
    for height, width in sizes:
        rows.append((height, width, start))
        start += height * width
    return constant(tuple(rows), torch.int32, device=device)


@triton.jit
def _sampling_point(locations, weights, at, height, width, mask):
    """Fractions, corner and weight of one sampling point of each query, whether it touches the level, and `nought`.

    `nought` is 0, or NaN where a coordinate is not finite. A comparison with NaN is false, so such a point lies
    outside, and what it makes NaN becomes so by adding `nought`.
    """
    x = tl.load(locations + at * 2, mask=mask, other=-1e6) * width - 0.5
    y = tl.load(locations + at * 2 + 1, mask=mask, other=-1e6) * height - 0.5
    a = tl.load(weights + at, mask=mask, other=0.0)
    nought = (x + y) * 0.0
    inside = mask & (x > -1) & (y > -1) & (x < width) & (y < height)
    x = tl.where(inside, x, 0.0)
    y = tl.where(inside, y, 0.0)
    x0 = tl.floor(x)
    y0 = tl.floor(y)
    return x - x0, y - y0, x0.to(tl.int32), y0.to(tl.int32), a, inside, nought


@triton.jit
def _corner(x0, y0, start, height, width, inside, DX: tl.constexpr, DY: tl.constexpr):
    """Position in the sequence of one of a point's four pixels, and whether it lies in the level."""
    cx = x0 + DX
    cy = y0 + DY
    here = inside & (cx >= 0) & (cx < width) & (cy >= 0) & (cy < height)
    return start + cy * width + cx, here


@triton.jit
def _corners(x0, y0, start, height, width, inside):
    """`_corner` of all four pixels: upper left, upper right, lower left, lower right."""
    i00, m00 = _corner(x0, y0, start, height, width, inside, 0, 0)
    i10, m10 = _corner(x0, y0, start, height, width, inside, 1, 0)
    i01, m01 = _corner(x0, y0, start, height, width, inside, 0, 1)
    i11, m11 = _corner(x0, y0, start, height, width, inside, 1, 1)
    return i00, m00, i10, m10, i01, m01, i11, m11


@triton.jit
def _level(geo, level):
    """Height, width and first position of a level."""
    return tl.load(geo + level * 3), tl.load(geo + level * 3 + 1), tl.load(geo + level * 3 + 2)


@triton.jit
def _read(base, index, stride, d, here, keep_d):
    """Channels of one pixel of each query, zero where it lies outside: (BLOCK, BD) float32."""
    spots = index[:, None] * stride + d[None, :]
    return tl.load(base + spots, mask=here[:, None] & keep_d[None, :], other=0.0).to(tl.float32)


@triton.jit
def _add_gradient(base, grad_base, index, stride, d, here, keep_d, share, g):
    """Add a corner's share of the incoming gradient g to that of `value`; return its product with g, (BLOCK,)."""
    spots = index[:, None] * stride + d[None, :]
    mask = here[:, None] & keep_d[None, :]
    v = tl.load(base + spots, mask=mask, other=0.0).to(tl.float32)
    tl.atomic_add(grad_base + spots, share[:, None] * g, mask=mask, sem="relaxed")
    return tl.sum(v * g, axis=1)  # zero where the corner lies outside


# fmt: off
@triton.jit
def _forward(value, geo, locations, weights, out, S, Q, H: tl.constexpr, D: tl.constexpr, L: tl.constexpr,
             P: tl.constexpr, BLOCK: tl.constexpr, BD: tl.constexpr):
    bh = tl.program_id(1).to(tl.int64)
    b = bh // H
    h = bh % H
    q = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    d = tl.arange(0, BD)
    keep_q = q < Q
    keep_d = d < D
    row = (b * Q + q) * H + h  # (BLOCK,)
    base = value + (b * S * H + h) * D
    total = tl.zeros((BLOCK, BD), dtype=tl.float32)
    for level in tl.static_range(L):
        height, width, start = _level(geo, level)
        for p in tl.static_range(P):
            at = row * (L * P) + (level * P + p)
            fx, fy, x0, y0, a, inside, nought = _sampling_point(locations, weights, at, height, width, keep_q)
            i00, m00, i10, m10, i01, m01, i11, m11 = _corners(x0, y0, start, height, width, inside)
            total += (nought + a * 0.0)[:, None]  # as in the definition: 0 * nan, nan * 0
            total += (a * (1 - fx) * (1 - fy))[:, None] * _read(base, i00, H * D, d, m00, keep_d)
            total += (a * fx * (1 - fy))[:, None] * _read(base, i10, H * D, d, m10, keep_d)
            total += (a * (1 - fx) * fy)[:, None] * _read(base, i01, H * D, d, m01, keep_d)
            total += (a * fx * fy)[:, None] * _read(base, i11, H * D, d, m11, keep_d)
    tl.store(out + row[:, None] * D + d[None, :], total.to(out.dtype.element_ty),
             mask=keep_q[:, None] & keep_d[None, :])


@triton.jit
def _backward(value, geo, locations, weights, grad_out, grad_value, grad_locations, grad_weights, S, Q,
              H: tl.constexpr, D: tl.constexpr, L: tl.constexpr, P: tl.constexpr, BLOCK: tl.constexpr,
              BD: tl.constexpr):
    bh = tl.program_id(1).to(tl.int64)
    b = bh // H
    h = bh % H
    q = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    d = tl.arange(0, BD)
    keep_q = q < Q
    keep_d = d < D
    row = (b * Q + q) * H + h
    base = value + (b * S * H + h) * D
    grad_base = grad_value + (b * S * H + h) * D
    g = tl.load(grad_out + row[:, None] * D + d[None, :], mask=keep_q[:, None] & keep_d[None, :],
                other=0.0).to(tl.float32)
    for level in tl.static_range(L):
        height, width, start = _level(geo, level)
        for p in tl.static_range(P):
            at = row * (L * P) + (level * P + p)
            fx, fy, x0, y0, a, inside, nought = _sampling_point(locations, weights, at, height, width, keep_q)
            i00, m00, i10, m10, i01, m01, i11, m11 = _corners(x0, y0, start, height, width, inside)
            s00 = _add_gradient(base, grad_base, i00, H * D, d, m00, keep_d, a * (1 - fx) * (1 - fy), g)
            s10 = _add_gradient(base, grad_base, i10, H * D, d, m10, keep_d, a * fx * (1 - fy), g)
            s01 = _add_gradient(base, grad_base, i01, H * D, d, m01, keep_d, a * (1 - fx) * fy, g)
            s11 = _add_gradient(base, grad_base, i11, H * D, d, m11, keep_d, a * fx * fy, g)
            above = s00 + fx * (s10 - s00)
            below = s01 + fx * (s11 - s01)
            across = (1 - fy) * (s10 - s00) + fy * (s11 - s01)
            tl.store(grad_weights + at, above + fy * (below - above) + nought, mask=keep_q)
            nought += a * 0.0
            tl.store(grad_locations + at * 2, a * width * across + nought, mask=keep_q)
            tl.store(grad_locations + at * 2 + 1, a * height * (below - above) + nought, mask=keep_q)
# fmt: on


class _Deformable(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value, geo, locations, weights, block, warps):
        B, S, H, D = value.shape
        _, Q, _, L, P, _ = locations.shape
        out = torch.empty(B, Q, H, D, dtype=value.dtype, device=value.device)
        grid, width = (triton.cdiv(Q, block), B * H), triton.next_power_of_2(D)
        with torch.cuda.device_of(value):  # triton starts a kernel on the current GPU, not on that of its arguments
            _forward[grid](value, geo, locations, weights, out, S, Q, H, D, L, P, block, width, num_warps=warps)
        ctx.save_for_backward(value, geo, locations, weights)
        ctx.block, ctx.warps = block, warps
        return out

    @staticmethod
    def backward(ctx, grad_out):
        value, geo, locations, weights = ctx.saved_tensors
        B, S, H, D = value.shape
        _, Q, _, L, P, _ = locations.shape
        inputs = (value, geo, locations, weights, grad_out.contiguous())
        grads = (torch.zeros_like(value, dtype=torch.float32), torch.empty_like(locations), torch.empty_like(weights))
        grid, width = (triton.cdiv(Q, ctx.block), B * H), triton.next_power_of_2(D)
        with torch.cuda.device_of(value):
            _backward[grid](*inputs, *grads, S, Q, H, D, L, P, ctx.block, width, num_warps=ctx.warps)
        return grads[0].to(value.dtype), None, grads[1], grads[2], None, None


def deformable_attention_triton(
    value: Tensor,
    sizes: list[tuple[int, int]],
    locations: Tensor,
    weights: Tensor,
    block: int = 32,
    warps: int = 4,
) -> Tensor:
    """Compute what `deformable_attention_reference` computes, on CUDA.

    Args:
        value: (B, S, H, D) of any float type, the levels one after the other.
        sizes: Height and width of each level.
        locations: (B, Q, H, L, P, 2) float32, (x, y) in [0, 1] of each level's canvas.
        weights: (B, Q, H, L, P) float32.
        block: Queries of one program.
        warps: Of one program.

    Returns:
        (B, Q, H, D) in the type of `value`.
    """
    geo = geometry(sizes, value.device)
    return _Deformable.apply(value.contiguous(), geo, locations.contiguous(), weights.contiguous(), block, warps)
