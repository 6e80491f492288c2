"""Text encoder of LTS and VLT: word vectors and a recurrent network in both directions."""

import torch
from torch import Tensor, nn


class RecurrentTextEncoder(nn.Module):
    """Word vectors -> a GRU forward and one backward; their states are added up, as in VLT.

    The backward one reads each expression from its own last word, so padding changes nothing.
    Shapes: tokens (B, T) long, token_mask (B, T) bool, padding at the end -> (B, T, hidden).
    """

    def __init__(self, vocabulary: int, embedding: int, hidden: int):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.ahead = nn.GRU(embedding, hidden, batch_first=True)
        self.back = nn.GRU(embedding, hidden, batch_first=True)

    def forward(self, tokens: Tensor, token_mask: Tensor) -> Tensor:
        x = self.embedding(tokens)  # (B, T, E)
        mirrored = _reversed_places(token_mask)
        backward, _ = self.back(_take(x, mirrored))
        return self.ahead(x)[0] + _take(backward, mirrored)


def _reversed_places(token_mask: Tensor) -> Tensor:
    """Where each word stands when its expression is read backward; padding stays. (B, T) bool -> (B, T) long."""
    place = torch.arange(token_mask.shape[1], device=token_mask.device)
    return torch.where(token_mask, token_mask.sum(1, keepdim=True) - 1 - place, place)


def _take(x: Tensor, place: Tensor) -> Tensor:
    return x.gather(1, place[..., None].expand(-1, -1, x.shape[2]))
