"""Faster forms of what the GPU path does, as patches of this process, so that one call measures both.

    import fixes; fixes.apply("relu", "strip")  # in any order, before the model is built

relu    ReLU out of place: in place on a linear layer's output, which is a view, autograd copies whole gradients
strip   the mask head's MLP at full resolution in one piece: strips of four rows give 30 full-size gradients to add
"""

import torch.nn.functional as F
from torch import nn

from grisq.models import heads, pixel_decoder


def put(owner: object, name: str, new: object) -> None:
    """Replace an attribute. Raises AttributeError if the package no longer has it, so that no patch goes stale."""
    if not hasattr(owner, name):
        raise AttributeError(f"{getattr(owner, '__name__', owner)} has no {name} any more: adapt scripts/gpu/fixes.py")
    setattr(owner, name, new)


def relu() -> None:
    """Take every ReLU out of place."""

    def forward(self, f, positions, reference, sizes, valid):
        f = self.attention_norm(f + self.attention(f + positions, reference, f, sizes, valid))
        return self.feedforward_norm(f + self.contract(F.relu(self.expand(f))))

    put(pixel_decoder.MSDSBlock, "forward", forward)
    original = nn.ReLU.__init__

    def init(self, inplace=False):
        original(self, False)

    put(nn.ReLU, "__init__", init)


def strip() -> None:
    """Upsample for the mask head's MLP in one strip."""
    put(heads, "_ROWS", 10_000)


ALL = {"relu": relu, "strip": strip}  # on every device the same but for rounding


def apply(*names: str) -> None:
    """Apply these patches to the process; they stay."""
    for name in names:
        ALL[name]()
