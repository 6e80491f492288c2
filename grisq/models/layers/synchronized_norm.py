"""Batch normalization over the samples of all GPUs."""

from timm.layers import convert_sync_batchnorm
from torch import nn


def synchronize_norms(model: nn.Module) -> nn.Module:
    """Make every batch norm take its statistics over all processes; torch can do so on GPUs alone.

    The networks of timm hold activations inside their norms. Torch's own conversion would drop them without an error,
    timm's keeps them.
    """
    return convert_sync_batchnorm(model)
