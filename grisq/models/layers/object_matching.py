"""MAttNet's modular attention: how well the words fit each object, by subject, place and relation."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.config import MAttNetConfig
from grisq.models.layers.bidirectional import both_directions
from grisq.models.layers.object_geometry import NEIGHBORS

MODULES = ("subject", "place", "relation")  # the original's subject, location and relationship


class Scale(nn.Module):
    """n(x) = g * x / |x| with a learned g, 20 at the start. Shapes: (..., C) -> (..., C)."""

    def __init__(self, channels: int):
        super().__init__()
        self.gain = nn.Parameter(torch.full((channels,), 20.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * F.normalize(x, dim=-1)


class CosineMatching(nn.Module):
    """cos(MLP(object), MLP(words)). Shapes: objects (B, K, C), words (B, D) -> (B, K).

    Layer normalization in place of batch normalization: places without an object would enter its statistics.
    """

    def __init__(self, channels: int, text_channels: int, width: int, dropout: float):
        super().__init__()
        self.of_object, self.of_words = (
            nn.Sequential(
                nn.Linear(C, width),
                nn.LayerNorm(width),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(width, width),
                nn.LayerNorm(width),
            )
            for C in (channels, text_channels)
        )

    def forward(self, objects: Tensor, words: Tensor) -> Tensor:
        pair = F.normalize(self.of_object(objects), dim=-1), F.normalize(self.of_words(words), dim=-1)
        return (pair[0] @ pair[1][..., None])[..., 0]


class Phrases(NamedTuple):
    """An expression taken apart."""

    queries: Tensor  # (B, 3, D), one for each module
    attention: Tensor  # (B, 3, T), the words that it read
    weights: Tensor  # (B, 3), how much each module counts


class LanguageNetwork(nn.Module):
    """Three attentions over the words, one for each module, and the weights of the modules.

    q^m = sum_t softmax_t(f_m . h_t) x_t,   w = softmax(W [last state forward, first state backward])

    with x the embedded words and h the states of a bidirectional LSTM over them.
    """

    def __init__(self, vocabulary: int, width: int, dropout: float):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.word = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.ahead, self.back = (nn.LSTM(width, width, batch_first=True) for _ in range(2))
        self.phrases = nn.ModuleList(nn.Linear(2 * width, 1) for _ in MODULES)
        self.weights = nn.Linear(2 * width, len(MODULES))

    def forward(self, tokens: Tensor, token_mask: Tensor) -> Phrases:
        x = F.relu(self.word(self.dropout(self.embedding(tokens))))  # (B, T, D)
        forward, backward = both_directions(self.ahead, self.back, x, token_mask)
        last = token_mask.sum(1, keepdim=True) - 1
        h = torch.cat([forward, backward], dim=-1)
        scores = torch.cat([phrase(h) for phrase in self.phrases], dim=-1).transpose(1, 2)  # (B, 3, T)
        attention = scores.masked_fill(~token_mask[:, None], float("-inf")).softmax(-1)
        end = forward.gather(1, last[..., None].expand(-1, -1, x.shape[-1]))[:, 0]
        weights = self.weights(torch.cat([end, backward[:, 0]], dim=-1)).softmax(-1)
        return Phrases(attention @ x, attention, weights)


class Objects(NamedTuple):
    """What the modules read of K candidates."""

    near: Tensor  # G4 (B, K, R, C4), of R cells of each box; the original's pool5
    deep: Tensor  # G5 (B, K, R, C5); the original's fc7
    where: Tensor  # l (B, K, 5)
    same: Tensor  # delta (B, K, 25), of the nearest of the same category
    others: Tensor  # (B, K, 5) long, the nearest others, those of other categories first
    offsets: Tensor  # delta to each of them (B, K, 5, 5)
    known: Tensor  # (B, K, 5) bool, False where there are fewer


class Matching(nn.Module):
    """S = sum_m w_m S_m over subject, place and relation: how well the words fit each candidate, from -1 to 1.

    13,955,164 parameters at the published sizes.
    """

    def __init__(self, config: MAttNetConfig, vocabulary: int, near: int, deep: int):
        super().__init__()
        D = config.width
        self.language = LanguageNetwork(vocabulary, D, config.word_dropout)
        self.scale_near, self.scale_deep, self.scale_fused = Scale(near), Scale(deep), Scale(D)
        self.fuse, self.fuse_norm = nn.Linear(near + deep, D), nn.LayerNorm(D)
        self.attributes = nn.Linear(D, config.attributes).requires_grad_(config.lambda_attributes > 0)
        self.scale_subject = Scale(D)
        self.cells, self.cell_score = nn.Linear(deep + 2 * D, D), nn.Linear(D, 1)
        self.subject = CosineMatching(deep + D, D, D, config.dropout)
        self.scale_where, self.scale_same = Scale(5), Scale(5 * NEIGHBORS)
        self.place_in = nn.Linear(5 + 5 * NEIGHBORS, D)
        self.place = CosineMatching(D, D, D, config.dropout)
        self.scale_other, self.scale_offset = Scale(deep), Scale(5)
        self.relation_in = nn.Linear(deep + 5, D)
        self.relation = CosineMatching(D, D, D, config.dropout)

    def forward(self, objects: Objects, phrases: Phrases) -> tuple[Tensor, Tensor]:
        """-> scores (B, K) and those of each module (B, K, 3)."""
        subject, place, relation = phrases.queries.unbind(1)
        each = torch.stack(
            [self._subject(objects, subject), self._place(objects, place), self._relation(objects, relation)], dim=-1
        )
        return (each * phrases.weights[:, None]).sum(-1), each

    def fused(self, objects: Objects) -> Tensor:
        """u (B, K, R, D)."""
        both = torch.cat([self.scale_near(objects.near), self.scale_deep(objects.deep)], dim=-1)
        return F.relu(self.fuse_norm(self.fuse(both)))

    def colors(self, objects: Objects) -> Tensor:
        """Logits of the attributes (B, K, attributes)."""
        return self.attributes(self.fused(objects).mean(2))

    def _subject(self, objects: Objects, q: Tensor) -> Tensor:
        v = torch.cat([self.scale_deep(objects.deep), self.scale_fused(self.fused(objects))], dim=-1)
        words = self.scale_subject(q)[:, None, None].expand(*v.shape[:3], -1)
        attention = self.cell_score(torch.tanh(self.cells(torch.cat([v, words], dim=-1)))).softmax(2)
        return self.subject((attention * v).sum(2), q)

    def _place(self, objects: Objects, q: Tensor) -> Tensor:
        x = torch.cat([self.scale_where(objects.where), self.scale_same(objects.same)], dim=-1)
        return self.place(self.place_in(x), q)

    def _relation(self, objects: Objects, q: Tensor) -> Tensor:
        pooled = objects.deep.mean(2)  # (B, K, C5)
        B, K, N = objects.others.shape
        index = objects.others.flatten(1)[..., None].expand(-1, -1, pooled.shape[-1])
        others = pooled.gather(1, index).view(B, K, N, -1)
        r = self.relation_in(torch.cat([self.scale_other(others), self.scale_offset(objects.offsets)], dim=-1))
        likeness = self.relation(r.flatten(1, 2), q).view(B, K, N)
        return torch.where(objects.known, likeness, 0.0).amax(-1)  # a missing neighbor counts as 0
