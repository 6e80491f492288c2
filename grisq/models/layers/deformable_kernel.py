"""Deformable attention on CPUs: numba kernels behind one torch custom operator. Nothing to build at install.

`grid_sample` makes a tensor of every sampled value before it sums them; these loops add each sample to its sum
while it is in cache, and touch nothing else. The operator has a fake implementation and a backward formula, so
meta tensors, torch.export and autograd work with it.

The arithmetic is strict (no `fastmath`): numba optimizes a kernel that it has just compiled differently from the
same kernel loaded from its cache, and with leave to reorder sums the two would differ in the last bit, so that a
run that is resumed in another process would not repeat the first. Arrays are indexed in full, never sliced: a slice
is an object of its own in the innermost loop.
"""

import threading

import numba
import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

_CHUNK = 64  # queries that one task of the forward loop takes
_ONE, _HALF, _ZERO, _NAN = np.float32(1), np.float32(0.5), np.float32(0), np.float32(np.nan)
_lock = threading.Lock()  # numba's thread pool takes one caller at a time


@njit(cache=True)
def _corners(x, y, width, height):
    """Columns, rows and fractions of a spot's four pixels, and 0 for each side that lies outside the level."""
    column, row = int(np.floor(x)), int(np.floor(y))
    fx, fy = np.float32(x - column), np.float32(y - row)
    left = _ONE if column >= 0 else _ZERO
    right = _ONE if column + 1 < width else _ZERO
    top = _ONE if row >= 0 else _ZERO
    bottom = _ONE if row + 1 < height else _ZERO
    x0, x1 = max(column, 0), min(column + 1, width - 1)
    y0, y1 = max(row, 0), min(row + 1, height - 1)
    return x0, x1, y0, y1, fx, fy, left, right, top, bottom


@njit(parallel=True, cache=True)
def _forward(value, shapes, starts, locations, weights, out):
    """out[b, q, h] = sum over levels and points of weight x bilinear sample; parallel over (batch, query chunks)."""
    B, Q, H, L, P, _ = locations.shape
    D = value.shape[3]
    chunks = (Q + _CHUNK - 1) // _CHUNK
    for task in prange(B * chunks):
        b, first = task // chunks, task % chunks * _CHUNK
        for q in range(first, min(first + _CHUNK, Q)):
            for h in range(H):
                for d in range(D):
                    out[b, q, h, d] = 0
                for level in range(L):
                    height, width, start = shapes[level, 0], shapes[level, 1], starts[level]
                    for p in range(P):
                        x = locations[b, q, h, level, p, 0] * width - _HALF
                        y = locations[b, q, h, level, p, 1] * height - _HALF
                        a = weights[b, q, h, level, p]
                        if not (-1 < x < width and -1 < y < height):
                            if not np.isfinite(x + y + a):  # as in the definition: 0 * nan, nan * 0
                                for d in range(D):
                                    out[b, q, h, d] += _NAN
                            continue
                        x0, x1, y0, y1, fx, fy, left, right, top, bottom = _corners(x, y, width, height)
                        w00 = a * (_ONE - fx) * (_ONE - fy) * left * top
                        w01 = a * fx * (_ONE - fy) * right * top
                        w10 = a * (_ONE - fx) * fy * left * bottom
                        w11 = a * fx * fy * right * bottom
                        upper, lower = start + y0 * width, start + y1 * width
                        i00, i01, i10, i11 = upper + x0, upper + x1, lower + x0, lower + x1
                        for d in range(D):
                            out[b, q, h, d] += (
                                w00 * value[b, i00, h, d]
                                + w01 * value[b, i01, h, d]
                                + w10 * value[b, i10, h, d]
                                + w11 * value[b, i11, h, d]
                            )


@njit(parallel=True, cache=True)
def _backward(value, shapes, starts, locations, weights, grad_out, grad_value, grad_locations, grad_weights):
    """Gradients of `_forward`; parallel over (batch, head), so that no two tasks add to the same value."""
    B, Q, H, L, P, _ = locations.shape
    D = value.shape[3]
    for task in prange(B * H):
        b, h = task // H, task % H
        for q in range(Q):
            for level in range(L):
                height, width, start = shapes[level, 0], shapes[level, 1], starts[level]
                for p in range(P):
                    x = locations[b, q, h, level, p, 0] * width - _HALF
                    y = locations[b, q, h, level, p, 1] * height - _HALF
                    if not (-1 < x < width and -1 < y < height):
                        grad_weights[b, q, h, level, p] = _ZERO if np.isfinite(x + y) else _NAN
                        moved = _ZERO if np.isfinite(x + y + weights[b, q, h, level, p]) else _NAN
                        grad_locations[b, q, h, level, p, 0] = moved
                        grad_locations[b, q, h, level, p, 1] = moved
                        continue
                    x0, x1, y0, y1, fx, fy, left, right, top, bottom = _corners(x, y, width, height)
                    a = weights[b, q, h, level, p]
                    m00, m01, m10, m11 = left * top, right * top, left * bottom, right * bottom
                    w00 = a * (_ONE - fx) * (_ONE - fy) * m00
                    w01 = a * fx * (_ONE - fy) * m01
                    w10 = a * (_ONE - fx) * fy * m10
                    w11 = a * fx * fy * m11
                    upper, lower = start + y0 * width, start + y1 * width
                    i00, i01, i10, i11 = upper + x0, upper + x1, lower + x0, lower + x1
                    s00, s01, s10, s11 = _ZERO, _ZERO, _ZERO, _ZERO  # products of the gradient with each corner
                    for d in range(D):
                        s00 += grad_out[b, q, h, d] * value[b, i00, h, d]
                        s01 += grad_out[b, q, h, d] * value[b, i01, h, d]
                        s10 += grad_out[b, q, h, d] * value[b, i10, h, d]
                        s11 += grad_out[b, q, h, d] * value[b, i11, h, d]
                    for d in range(D):
                        grad_value[b, i00, h, d] += w00 * grad_out[b, q, h, d]
                    for d in range(D):
                        grad_value[b, i01, h, d] += w01 * grad_out[b, q, h, d]
                    for d in range(D):
                        grad_value[b, i10, h, d] += w10 * grad_out[b, q, h, d]
                    for d in range(D):
                        grad_value[b, i11, h, d] += w11 * grad_out[b, q, h, d]
                    s00, s01, s10, s11 = s00 * m00, s01 * m01, s10 * m10, s11 * m11
                    above, below = s00 + fx * (s01 - s00), s10 + fx * (s11 - s10)
                    grad_weights[b, q, h, level, p] = above + fy * (below - above)
                    across = (_ONE - fy) * (s01 - s00) + fy * (s11 - s10)
                    grad_locations[b, q, h, level, p, 0] = a * width * across
                    grad_locations[b, q, h, level, p, 1] = a * height * (below - above)


@torch.library.custom_op("grisq::deformable_attention", mutates_args=(), device_types="cpu")
def deformable_attention_cpu(value: Tensor, shapes: list[int], locations: Tensor, weights: Tensor) -> Tensor:
    """The sampled sum on the CPU, in float32.

    Args:
        value: (B, S, H, D).
        shapes: heights and widths of the levels in turn; that they add up to S is for the caller to check.
        locations: (B, Q, H, L, P, 2), in [0, 1] on each level.
        weights: (B, Q, H, L, P).

    Returns:
        (B, Q, H, D).
    """
    B, Q, H = weights.shape[:3]
    out = value.new_empty(B, Q, H, value.shape[3])
    _run(_forward, value, shapes, locations, weights, out)
    return out


@deformable_attention_cpu.register_fake
def _(value: Tensor, shapes: list[int], locations: Tensor, weights: Tensor) -> Tensor:
    B, Q, H = weights.shape[:3]
    return value.new_empty(B, Q, H, value.shape[3])


@torch.library.custom_op("grisq::deformable_attention_backward", mutates_args=(), device_types="cpu")
def _backward_cpu(
    grad_out: Tensor, value: Tensor, shapes: list[int], locations: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    grads = torch.zeros_like(value), torch.empty_like(locations), torch.empty_like(weights)
    _run(_backward, value, shapes, locations, weights, grad_out, *grads)
    return grads


@_backward_cpu.register_fake
def _(
    grad_out: Tensor, value: Tensor, shapes: list[int], locations: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(value), torch.empty_like(locations), torch.empty_like(weights)


def _save(ctx, inputs, output) -> None:
    value, ctx.shapes, locations, weights = inputs
    ctx.save_for_backward(value, locations, weights)


def _gradients(ctx, grad_out: Tensor) -> tuple[Tensor, None, Tensor, Tensor]:
    value, locations, weights = ctx.saved_tensors
    grads = _backward_cpu(grad_out.contiguous(), value, ctx.shapes, locations, weights)
    return grads[0], None, grads[1], grads[2]


deformable_attention_cpu.register_autograd(_gradients, setup_context=_save)


def _run(kernel, value: Tensor, shapes: list[int], locations: Tensor, weights: Tensor, *rest: Tensor) -> None:
    """Call a kernel on the tensors' memory with as many threads as torch uses."""
    sizes = np.array(shapes, dtype=np.int64).reshape(-1, 2)
    if not all(tensor.dtype == torch.float32 for tensor in (value, locations, weights)):
        raise TypeError("The kernel computes in float32 only: use deformable_attention for other types.")
    starts = np.concatenate([[0], np.cumsum(sizes.prod(1))[:-1]]).astype(np.int64)
    with _lock:
        numba.set_num_threads(min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS))
        kernel(
            value.detach().numpy(),
            sizes,
            starts,
            locations.detach().numpy(),
            weights.detach().numpy(),
            *(tensor.detach().numpy() for tensor in rest),
        )
