"""LAVT (Yang et al. 2022): the fused encoder with a plain convolutional decoder and no presence head."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.config import ModelConfig
from grisq.models.base import FusedSystem, Output
from grisq.models.layers.padding import extend
from grisq.models.multimodal_encoder import FeatureMap


class DoubleConvolution(nn.Module):
    """Twice a 3x3 convolution without bias, batch normalization and ReLU.

    The padding is filled with copies of the picture's border, as at the border of a canvas. So in evaluation padding
    changes nothing inside the picture; in training the statistics of the batch normalization count the copies too.

    Shapes: x (B, C_in, H, W), valid (B, H, W) bool or None -> (B, hidden, H, W).
    """

    def __init__(self, channels_in: int, hidden: int):
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(C, hidden, 3, padding=1, padding_mode="replicate", bias=False) for C in (channels_in, hidden)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(hidden) for _ in range(2))

    def forward(self, x: Tensor, valid: Tensor | None) -> Tensor:
        for convolution, norm in zip(self.convolutions, self.norms):
            x = F.relu(norm(convolution(extend(x, valid))))
        return x


class LAVT(FusedSystem):
    """From the coarsest level down: upsample to the next finer F^{M,i}, concatenate, convolve; then 1x1 to two logits.

    It has no presence head: under Sec. 4.1 a mask of fewer than 50 pixels at 480x480 predicts "no target".
    """

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        hidden = config.lavt.hidden
        *finer, coarsest = self.multimodal_encoder.channels
        inputs = [coarsest + finer[-1]] + [hidden + C for C in reversed(finer[:-1])]
        self.steps = nn.ModuleList(DoubleConvolution(C, hidden) for C in inputs)
        self.mask_logits = nn.Conv2d(hidden, 2, 1)

    def forward(self, image: Tensor, valid: Tensor | None, tokens: Tensor, token_mask: Tensor) -> Output:
        _, levels = self.encode(image, valid, tokens, token_mask)  # F^{M,1..4}
        x, below = _as_map(levels[-1]), levels[-1]  # (B, C_4, H/32, W/32)
        for step, level in zip(self.steps, reversed(levels[:-1])):
            x = F.interpolate(extend(x, below.valid), size=level.size, mode="bilinear", align_corners=False)
            x, below = step(torch.cat([x, _as_map(level)], dim=1), level.valid), level  # (B, hidden, H_i, W_i)
        logits = extend(self.mask_logits(x), below.valid)  # (B, 2, H/4, W/4)
        return Output(F.interpolate(logits, size=image.shape[-2:], mode="bilinear", align_corners=False))


def _as_map(level: FeatureMap) -> Tensor:
    """(B, H, W, C) -> (B, C, H, W)."""
    return level.features.permute(0, 3, 1, 2)
