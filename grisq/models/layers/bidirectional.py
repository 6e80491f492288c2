"""A recurrent network in both directions over expressions of different lengths."""

import torch
from torch import Tensor, nn


def both_directions(ahead: nn.RNNBase, back: nn.RNNBase, x: Tensor, token_mask: Tensor) -> tuple[Tensor, Tensor]:
    """States of one network that reads forward, and of one that reads each expression from its own last word.

    So padding changes nothing, and unlike a packed sequence it can be exported.

    Args:
        ahead: batch first.
        back: the same for the other direction.
        x: (B, T, E).
        token_mask: (B, T) bool, padding at the end.

    Returns:
        (B, T, hidden) each, at the place of the word.
    """
    place = torch.arange(token_mask.shape[1], device=token_mask.device)
    mirrored = torch.where(token_mask, token_mask.sum(1, keepdim=True) - 1 - place, place)
    return ahead(x)[0], _take(back(_take(x, mirrored))[0], mirrored)


def _take(x: Tensor, place: Tensor) -> Tensor:
    """(B, T, C) at places (B, T)."""
    return x.gather(1, place[..., None].expand(-1, -1, x.shape[2]))
