"""LTS (Jing et al. 2021): locate, then segment. A reconstruction: no code of it was ever published."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.config import LTSConfig, ModelConfig, TrainConfig
from grisq.models.base import LossTerm, Output, TrunkSystem, check_canvas, of_one_logit
from grisq.models.layers.convolution import ConvNorm, double
from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.neck import Neck, for_each_expression
from grisq.models.layers.padding import extend, mean_over
from grisq.models.layers.position_encoding import grid_centers, sine_positions
from grisq.models.recurrent_text_encoder import RecurrentTextEncoder

if TYPE_CHECKING:
    from grisq.data.sample import Batch

PRIOR = "prior"  # in Output.extras and in the history
_NOWHERE = -20.0  # logit of the prior in the padding


class Locate(nn.Module):
    """The position prior: one transformer layer over all positions, read by a filter that the sentence makes.

    P = sigmoid(Z . k / sqrt(C) + k_0),   Z = layer(F + positions),   (k, k_0) = W s

    Shapes: fused map of C channels, sentence (B, D) -> logits of the prior (B, 1, H, W).
    """

    def __init__(self, channels: int, text_channels: int, heads: int, feedforward: int, dropout: float):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(channels, heads, feedforward, dropout, batch_first=True)
        self.filter = nn.Linear(text_channels, channels + 1)

    def forward(self, fused: FeatureMap, sentence: Tensor) -> Tensor:
        x = fused.features.flatten(1, 2)  # (B, N, C)
        x = x + sine_positions(grid_centers(fused.size, fused.valid, x), x.shape[-1])
        hidden = None if fused.valid is None else ~fused.flat_valid
        z = self.layer(x, src_key_padding_mask=hidden)
        k = self.filter(sentence)  # (B, C + 1)
        prior = (z @ k[:, :-1, None])[..., 0] / z.shape[-1] ** 0.5 + k[:, -1:]
        if hidden is not None:
            prior = prior.masked_fill(hidden, _NOWHERE)
        return prior.unflatten(1, fused.size)[:, None]


class Segment(nn.Module):
    """Few convolutions from the map and the prior to the mask, twice upsampled.

    Shapes: fused map of C channels at stride 16, V3 at stride 8, prior (B, 1, H, W) -> logits (B, 1, 4 H, 4 W).
    """

    def __init__(self, channels: int, fine: int, hidden: int):
        super().__init__()
        self.coarse = ConvNorm(channels + 1, hidden, 3)
        self.middle = ConvNorm(hidden + fine, hidden, 3)
        self.fine = ConvNorm(hidden, hidden, 3)
        self.mask_logit = nn.Conv2d(hidden, 1, 1)

    def forward(self, fused: FeatureMap, prior: Tensor, v3: FeatureMap, finest: Tensor | None) -> Tensor:
        """`finest` is the validity at stride 4."""
        x = torch.cat([fused.features.permute(0, 3, 1, 2), prior], dim=1)
        x = double(self.coarse(x, fused.valid), fused.valid)
        x = self.middle(torch.cat([x, v3.features.permute(0, 3, 1, 2)], dim=1), v3.valid)
        return self.mask_logit(self.fine(double(x, v3.valid), finest))


class LTS(TrunkSystem):
    """Locate, then segment: a supervised map of low resolution says where, and is one more channel of what follows.

    A reconstruction from the abstract and the overview figure: a convolutional trunk and a GRU, an early fusion, an
    interaction module that gives a position prior, and a light segmenter that reads the prior. The trunk is that of
    MCN and VLT, the fusion that of CRIS; the interaction is the transformer that the abstract names.

    It has no presence head: under Sec. 4.1 a mask of fewer than 50 pixels at 480x480 predicts "no target". The logits
    of the prior (B, 1, H/16, W/16) are in `Output.extras`.
    """

    group = "lts"
    least_samples = 2  # the neck normalizes the sentence over them
    free_length = False

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        sizes: LTSConfig = self.sizes
        D = config.text.hidden
        self.text_encoder = RecurrentTextEncoder(config.text.vocabulary, sizes.embedding, D)
        _, *channels = self.trunk.channels
        self.neck = Neck(tuple(channels), D, sizes.neck)
        C = sizes.neck[1]
        self.locate = Locate(C, D, sizes.heads, sizes.feedforward, sizes.dropout)
        self.segment = Segment(C, channels[0], sizes.segmenter)

    def forward(self, image: Tensor, valid: Tensor | None, tokens: Tensor, token_mask: Tensor) -> Output:
        check_canvas(image)
        levels = self.trunk(image, valid)
        sentence = mean_over(self.text_encoder(tokens, token_mask), token_mask)  # (B, D)
        finest, *levels = for_each_expression(levels, sentence.shape[0])
        fused = self.neck(levels, sentence)
        prior = self.locate(fused, sentence)
        logit = extend(self.segment(fused, prior.sigmoid(), levels[0], finest.valid), finest.valid)
        return Output(of_one_logit(logit, image.shape[-2:]), extras={PRIOR: prior})

    def extra_losses(self, output: Output, batch: "Batch", config: TrainConfig) -> dict[str, LossTerm]:
        """Binary cross-entropy of the prior with the mask's mean over each of its cells, inside the picture.

        Args: as `System.extra_losses`.
        """
        prior = output.extras[PRIOR][:, 0].float()
        stride = batch.masks.shape[-1] // prior.shape[-1]
        wanted, inside = (F.avg_pool2d(each[:, None].float(), stride)[:, 0] for each in (batch.masks, batch.valid))
        each = F.binary_cross_entropy_with_logits(prior, wanted, reduction="none")
        value = mean_over(each.flatten(1)[..., None], (inside > 0).flatten(1)).mean()
        return {PRIOR: LossTerm(value, self.config.lts.lambda_prior)}
