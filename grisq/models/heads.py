"""Mask, presence and plurality heads (Sec. 3.1)."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.padding import extend, frame, pool, resize, upsampling_matrix
from grisq.models.pixel_decoder import LevelProjection

_ROWS = 4  # of F^{M,1}, whose upsampled pixels the MLP takes at once in prediction, to save memory


def mlp(channels_in: int, hidden: int, out: int, *, layers: int) -> nn.Sequential:
    """Linear layers with ReLU between them and none after the last. Shapes: (..., channels_in) -> (..., out).

    Args:
        channels_in: of the input.
        hidden: channels between the layers.
        out: of the output.
        layers: number of linear layers.
    """
    widths = [channels_in] + [hidden] * (layers - 1) + [out]
    modules: list[nn.Module] = []
    for a, b in pairwise(widths):
        modules += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def add_finest_level(lateral: LevelProjection, finest: Tensor, second: FeatureMap, first: FeatureMap) -> Tensor:
    """f_L^{M,2} upsampled to the size of F^{M,1}, plus F^{M,1} projected to its channels.

    Args:
        lateral: the projection.
        finest: f_L^{M,2}, (B, H_2*W_2, C).
        second: F^{M,2}, for its size and padding.
        first: F^{M,1}.

    Returns:
        (B, H_1, W_1, C).
    """
    coarse = finest.unflatten(1, second.size)  # (B, H_2, W_2, C)
    return lateral(first).unflatten(1, first.size) + resize(coarse, second.valid, first.size)


class MaskHead(nn.Module):
    """f_L^{M,2} -> upsample to F^{M,1}, sum, upsample to the picture, MLP -> Y in R^{H x W x 2} (Sec. 3.1).

    A linear layer commutes with bilinear interpolation (its weights sum to one), so the MLP's first layer runs
    at a quarter of the resolution with the same result. `at="quarter"` also runs the hidden layers there and
    upsamples the two logits, which is not the same function but 16 times cheaper.

    Shapes: finest (B, H_2*W_2, C), second and first FeatureMaps F^{M,2}, F^{M,1}, valid (B, H, W) or None
    -> logits (B, 2, H, W): channel 0 background, channel 1 target.
    """

    def __init__(self, *, channels_in: int, channels: int, at: Literal["full", "quarter"] = "full"):
        super().__init__()
        self.lateral = LevelProjection(channels_in, channels)
        self.mlp = mlp(channels, channels, 2, layers=3)
        self.at = at

    def forward(self, finest: Tensor, second: FeatureMap, first: FeatureMap, valid: Tensor | None) -> Tensor:
        x = add_finest_level(self.lateral, finest, second, first)  # (B, H/4, W/4, C)
        x = self.mlp[:1](x) if self.at == "full" else self.mlp(x)  # (B, H/4, W/4, C or 2)
        quarter = None if valid is None else pool(valid, 4)
        if self.at == "quarter":
            logits = extend(x.permute(0, 3, 1, 2).contiguous(), quarter)  # (B, 2, H/4, W/4)
            return F.interpolate(logits, scale_factor=4, mode="bilinear", align_corners=False)  # (B, 2, H, W)
        strips = _upsampled_strips(frame(x, quarter, border=0))  # (B, rows, W, C) each
        return torch.cat([self.mlp[1:](strip) for strip in strips], dim=1).permute(0, 3, 1, 2)  # (B, 2, H, W)


def _upsampled_strips(x: Tensor) -> Iterator[Tensor]:
    """Bilinear upsampling by 4, a strip of rows at a time. (B, H, W, C) -> some (B, rows, 4 W, C), 4 H rows in all.

    With gradients there is one strip: autograd would add up a full-size gradient of `x` for each of them.

    Interpolation is linear along each side, so it is two products with a matrix; with many channels that is faster
    than the interpolation kernel, and far faster in bfloat16 (the weights, multiples of 1/8, are exact in it; the
    values between the two products are rounded once).
    """
    B, H, W, C = x.shape
    height = H if torch.is_grad_enabled() else _ROWS
    columns, rows = (upsampling_matrix(n, 4 * n, x.dtype, device=x.device) for n in (W, H))
    wide = columns @ x  # (B, H, 4 W, C)
    for start in range(0, H, height):
        stop = min(start + height, H)
        above, below = max(start - 1, 0), min(stop + 1, H)  # a new row mixes two old ones
        strip = rows[4 * start : 4 * stop, above:below] @ wide[:, above:below].flatten(2)
        yield strip.view(B, -1, 4 * W, C)
