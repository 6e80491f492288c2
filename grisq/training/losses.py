"""The training objective (Sec. 3.4, Eq. 5)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch.nn.functional as F
from torch import Tensor

from grisq.config import TrainConfig
from grisq.data.sample import NO_PLURALITY, Batch
from grisq.models.base import LossTerm, Output, weighted_cross_entropy


@dataclass
class Losses:
    """The total loss and its terms before they are weighted, each a scalar tensor."""

    total: Tensor  # times `TrainConfig.loss_scale`
    pixel: Tensor
    presence: Tensor  # zero without a presence head
    plurality: Tensor  # zero without a plurality head
    extras: dict[str, Tensor] = field(default_factory=dict)  # what one system alone has

    def named(self) -> dict[str, Tensor]:
        """All of them by the name of their column in the history."""
        return {"total": self.total, "pixel": self.pixel, "presence": self.presence, "plurality": self.plurality} | (
            self.extras
        )


def total_loss(
    output: Output, batch: Batch, config: TrainConfig, extras: Mapping[str, LossTerm] | None = None
) -> Losses:
    """L_total = L_pixel(Y) + lambda_pr L_ce(y_pr) + lambda_pl L_ce(y_pl) (Eq. 5), in float32 under any autocast.

    `total` is L_total with the system's own terms, times `config.loss_scale`. Padding counts as background in L_pixel.
    Samples without target have no plurality and are left out of its mean, which runs over the labeled samples of the
    global batch (see `grisq.augment.sampler.Slot`).

    Args:
        output: what the system predicts; a head that it does not have costs nothing.
        batch: the samples, with their labels.
        config: the lambdas, the class weights and the scale of the total.
        extras: the system's own terms, `System.extra_losses`; they are added with their weights.
    """
    pixel = weighted_cross_entropy(output.mask_logits, batch.masks.long(), config.pixel_weights)
    presence = plurality = pixel.new_zeros(())
    if output.presence_logits is not None:
        presence = weighted_cross_entropy(output.presence_logits, batch.presence, config.presence_weights)
    if output.plurality_logits is not None:
        each = F.cross_entropy(
            output.plurality_logits.float(), batch.plurality, ignore_index=NO_PLURALITY, reduction="none"
        )
        plurality = (each * batch.plurality_weight).sum()
    total = pixel + config.lambda_presence * presence + config.lambda_plurality * plurality
    for term in (extras or {}).values():
        total = total + term.weight * term.value
    values = {name: term.value for name, term in (extras or {}).items()}
    return Losses(config.loss_scale * total, pixel, presence, plurality, values)
