"""timm's Swin blocks, with letterbox padding masked in their windows.

timm owns the weights and the formula (attention, MLP, patch merging). This module decides which positions may attend to
each other, and runs the linear layers on the map's own positions alone: where windows do not divide the map, timm runs
them on what fills the windows up as well. On a canvas that windows divide, without padding, the result is timm's own.
"""

import torch
import torch.nn.functional as F
from timm.models.swin_transformer import SwinTransformer
from torch import Tensor, nn

from grisq.config import SwinConfig
from grisq.models.layers.window_cut import WindowCut, window_cut, window_mask


def build_swin(config: SwinConfig, image_size: int) -> SwinTransformer:
    """A randomly initialized Swin without classifier.

    `image_size` is the side of a square canvas; other canvases work too.
    """
    swin = SwinTransformer(
        img_size=image_size,
        embed_dim=config.embed_dim,
        depths=config.depths,
        num_heads=config.num_heads,
        window_size=config.window,
        drop_path_rate=config.drop_path,
        num_classes=0,
        strict_img_size=False,
    )
    swin.norm, swin.head = nn.Identity(), nn.Identity()  # every stage gets its own norm after fusion
    for stage in swin.layers:
        for block in stage.blocks:
            block.attn.fused_attn = config.fused_attention  # timm's switch; its own default is an environment variable
    return swin


def run_blocks(blocks: nn.Sequential, x: Tensor, valid: Tensor | None) -> Tensor:
    """Run all blocks of one stage.

    Args:
        blocks: of the stage.
        x: (B, H, W, C).
        valid: (B, H, W) bool, False in the padding, or None.

    Returns:
        (B, H, W, C).
    """
    B, H, W, C = x.shape
    x = x.flatten(1, 2)  # (B, M, C)
    masks: dict[tuple, Tensor | None] = {}  # one for each shift
    for block in blocks:
        key = ((H, W), block.window_size, block.shift_size)
        if key not in masks:
            masks[key] = window_mask(*key, valid, dtype=_computed_in(x), device=x.device)
        x = x + block.drop_path1(_attend(block, x, window_cut(*key, device=x.device), masks[key]))
        x = x + block.drop_path2(_feed_forward(block, x))
    return x.view(B, H, W, C)


def _computed_in(x: Tensor) -> torch.dtype:
    """The type of a product with x: that of autocast where it is on."""
    kind = x.device.type
    on = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    return torch.get_autocast_dtype(kind) if on else x.dtype


def _attend(block: nn.Module, x: Tensor, cut: WindowCut, mask: Tensor | None) -> Tensor:
    """Attention within the windows of the map. x (B, M, C), mask (B or 1, windows, P, P) or None -> (B, M, C)."""
    attention, x = block.attn, block.norm1(x)
    P = attention.window_area
    if cut.real is None:  # windows hold the map and nothing else: gather C channels instead of 3 C
        triple = attention.qkv(cut.to_windows(x))  # (B, N, 3 C)
        return cut.to_map(attention.proj(_mix(attention, triple.unflatten(1, (-1, P)), mask)))
    triple = cut.to_windows(attention.qkv(x))
    return attention.proj(cut.to_map(_mix(attention, triple.unflatten(1, (-1, P)), mask)))


def _feed_forward(block: nn.Module, x: Tensor) -> Tensor:
    """The block's MLP. (B, M, C) -> (B, M, C)."""
    return block.mlp(block.norm2(x))


def _mix(attention: nn.Module, triple: Tensor, mask: Tensor | None) -> Tensor:
    """softmax(q k^T / sqrt(d) + bias + mask) v in every window. triple (B, windows, P, 3 C) -> (B, N, C)."""
    heads = attention.num_heads
    q, k, v = triple.unflatten(3, (3, heads, -1)).permute(3, 0, 1, 4, 2, 5).unbind(0)  # (B, windows, heads, P, d)
    bias = attention._get_rel_pos_bias()  # (1, heads, P, P)
    if attention.fused_attn:
        bias = bias.to(q.dtype)
        if mask is not None:
            bias = (bias + mask[:, :, None]).expand(len(q), -1, -1, -1, -1).flatten(0, 1)
        q, k, v = (each.flatten(0, 1) for each in (q, k, v))
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias).unflatten(0, (len(triple), -1))
    else:
        scores = (q * attention.scale) @ k.transpose(-2, -1) + bias
        if mask is not None:
            scores += mask[:, :, None]
        out = scores.softmax(-1) @ v
    return out.transpose(2, 3).flatten(3).flatten(1, 2)
