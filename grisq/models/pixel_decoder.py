"""Pixel decoder Psi (Sec. 3.1, Eq. 2): L blocks of multi-scale deformable self-attention (MSDS)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.models.layers.deformable_attention import MultiScaleDeformableAttention
from grisq.models.layers.padding import ValidGroupNorm, extents
from grisq.models.layers.position_encoding import grid_centers, sine_positions
from grisq.models.multimodal_encoder import FeatureMap

FIRST_LEVEL = 2  # the decoder's sequence starts with f^{M,2}


class LevelProjection(nn.Module):
    """The "linear projection" of one level to C channels: a 1x1 convolution and group normalization.

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
        return self.feedforward_norm(f + self.contract(F.relu(self.expand(f), inplace=True)))


@dataclass
class DecoderFeatures:
    """What the pixel decoder hands on: f_0 ... f_L, each level by level.

    layers: L + 1 tensors f_l (B, S, C), the levels 2, 3, 4 one after the other.
    positions: of each level (B or 1, H_j*W_j, C), sine positions plus its level embedding.
    """

    layers: list[Tensor]
    positions: list[Tensor]

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
        sizes = [level.size for level in levels]
        f = torch.cat([project(level) for project, level in zip(self.projections, levels)], dim=1)  # (B, S, C)
        centers = [grid_centers(level.size, level.valid, f) for level in levels]
        positions = [
            sine_positions(center, f.shape[-1]) + embedding for center, embedding in zip(centers, self.level_embedding)
        ]
        reference = reference_points(centers, levels)
        valid = None if levels[0].valid is None else torch.cat([level.flat_valid for level in levels], dim=1)

        layers = [f]
        all_positions = torch.cat(positions, dim=1)
        for block in self.blocks:
            layers.append(block(layers[-1], all_positions, reference, sizes, valid))
        return DecoderFeatures(layers, positions)


def reference_points(centers: list[Tensor], levels: list[FeatureMap]) -> Tensor:
    """Where each position of every level looks at each level, in [0, 1] of that level's canvas.

    A position's center is a fraction of the picture; the picture fills another fraction of every level's canvas
    (rounding up when halving an odd size), so the same spot has a coordinate of its own on each.
    Shapes: centers list of (B or 1, N_l, 2) -> (B, sum N_l, levels, 2).
    """
    B = levels[0].features.shape[0]
    spots = torch.cat([center.expand(B, -1, -1) for center in centers], dim=1)  # (B, S, 2)
    shares = []
    for level in levels:
        if level.valid is None:
            shares.append(torch.ones(B, 2, device=spots.device))
        else:
            size = torch.tensor(level.size, device=spots.device)
            shares.append((extents(level.valid) / size).flip(-1))  # (B, 2) as x, y
    return spots[:, :, None, :] * torch.stack(shares, dim=1)[:, None]
