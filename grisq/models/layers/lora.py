"""Low-rank adaptation (Hu et al. 2022): a frozen linear layer with a small trainable correction.

A layer of our own in place of the library `peft`, which renames the modules that it wraps; checkpoints and the groups
of the optimizer would then differ between a model with and one without it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ALPHA, DROPOUT = 16, 0.05  # as LISA and GSVA have them
LORA_TENSORS = (".down", ".up")  # how the names of its own tensors end


class LoRALinear(nn.Linear):
    """y = W x + (alpha / r) B A x with W frozen, A random and B zero: at the start, W alone.

    Shapes: (..., in) -> (..., out).
    """

    def __init__(self, linear: nn.Linear, rank: int, alpha: float = ALPHA, dropout: float = DROPOUT):
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight, self.bias = linear.weight, linear.bias
        like = {"device": self.weight.device, "dtype": self.weight.dtype}
        self.down = nn.Parameter(torch.empty(rank, linear.in_features, **like))
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank, **like))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)
        self.scale, self.dropout = alpha / rank, nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        low = F.linear(F.linear(self.dropout(x), self.down), self.up)
        return super().forward(x) + self.scale * low


def add_lora(transformer: nn.Module, rank: int, names: tuple[str, ...] = ("q_proj", "v_proj")) -> None:
    """Freeze all of a transformer but its word embedding, and adapt the named projections of its attention. In place.

    Args:
        transformer: with an `embed_tokens`.
        rank: r.
        names: of the linear layers that are adapted.
    """
    transformer.requires_grad_(False)
    transformer.embed_tokens.requires_grad_(True)
    for module in list(transformer.modules()):
        for name in names:
            if isinstance(linear := getattr(module, name, None), nn.Linear):
                setattr(module, name, LoRALinear(linear, rank))
