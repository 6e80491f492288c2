"""Pixel decoder Psi (Sec. 3.1, Eq. 2): L blocks of multi-scale deformable self-attention (MSDS)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.models.layers.deformable_attention import MultiScaleDeformableAttention
from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.padding import ValidGroupNorm, extents
from grisq.models.layers.position_encoding import grid_centers, sine_positions
from grisq.runtime.constants import constant

FIRST_LEVEL = 2  # the decoder's sequence starts with f^{M,2}


class LevelProjection(nn.Module):
    """The linear projection of one level to C channels: a 1x1 convolution and group normalization.

    Shapes: level.features (B, H, W, C_i) -> (B, H*W, C).
    """

    def __init__(self, channels_in: int, channels: int):
        super().__init__()
        self.linear = nn.Linear(channels_in, channels)
        self.norm = ValidGroupNorm(min(32, channels // 8), channels)

    def forward(self, level: FeatureMap) -> Tensor:
        return self.norm(self.linear(level.features.flatten(1, 2)), level.flat_valid)


class MSDSBlock(nn.Module):
    """f_l = MSDS_l(f_{l-1}): deformable self-attention over all levels, then a feed-forward layer; post-norm.

    Shapes: f, positions (B, S, C), reference (B, S, levels, 2), valid (B, S) bool or None -> (B, S, C).
    """

    def __init__(self, *, channels: int, heads: int, levels: int, points: int, feedforward: int):
        super().__init__()
        self.attention = MultiScaleDeformableAttention(channels=channels, heads=heads, levels=levels, points=points)
        self.attention_norm = nn.LayerNorm(channels)
        self.expand = nn.Linear(channels, feedforward)
        self.contract = nn.Linear(feedforward, channels)
        self.feedforward_norm = nn.LayerNorm(channels)

    def forward(
        self,
        f: Tensor,
        positions: Tensor,
        reference: Tensor,
        sizes: list[tuple[int, int]],
        valid: Tensor | None,
    ) -> Tensor:
        f = self.attention_norm(f + self.attention(f + positions, reference, f, sizes, valid))
        return self.feedforward_norm(f + self.contract(F.relu(self.expand(f))))


@dataclass
class DecoderFeatures:
    """The output of the pixel decoder."""

    layers: list[Tensor]  # f_0 ... f_L, each (B, S, C), the levels 2, 3, 4 one after the other
    positions: list[Tensor]  # of each level (B or 1, H_j*W_j, C), sine positions plus its level embedding

    def subsequence(self, level: int) -> list[Tensor]:
        """f_0^{M,j} ... f_L^{M,j} of level j = 2, 3 or 4: L + 1 tensors (B, H_j*W_j, C), views."""
        lengths = [positions.shape[1] for positions in self.positions]
        return [f.split(lengths, dim=1)[level - FIRST_LEVEL] for f in self.layers]

    def positions_of(self, level: int) -> Tensor:
        """Positions of level j = 2, 3 or 4: (B or 1, H_j*W_j, C)."""
        return self.positions[level - FIRST_LEVEL]


class PixelDecoder(nn.Module):
    """Psi = MSDS_L o ... o MSDS_1 on f_0 = [f_0^{M,2}, f_0^{M,3}, f_0^{M,4}] (Eq. 2).

    Shapes: levels F^{M,2..4} as FeatureMaps -> DecoderFeatures.
    """

    def __init__(
        self,
        *,
        channels_in: tuple[int, ...],
        channels: int,
        blocks: int,
        heads: int,
        points: int,
        feedforward: int,
    ):
        super().__init__()
        self.projections = nn.ModuleList(LevelProjection(C, channels) for C in channels_in)
        self.level_embedding = nn.Parameter(torch.randn(len(channels_in), channels) * 0.02)
        self.blocks = nn.ModuleList(
            MSDSBlock(
                channels=channels,
                heads=heads,
                levels=len(channels_in),
                points=points,
                feedforward=feedforward,
            )
            for _ in range(blocks)
        )

    def forward(self, levels: list[FeatureMap]) -> DecoderFeatures:
        sizes = [level.size for level in levels]  # (H_j, W_j), S = sum of H_j*W_j
        f = torch.cat([project(level) for project, level in zip(self.projections, levels)], dim=1)  # (B, S, C)
        centers = [grid_centers(level.size, level.valid, f) for level in levels]  # (B or 1, H_j*W_j, 2)
        positions = [
            sine_positions(center, f.shape[-1]) + embedding for center, embedding in zip(centers, self.level_embedding)
        ]  # (B or 1, H_j*W_j, C)
        reference = reference_points(centers, levels)  # (B, S, levels, 2)
        valid = None if levels[0].valid is None else torch.cat([level.flat_valid for level in levels], dim=1)

        layers = [f]
        all_positions = torch.cat(positions, dim=1)  # (B or 1, S, C)
        for block in self.blocks:
            layers.append(block(layers[-1], all_positions, reference, sizes, valid))
        return DecoderFeatures(layers, positions)


def reference_points(centers: list[Tensor], levels: list[FeatureMap]) -> Tensor:
    """The location of each position on every level, as (x, y) in [0, 1] of that level's canvas.

    A position's center is a fraction of the picture. Because halving an odd size rounds up, the picture fills another
    fraction of each level's canvas, so the same location has other coordinates on each level.

    Shapes: centers levels x (B or 1, N_l, 2) -> (B, S, levels, 2), S = sum of N_l.
    """
    B = levels[0].features.shape[0]
    points = torch.cat([center.expand(B, -1, -1) for center in centers], dim=1)  # (B, S, 2)
    shares = []
    for level in levels:
        if level.valid is None:
            shares.append(torch.ones(B, 2, device=points.device))
        else:
            size = constant(level.size, torch.long, device=points.device)
            shares.append((extents(level.valid) / size).flip(-1))  # (B, 2) as x, y
    return points[:, :, None, :] * torch.stack(shares, dim=1)[:, None]
