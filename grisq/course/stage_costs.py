"""What the stages of a Swin cost: shapes, parameters and multiplications, at any size and without memory."""

from math import ceil

import pandas as pd
import torch

from grisq.config import ModelConfig
from grisq.pretraining.trunks import SwinTrunk


def stage_costs(model: ModelConfig) -> pd.DataFrame:
    """What each stage of a model's Swin costs.

    A block multiplies 12 N C^2 + 2 N P C numbers: N positions, C channels, P positions in a window. Where windows do
    not divide the map, N in the second term counts what fills them too. Full attention has 2 N^2 C there.

    Args:
        model: its sizes.

    Returns:
        A line for each stage: map, C, window, blocks, how many of them are shifted, millions of parameters (with patch
        merging), and billions of multiplications of the blocks in windows and with full attention.
    """
    lines, side = [], model.image_size // 4
    with torch.device("meta"):
        trunk = SwinTrunk(model.swin, model.image_size)
    for stage, part in enumerate(trunk.layers):
        H = W = ceil(side / 2**stage)
        N, C, blocks = H * W, model.swin.embed_dim * 2**stage, len(part.blocks)
        (h, w), P = part.blocks[0].window_size, part.blocks[0].attn.window_area
        filled = ceil(H / h) * ceil(W / w) * P
        windows, full = (blocks * (12 * N * C * C + 2 * pairs * C) for pairs in (filled * P, N * N))
        shifted = sum(any(block.shift_size) for block in part.blocks)
        weights = sum(each.numel() for each in part.parameters())
        lines.append((f"{H}×{W}", C, f"{h}×{w}", blocks, shifted, weights / 1e6, windows / 1e9, full / 1e9))
    columns = ["map", "C", "window", "blocks", "shifted", "parameters, M", "in windows, G", "full attention, G"]
    return pd.DataFrame(lines, columns=columns, index=range(1, len(lines) + 1)).rename_axis("stage")
