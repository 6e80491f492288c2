"""timm's Swin blocks, with letterbox padding masked in their windows.

timm owns the weights and the arithmetic (attention, MLP, patch merging); this module only decides which positions may
attend to each other. On a canvas that windows divide, without padding, the result is timm's own.
"""

import torch
import torch.nn.functional as F
from timm.models.swin_transformer import SwinTransformer, window_partition, window_reverse
from torch import Tensor, nn

from grisq.config import SwinConfig
from grisq.models.layers.padding import halve

_MASKED = -1e4  # added to attention scores; large enough to vanish in softmax, small enough for bfloat16


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
    return swin


def run_stage(stage: nn.Module, x: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Patch merging (every stage but the first has it) and the blocks of one stage.

    Args:
        stage: of timm's Swin.
        x: (B, H, W, C) of the stage before, or the patch embedding.
        valid: (B, H, W) bool, False in the padding, or None.

    Returns:
        Features and validity of the stage: half the height and width and twice the channels after merging.
    """
    if not isinstance(stage.downsample, nn.Identity):
        if valid is not None:
            x = x * valid[..., None]  # a merged position must not read its padded neighbors
            valid = halve(valid)
        x = stage.downsample(x)
    return run_blocks(stage.blocks, x, valid), valid


def run_blocks(blocks: nn.Sequential, x: Tensor, valid: Tensor | None) -> Tensor:
    """Run all blocks of one stage.

    Args:
        blocks: of the stage.
        x: (B, H, W, C).
        valid: (B, H, W) bool, False in the padding, or None.

    Returns:
        (B, H, W, C).
    """
    masks: dict[tuple, Tensor | None] = {}
    for block in blocks:
        key = (block.window_size, block.shift_size)
        if key not in masks:
            masks[key] = window_mask(x.shape[1:3], *key, valid, x)
        attended = _attend(block, block.norm1(x), masks[key])
        x = x + block.drop_path1(attended)
        x = x + block.drop_path2(block.mlp(block.norm2(x)))
    return x


def window_mask(
    size: tuple[int, int], window: tuple[int, int], shift: tuple[int, int], valid: Tensor | None, like: Tensor
) -> Tensor | None:
    """Additive attention mask of every window: 0 where two positions may attend to each other.

    They may if both are valid and the cyclic shift wrapped neither or both around the canvas's edge.

    Args:
        size: (H, W) of the canvas, in positions.
        window: height and width of a window.
        shift: of the windows, rows and columns.
        valid: (B, H, W) bool, False in the padding, or None.
        like: a tensor with the dtype and device of the result.

    Returns:
        (windows, N, N) or, with `valid`, (B * windows, N, N); None if all positions may.
    """
    H, W = size
    divides = H % window[0] == 0 and W % window[1] == 0
    if valid is None and divides and not any(shift):
        return None
    wrapped_rows = torch.arange(H, device=like.device) < shift[0]
    wrapped_columns = torch.arange(W, device=like.device) < shift[1]
    region = (2 * wrapped_rows[:, None] + wrapped_columns[None, :] + 1)[None]  # (1, H, W), 1..4; 0 is padding
    if valid is not None:
        region = region * valid  # (B, H, W)
    windows = _to_windows(region[..., None].to(like.dtype), window, shift)[..., 0]  # (windows, N)
    return (windows[:, :, None] != windows[:, None, :]).to(like.dtype) * _MASKED


def _attend(block: nn.Module, x: Tensor, mask: Tensor | None) -> Tensor:
    """Shifted-window attention of one block. (B, H, W, C) -> (B, H, W, C)."""
    H, W = x.shape[1:3]
    windows = block.attn(_to_windows(x, block.window_size, block.shift_size), mask=mask)  # (B * windows, N, C)
    windows = windows.view(-1, *block.window_size, x.shape[-1])
    padded_height, padded_width = (-(-n // w) * w for n, w in zip((H, W), block.window_size))
    x = window_reverse(windows, block.window_size, padded_height, padded_width)[:, :H, :W]  # (B, H, W, C)
    return x.roll(block.shift_size, (1, 2)) if any(block.shift_size) else x


def _to_windows(x: Tensor, window: tuple[int, int], shift: tuple[int, int]) -> Tensor:
    """Shift cyclically, pad with zeros to whole windows, cut. (B, H, W, C) -> (B * windows, N, C)."""
    if any(shift):
        x = x.roll((-shift[0], -shift[1]), (1, 2))
    bottom, right = -x.shape[1] % window[0], -x.shape[2] % window[1]
    if bottom or right:
        x = F.pad(x, (0, 0, 0, right, 0, bottom))
    return window_partition(x, window).flatten(1, 2)
