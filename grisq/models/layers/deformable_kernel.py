"""Deformable attention on CPUs: numba kernels behind one torch custom operator. Nothing to build at install.

`grid_sample` makes a tensor of every sampled value before it sums them; these loops add each sample to its sum
while it is in cache, and touch nothing else. The operator has a fake implementation and a backward formula, so
meta tensors, torch.export and autograd work with it.

They take raw offsets and scores: the softmax over a dozen scores and the sum of two coordinates are a few
instructions here, and passes over memory with a tiny innermost dimension as tensor operations.

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


@njit(parallel=True, cache=True, error_model="numpy")
def _forward(value, shapes, starts, reference, offsets, scores, softmax, out, weights):
    """out[b, q, h] = sum over levels and points of weight x bilinear sample; parallel over (batch, query chunks).

    Also writes the weights: softmax of the scores, or the scores themselves.
    """
    B, Q, H, K = scores.shape
    L, D = shapes.shape[0], value.shape[3]
    P = K // max(L, 1)
    chunks = (Q + _CHUNK - 1) // _CHUNK
    for task in prange(B * chunks):
        b, first = task // chunks, task % chunks * _CHUNK
        for q in range(first, min(first + _CHUNK, Q)):
            for h in range(H):
                if softmax:
                    highest = scores[b, q, h, 0]
                    for k in range(1, K):
                        highest = max(highest, scores[b, q, h, k])
                    total = _ZERO
                    for k in range(K):
                        exponential = np.float32(np.exp(scores[b, q, h, k] - highest))
                        weights[b, q, h, k] = exponential
                        total += exponential
                    inverse = _ONE / total
                    for k in range(K):
                        weights[b, q, h, k] *= inverse
                else:
                    for k in range(K):
                        weights[b, q, h, k] = scores[b, q, h, k]
                for d in range(D):
                    out[b, q, h, d] = 0
                for level in range(L):
                    height, width, start = shapes[level, 0], shapes[level, 1], starts[level]
                    across = reference[b, q, level, 0] * width - _HALF
                    down = reference[b, q, level, 1] * height - _HALF
                    for k in range(level * P, level * P + P):
                        x, y = across + offsets[b, q, h, k, 0], down + offsets[b, q, h, k, 1]
                        a = weights[b, q, h, k]
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


@njit(parallel=True, cache=True, error_model="numpy")
def _backward(
    value, shapes, starts, reference, offsets, weights, softmax, grad_out, grad_value, grad_offsets, grad_scores
):
    """Gradients of `_forward`; parallel over (batch, head), so that no two tasks add to the same value."""
    B, Q, H, K = weights.shape
    L, D = shapes.shape[0], value.shape[3]
    P = K // max(L, 1)
    for task in prange(B * H):
        b, h = task // H, task % H
        for q in range(Q):
            mean = _ZERO  # of the gradients of the head's weights, under these weights
            for level in range(L):
                height, width, start = shapes[level, 0], shapes[level, 1], starts[level]
                across = reference[b, q, level, 0] * width - _HALF
                down = reference[b, q, level, 1] * height - _HALF
                for k in range(level * P, level * P + P):
                    x, y = across + offsets[b, q, h, k, 0], down + offsets[b, q, h, k, 1]
                    a = weights[b, q, h, k]
                    if not (-1 < x < width and -1 < y < height):
                        grad_weight = _ZERO if np.isfinite(x + y) else _NAN
                        grad_scores[b, q, h, k] = grad_weight
                        mean += a * grad_weight
                        moved = _ZERO if np.isfinite(x + y + a) else _NAN
                        grad_offsets[b, q, h, k, 0] = moved
                        grad_offsets[b, q, h, k, 1] = moved
                        continue
                    x0, x1, y0, y1, fx, fy, left, right, top, bottom = _corners(x, y, width, height)
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
                    grad_weight = above + fy * (below - above)
                    grad_scores[b, q, h, k] = grad_weight
                    mean += a * grad_weight
                    grad_offsets[b, q, h, k, 0] = a * ((_ONE - fy) * (s01 - s00) + fy * (s11 - s10))
                    grad_offsets[b, q, h, k, 1] = a * (below - above)
            if softmax:
                for k in range(K):
                    grad_scores[b, q, h, k] = weights[b, q, h, k] * (grad_scores[b, q, h, k] - mean)


@torch.library.custom_op("grisq::deformable_attention", mutates_args=(), device_types="cpu")
def deformable_attention_cpu(
    value: Tensor, shapes: list[int], reference: Tensor, offsets: Tensor, scores: Tensor, softmax: bool
) -> tuple[Tensor, Tensor]:
    """The sampled sum on the CPU, in float32. All tensors are contiguous.

    Args:
        value: (B, S, H, D).
        shapes: heights and widths of the levels in turn; that they add up to S is for the caller to check.
        reference: (B, Q, L, 2), in [0, 1] on each level.
        offsets: (B, Q, H, L, P, 2) from there, in pixels of the level.
        scores: (B, Q, H, L, P).
        softmax: whether the weights are the softmax of the scores over all L * P, or the scores themselves.

    Returns:
        The sum (B, Q, H, D) and the weights (B, Q, H, L, P); gradients flow from the sum alone.
    """
    out = value.new_empty(*scores.shape[:3], value.shape[3])
    weights = torch.empty_like(scores)
    _run(_forward, value, shapes, reference, offsets, scores, softmax, out, _by_head(weights))
    return out, weights


@deformable_attention_cpu.register_fake
def _(value, shapes, reference, offsets, scores, softmax):
    return value.new_empty(*scores.shape[:3], value.shape[3]), torch.empty_like(scores)


@torch.library.custom_op("grisq::deformable_attention_backward", mutates_args=(), device_types="cpu")
def _backward_cpu(
    grad_out: Tensor,
    value: Tensor,
    shapes: list[int],
    reference: Tensor,
    offsets: Tensor,
    weights: Tensor,
    softmax: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    grads = torch.zeros_like(value), torch.empty_like(offsets), torch.empty_like(weights)
    rest = grad_out, grads[0], _by_head(grads[1], 2), _by_head(grads[2])
    _run(_backward, value, shapes, reference, offsets, weights, softmax, *rest)
    return grads


@_backward_cpu.register_fake
def _(grad_out, value, shapes, reference, offsets, weights, softmax):
    return torch.empty_like(value), torch.empty_like(offsets), torch.empty_like(weights)


def _save(ctx, inputs, output) -> None:
    value, ctx.shapes, reference, offsets, _, ctx.softmax = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(value, reference, offsets, output[1])


def _gradients(ctx, grad_out: Tensor, _) -> tuple[Tensor | None, ...]:
    value, reference, offsets, weights = ctx.saved_tensors
    grad_value, grad_offsets, grad_scores = _backward_cpu(
        grad_out.contiguous(), value, ctx.shapes, reference, offsets, weights, ctx.softmax
    )
    grad_reference = None
    if ctx.needs_input_grad[2]:
        pixels = reference.new_tensor(ctx.shapes).view(-1, 2).flip(-1)  # (L, 2) as (W, H)
        grad_reference = grad_offsets.sum((2, 4)) * pixels
    return grad_value, None, grad_reference, grad_offsets, grad_scores, None


deformable_attention_cpu.register_autograd(_gradients, setup_context=_save)


def _by_head(tensor: Tensor, inner: int = 0) -> Tensor:
    """(B, Q, H, L, P) -> (B, Q, H, L * P), a view; with `inner` the last dimension stays."""
    return tensor.view(*tensor.shape[:3], -1, *([inner] if inner else []))


def _run(
    kernel,
    value: Tensor,
    shapes: list[int],
    reference: Tensor,
    offsets: Tensor,
    scores: Tensor,
    softmax: bool,
    *rest: Tensor,
) -> None:
    """Call a kernel on the tensors' memory with as many threads as torch uses."""
    sizes = np.array(shapes, dtype=np.int64).reshape(-1, 2)
    if not all(tensor.dtype == torch.float32 for tensor in (value, reference, offsets, scores)):
        raise TypeError("The kernel computes in float32 only: use deformable_attention for other types.")
    starts = np.concatenate([[0], np.cumsum(sizes.prod(1))[:-1]]).astype(np.int64)
    given = (tensor.detach().numpy() for tensor in (reference, _by_head(offsets, 2), _by_head(scores)))
    with _lock:
        numba.set_num_threads(min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS))
        kernel(value.detach().numpy(), sizes, starts, *given, softmax, *(tensor.detach().numpy() for tensor in rest))
