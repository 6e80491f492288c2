"""The training objective (Sec. 3.4, Eq. 5)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from grisq.config import TrainConfig
from grisq.data.sample import NO_PLURALITY, Batch
from grisq.models.base import Output


@dataclass
class Losses:
    """Terms of Eq. 5, each a scalar tensor; presence and plurality are zero where the model has no such head.
    `minimap` is ReLA's, None for every other system."""

    total: Tensor
    pixel: Tensor
    presence: Tensor
    plurality: Tensor
    minimap: Tensor | None = None


def total_loss(output: Output, batch: Batch, config: TrainConfig) -> Losses:
    """L_total = L_pixel(Y) + lambda_pr L_ce(y_pr) + lambda_pl L_ce(y_pl) (Eq. 5), in float32 under any autocast.

    `config` holds the lambdas and class weights; a system without plurality head, or with ReLA's minimap, has the
    terms that its heads ask for. Padding counts as background in L_pixel. Weighted terms are averaged over all pixels
    or samples (LAVT and ReLA divide by the sum of the weights instead), so that parts of a batch average to the whole.
    Samples without target have no plurality and are left out of its mean, which runs over the labeled samples of the
    global batch (see `grisq.augment.sampler.Slot`).
    """
    pixel = _weighted(output.mask_logits, batch.masks.long(), config.pixel_weights)
    presence = plurality = pixel.new_zeros(())
    minimap = None
    if output.presence_logits is not None:
        presence = _weighted(output.presence_logits, batch.presence, config.presence_weights)
    if output.plurality_logits is not None:
        each = F.cross_entropy(
            output.plurality_logits.float(), batch.plurality, ignore_index=NO_PLURALITY, reduction="none"
        )
        plurality = (each * batch.plurality_weight).sum()
    if output.minimap_logits is not None:
        regions = covered_regions(batch.masks, output.minimap_logits.shape[-1])
        minimap = _weighted(output.minimap_logits, regions, config.pixel_weights)
    total = pixel + config.lambda_presence * presence + config.lambda_plurality * plurality
    if minimap is not None:
        total = total + config.lambda_minimap * minimap
    return Losses(config.loss_scale * total, pixel, presence, plurality, minimap)


def covered_regions(masks: Tensor, regions: int) -> Tensor:
    """Which of P x P regions ReLA's minimap should call target: those whose middle is target through and through.

    The mask is read bilinearly at each region's center and rounded down, as ReLA's released code does.
    Shapes: masks (B, H, W) bool -> (B, P, P) long.
    """
    read = F.interpolate(masks[:, None].float(), size=(regions, regions), mode="bilinear", align_corners=False)
    return read[:, 0].long()


def _weighted(logits: Tensor, labels: Tensor, weights: tuple[float, float]) -> Tensor:
    """Mean over all labels of the weighted cross-entropy. logits (B, 2, ...), labels (B, ...) long."""
    each = logits.new_tensor(weights, dtype=torch.float32)
    return F.cross_entropy(logits.float(), labels, each, reduction="sum") / labels.numel()
