"""Sine position encoding on a grid, relative to the picture and not to its padded canvas."""

import math

import torch
from torch import Tensor

from grisq.models.layers.padding import extents
from grisq.runtime.constants import constant


def grid_centers(size: tuple[int, int], valid: Tensor | None, like: Tensor) -> Tensor:
    """Center of every position as (x, y), in [0, 1] on the valid rectangle.

    Args:
        size: (H, W) of the grid.
        valid: (B, H, W) bool, False in the padding, or None.
        like: a tensor on the device of the result.

    Returns:
        (B, H*W, 2), or (1, H*W, 2) without padding.
    """
    H, W = size
    if valid is None:
        height_width = constant(((H, W),), device=like.device)
    else:
        height_width = extents(valid).to(torch.float32)  # (B, 2)
    y = (torch.arange(H, device=like.device) + 0.5) / height_width[:, :1]  # (B, H)
    x = (torch.arange(W, device=like.device) + 0.5) / height_width[:, 1:]  # (B, W)
    B = height_width.shape[0]
    return torch.stack([x[:, None, :].expand(B, H, W), y[:, :, None].expand(B, H, W)], dim=-1).flatten(1, 2)


def sine_positions(centers: Tensor, channels: int, temperature: float = 10_000.0) -> Tensor:
    """DETR's normalized sine encoding of (x, y): half the channels for y, half for x.

    p_{2i} = sin(2 pi y / t^{2i / (C/2)}),  p_{2i+1} = cos(the same), then x likewise.

    Args:
        centers: (B, N, 2) as (x, y).
        channels: C, a multiple of 4.
        temperature: t.

    Returns:
        (B, N, C).
    """
    half = channels // 2
    exponent = 2 * torch.div(torch.arange(half, device=centers.device), 2, rounding_mode="floor") / half
    angle = centers.flip(-1)[..., None] * (2 * math.pi) / temperature**exponent  # (B, N, 2, half), y first
    return torch.stack([angle[..., 0::2].sin(), angle[..., 1::2].cos()], dim=-1).flatten(2)


def index_positions(size: tuple[int, int], channels: int, like: Tensor) -> Tensor:
    """Sine encoding of column and row, counted in positions: half the channels for the column, half for the row.

    Args:
        size: (H, W) of the grid.
        channels: C, a multiple of 4.
        like: a tensor on the device of the result.

    Returns:
        (1, H*W, C).
    """
    H, W = size
    columns, rows = (sequence_positions(like.new_zeros(1, count, channels // 2)) for count in (W, H))
    each = (columns[:, None].expand(-1, H, -1, -1), rows[:, :, None].expand(-1, -1, W, -1))
    return torch.cat(each, dim=-1).flatten(1, 2)


def sequence_positions(words: Tensor, temperature: float = 10_000.0) -> Tensor:
    """Sine encoding of the place of every word (Vaswani et al. 2017). (B, T, C), C even -> (1, T, C)."""
    T, C = words.shape[1:]
    place = torch.arange(T, device=words.device, dtype=torch.float32)[:, None]
    angle = place / temperature ** (torch.arange(0, C, 2, device=words.device) / C)  # (T, C / 2)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[None].to(words.dtype)
