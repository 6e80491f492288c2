"""Mask, presence and plurality heads (Sec. 3.1)."""

from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.model.multimodal_encoder import FeatureMap
from grisq.model.pixel_decoder import LevelProjection
from grisq.model.valid import extend, pool

_ROWS = 64  # of the picture that the full-resolution MLP takes at once: its hidden layers stay small and in cache


def mlp(channels_in: int, hidden: int, out: int, *, layers: int) -> nn.Sequential:
    """Linear layers with ReLU between them; the last one is bare. Shapes: (..., channels_in) -> (..., out)."""
    widths = [channels_in] + [hidden] * (layers - 1) + [out]
    modules: list[nn.Module] = []
    for a, b in pairwise(widths):
        modules += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*modules[:-1])


class MaskHead(nn.Module):
    """f_L^{M,2} -> upsample to F^{M,1}, sum, upsample to the picture, MLP -> Y in R^{H x W x 2} (Sec. 3.1).

    A linear layer commutes with bilinear interpolation (its weights sum to one), so the MLP's first layer runs
    at a quarter of the resolution with the same result. `at="quarter"` also runs the hidden layers there and
    upsamples the two logits, which is not the same function but 16 times cheaper.

    Shapes: finest (B, H_2*W_2, C), second and first FeatureMaps F^{M,2}, F^{M,1}, valid (B, H, W) or None
    -> logits (B, 2, H, W): channel 0 background, channel 1 target.
    """

    def __init__(
        self,
        *,
        channels_in: int,
        channels: int,
        layers: int = 3,
        at: Literal["full", "quarter"] = "full",
        smoothing: bool = False,
    ):
        super().__init__()
        self.lateral = LevelProjection(channels_in, channels)
        self.smoothing = nn.Conv2d(channels, channels, 3, padding=1) if smoothing else None
        self.mlp = mlp(channels, channels, 2, layers=layers)
        self.at = at

    def forward(self, finest: Tensor, second: FeatureMap, first: FeatureMap, valid: Tensor | None) -> Tensor:
        B, _, C = finest.shape
        (H1, W1), (H2, W2) = first.size, second.size
        coarse = extend(finest.transpose(1, 2).reshape(B, C, H2, W2), second.valid)
        lateral = self.lateral(first).transpose(1, 2).reshape(B, C, H1, W1)
        x = lateral + F.interpolate(coarse, size=(H1, W1), mode="bilinear", align_corners=False)
        if self.smoothing is not None:
            x = self.smoothing(extend(x, first.valid))
        mlp_below = self.mlp[:1] if self.at == "full" else self.mlp
        x = mlp_below(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # (B, C or 2, H1, W1)
        x = extend(x, None if valid is None else pool(valid, 4))
        x = F.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)
        if self.at == "quarter":
            return x
        strips = x.permute(0, 2, 3, 1).split(_ROWS, dim=1)
        return torch.cat([self.mlp[1:](strip) for strip in strips], dim=1).permute(0, 3, 1, 2)
