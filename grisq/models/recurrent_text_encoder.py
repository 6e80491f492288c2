"""Text encoder of LTS and VLT: word vectors and a recurrent network in both directions."""

from torch import Tensor, nn

from grisq.models.layers.bidirectional import both_directions


class RecurrentTextEncoder(nn.Module):
    """Word vectors -> a GRU forward and one backward; their states are added up, as in VLT.

    Shapes: tokens (B, T) long, token_mask (B, T) bool, padding at the end -> (B, T, hidden).
    """

    def __init__(self, vocabulary: int, embedding: int, hidden: int):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.ahead = nn.GRU(embedding, hidden, batch_first=True)
        self.back = nn.GRU(embedding, hidden, batch_first=True)

    def forward(self, tokens: Tensor, token_mask: Tensor) -> Tensor:
        forward, backward = both_directions(self.ahead, self.back, self.embedding(tokens), token_mask)
        return forward + backward
