"""The training objective (Sec. 3.4, Eq. 5)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from grisq.data.sample import NO_PLURALITY, Batch
from grisq.model.network import Output


@dataclass
class Losses:
    """Terms of Eq. 5, each a scalar tensor; presence and plurality are zero where the model has no such head."""

    total: Tensor
    pixel: Tensor
    presence: Tensor
    plurality: Tensor


def total_loss(
    output: Output,
    batch: Batch,
    *,
    lambda_presence: float,
    lambda_plurality: float,
    pixel_weights: tuple[float, float] = (1.0, 1.0),
) -> Losses:
    """L_total = L_pixel(Y) + lambda_pr L_ce(y_pr) + lambda_pl L_ce(y_pl) (Eq. 5), in float32 under any autocast.

    Padding counts as background in L_pixel, whose `pixel_weights` are those of background and target; it is the
    mean over pixels of the weighted terms (LAVT divides by the sum of the weights instead), so that parts of a batch
    average to the whole. Samples without target have no plurality and are left out of its mean, which runs over the
    labelled samples of the global batch (see `grisq.augment.sampler.Slot`).
    """
    weights = output.mask_logits.new_tensor(pixel_weights, dtype=torch.float32)
    pixel = F.cross_entropy(output.mask_logits.float(), batch.masks.long(), weights, reduction="sum")
    pixel = pixel / batch.masks.numel()
    presence = plurality = pixel.new_zeros(())
    if output.presence_logits is not None:
        presence = F.cross_entropy(output.presence_logits.float(), batch.presence)
    if output.plurality_logits is not None:
        each = F.cross_entropy(
            output.plurality_logits.float(), batch.plurality, ignore_index=NO_PLURALITY, reduction="none"
        )
        plurality = (each * batch.plurality_weight).sum()
    total = pixel + lambda_presence * presence + lambda_plurality * plurality
    return Losses(total, pixel, presence, plurality)
