"""LAVT (Yang et al. 2022): the fused encoder with a plain convolutional decoder and no presence head."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.config import ModelConfig
from grisq.models.base import FusedSystem, Output
from grisq.models.layers.padding import extend, frame, resize


class DoubleConvolution(nn.Module):
    """Twice a 3x3 convolution without bias, batch normalization and ReLU.

    The padding is filled with copies of the picture's border, as at the border of a canvas. So in evaluation padding
    changes nothing inside the picture; in training the statistics of the batch normalization count the copies too.

    Channels are last, as everywhere else in the model: convolutions are as fast, and nothing is copied between layouts.

    Shapes: x (B, H, W, C_in), valid (B, H, W) bool or None -> (B, H, W, hidden).
    """

    def __init__(self, channels_in: int, hidden: int):
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(C, hidden, 3, bias=False) for C in (channels_in, hidden))
        self.norms = nn.ModuleList(nn.BatchNorm2d(hidden) for _ in range(2))

    def forward(self, x: Tensor, valid: Tensor | None) -> Tensor:
        for convolution, norm in zip(self.convolutions, self.norms):
            x = convolution(frame(x, valid).permute(0, 3, 1, 2))  # (B, hidden, H, W), in memory (B, H, W, hidden)
            x = F.relu(norm(x)).permute(0, 2, 3, 1)
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
        x, below = levels[-1].features, levels[-1]  # (B, H/32, W/32, C_4)
        for step, level in zip(self.steps, reversed(levels[:-1])):
            x = torch.cat([resize(x, below.valid, level.size), level.features], dim=-1)
            x, below = step(x, level.valid), level  # (B, H_i, W_i, hidden)
        logits = extend(self.mask_logits(x.permute(0, 3, 1, 2)), below.valid)  # (B, 2, H/4, W/4)
        return Output(F.interpolate(logits, size=image.shape[-2:], mode="bilinear", align_corners=False))
