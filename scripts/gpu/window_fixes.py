"""Swin's windows on a GPU: linear layers on real positions only, and fused attention (see `fixes`)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_MASKED = -1e4  # as in grisq.models.layers.swin
_fused = False  # whether `fuse_attention` was called
_cuts: dict[tuple, "Cut"] = {}


class _Gather(torch.autograd.Function):
    """x (B, M, C) -> x[:, there] (B, N, C), where every row of x goes to one of the real places.

    `back` inverts `there`, and `real` (M,) or None marks rows of x that go anywhere at all. The backward is a gather
    as well: nothing is added up, so its bits do not change from call to call.
    """

    @staticmethod
    def forward(ctx, x: Tensor, there: Tensor, back: Tensor, real: Tensor | None) -> Tensor:
        ctx.save_for_backward(back, real)
        return x.index_select(1, there)

    @staticmethod
    def backward(ctx, grad: Tensor):
        back, real = ctx.saved_tensors
        grad = grad.index_select(1, back)
        return (grad if real is None else grad * real[:, None].to(grad.dtype)), None, None, None


@dataclass(frozen=True)
class Cut:
    """How one map is cut into windows, N = positions of all windows, padding included."""

    there: Tensor  # (N,) long, place in the map of every position of the windows, 0 where it is padding
    back: Tensor  # (H * W,) long, its inverse
    region: Tensor  # (N,) long, 1 to 4 by wrapping around the edges, 0 where the position is padding
    real: Tensor | None  # (N,) bool, False on padding, None if there is none
    one_region: bool  # whether every position may see every other one of its window


def cut(H: int, W: int, window: tuple[int, int], shift: tuple[int, int], device: torch.device) -> Cut:
    """The cut of an H x W map for that window and cyclic shift, made once for each device."""
    key = (H, W, window, shift, str(device))
    if key not in _cuts:
        _cuts[key] = _make_cut(H, W, window, shift, device)
    return _cuts[key]


def _make_cut(H: int, W: int, window: tuple[int, int], shift: tuple[int, int], device: torch.device) -> Cut:
    h, w = (-(-length // side) * side for length, side in zip((H, W), window))
    y, x = (torch.arange(h) + shift[0]) % H, (torch.arange(w) + shift[1]) % W
    inside = (torch.arange(h) < H)[:, None] & (torch.arange(w) < W)[None]  # (h, w)
    place = (y[:, None] * W + x[None]) * inside
    wrapped = (2 * (y < shift[0]).long()[:, None] + (x < shift[1]).long()[None] + 1) * inside

    def by_window(values: Tensor) -> Tensor:
        return values.view(h // window[0], window[0], w // window[1], window[1]).transpose(1, 2).flatten()

    there, region, real = by_window(place), by_window(wrapped), by_window(inside)
    back = torch.empty(H * W, dtype=torch.long)
    back[there[real]] = torch.arange(len(there))[real]
    whole = bool(real.all())
    there, back, region = there.to(device), back.to(device), region.to(device)
    return Cut(there, back, region, None if whole else real.to(device), whole and not any(shift))


def _mask(made: Cut, N: int, valid: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """(B or 1, windows, N, N): 0 where two positions may see each other; None if all may."""
    if valid is None:
        if made.one_region:
            return None
        seen = made.region.view(1, -1, N)
    else:
        seen = (made.region * valid.flatten(1).index_select(1, made.there)).view(len(valid), -1, N)
    return (seen[..., :, None] != seen[..., None, :]).to(dtype) * _MASKED


def run_blocks(blocks: nn.Sequential, x: Tensor, valid: Tensor | None) -> Tensor:
    """All blocks of one stage, as `grisq.models.layers.swin.run_blocks`."""
    B, H, W, C = x.shape
    masks: dict[tuple, Tensor | None] = {}
    for block in blocks:
        key = (tuple(block.window_size), tuple(block.shift_size))
        made, N = cut(H, W, *key, x.device), key[0][0] * key[0][1]
        triple = block.attn.qkv(block.norm1(x)).view(B, H * W, 3 * C)
        if key not in masks:
            masks[key] = _mask(made, N, valid, triple.dtype)
        triple = _Gather.apply(triple, made.there, made.back, None)
        out = _attend(block.attn, triple.view(-1, N, 3 * C), masks[key], B)
        out = _Gather.apply(out.reshape(B, -1, C), made.back, made.there, made.real).view(B, H, W, C)
        x = x + block.drop_path1(block.attn.proj(out))
        x = x + block.drop_path2(block.mlp(block.norm2(x)))
    return x


def _attend(attention: nn.Module, triple: Tensor, mask: Tensor | None, B: int) -> Tensor:
    """Attention within windows. triple (B * windows, N, 3 C), mask (B or 1, windows, N, N) -> (B * windows, N, C)."""
    count, N, C = triple.shape[0], triple.shape[1], triple.shape[2] // 3
    heads = attention.num_heads
    q, k, v = triple.view(count, N, 3, heads, C // heads).permute(2, 0, 3, 1, 4).unbind(0)  # (count, heads, N, d)
    bias = attention._get_rel_pos_bias()
    if _fused:
        if mask is not None:
            bias = bias.to(q.dtype) + mask.expand(B, -1, -1, -1).reshape(-1, 1, N, N)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
    else:
        scores = (q * attention.scale) @ k.transpose(-2, -1) + bias
        if mask is not None:
            scores = (scores.view(B, -1, heads, N, N) + mask[:, :, None]).view(-1, heads, N, N)
        out = scores.softmax(-1).to(v.dtype) @ v
    return out.transpose(1, 2).reshape(count, N, C)


def fuse_attention() -> None:
    """Use fused attention in models that are built from now on."""
    from timm.models.swin_transformer import WindowAttention  # after grisq, which lets timm be imported

    global _fused
    _fused = True
    original = WindowAttention.__init__

    def init(self, *arguments, **named):
        original(self, *arguments, **named)
        self.fused_attn = True

    WindowAttention.__init__ = init
