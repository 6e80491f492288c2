"""The neck that CRIS, VLT and LTS share: three levels of a trunk and the sentence become one map."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.models.layers.convolution import ConvNorm, double, without_padding
from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.position_encoding import grid_centers


class Neck(nn.Module):
    """The sentence multiplies the coarsest level; the three levels meet at the middle one.

    t = ReLU(BN(W s)),  F5 = ReLU(BN(V5 * t)),  F4 = [V4, F5],  F3 = [V3, F4],  F = [F3, F4, F5, x, y]

    where every level passes convolutions first (see the code), V3 is averaged down and F5 upsampled to the size of V4.
    This is the neck of CRIS (Wang et al. 2022); MCN and VLT multiply the sentence in at the same place.

    Shapes: levels V3, V4, V5 with channels `channels_in`, at strides 8, 16, 32; sentence (B, D) -> a FeatureMap of
    widths[1] channels at stride 16.

    Args:
        channels_in: of V3, V4 and V5.
        text_channels: D.
        widths: of F3, F4 and F5.
    """

    def __init__(self, channels_in: tuple[int, int, int], text_channels: int, widths: tuple[int, int, int]):
        super().__init__()
        (v3, v4, v5), (w3, w4, w5) = channels_in, widths
        self.sentence = nn.Linear(text_channels, w5, bias=False)
        self.sentence_norm = nn.BatchNorm1d(w5)
        self.coarse = ConvNorm(v5, w5)
        self.fused_norm = nn.BatchNorm2d(w5)
        self.middle, self.join_middle = ConvNorm(v4, w4, 3), ConvNorm(w4 + w5, w4)
        self.fine, self.join_fine = ConvNorm(v3, w3, 3), ConvNorm(w3 + w4, w4)
        self.smooth = nn.ModuleList(ConvNorm(C, w4, 3) for C in (w4, w4, w5))  # of F3, F4, F5
        self.aggregate = ConvNorm(3 * w4, w4)
        self.place = nn.ModuleList([ConvNorm(w4 + 2, w4, 3), ConvNorm(w4, w4, 3)])

    def forward(self, levels: list[FeatureMap], sentence: Tensor) -> FeatureMap:
        v3, v4, v5 = (level.features.permute(0, 3, 1, 2) for level in levels)
        fine, middle, coarse = (level.valid for level in levels)
        t = F.relu(self.sentence_norm(self.sentence(sentence)))[..., None, None]  # (B, w5, 1, 1)
        f5 = F.relu(self.fused_norm(self.coarse(v5) * t))
        f4 = self.join_middle(torch.cat([self.middle(v4, middle), double(f5, coarse)], dim=1))
        f3 = F.avg_pool2d(without_padding(self.fine(v3, fine), fine), 2)
        f3 = self.join_fine(torch.cat([f3, f4], dim=1))
        smooth3, smooth4, smooth5 = self.smooth
        parts = [smooth3(f3, middle), smooth4(f4, middle), double(smooth5(f5, coarse), coarse)]
        x = self.aggregate(torch.cat(parts, dim=1))  # (B, w4, H/16, W/16)
        x = torch.cat([x, coordinates(levels[1], x)], dim=1)
        for convolution in self.place:
            x = convolution(x, middle)
        return FeatureMap(x.permute(0, 2, 3, 1), middle)


def coordinates(level: FeatureMap, x: Tensor) -> Tensor:
    """x and y of every position, from -1 to 1 over the picture. -> (B, 2, H, W) for x (B, C, H, W)."""
    centers = 2 * grid_centers(level.size, level.valid, x) - 1  # (B or 1, H*W, 2)
    return centers.transpose(1, 2).unflatten(2, level.size).to(x.dtype).expand(x.shape[0], -1, -1, -1)


def for_each_expression(levels: list[FeatureMap], expressions: int) -> list[FeatureMap]:
    """The levels of one picture, once for each of its expressions; as they are for a picture an expression."""
    if levels[0].features.shape[0] != 1 or expressions == 1:
        return levels
    return [
        FeatureMap(
            level.features.expand(expressions, -1, -1, -1),
            None if level.valid is None else level.valid.expand(expressions, -1, -1),
        )
        for level in levels
    ]
