"""The target query (Sec. 3.2).

One learnable query: it reads plurality from the words (Eq. 3) and presence from the words and the decoder features
(Eq. 4).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CrossAttentionBlock(nn.Module):
    """CrossAttn(memory; query): multi-head attention, then a feed-forward layer, each with residual and norm.

    Shapes: query (B, 1, C), memory (B, N, D), memory_mask (B, N) bool or None, False in the padding, positions
    (B or 1, N, D) or None, added to the keys alone -> query (B, 1, C), attention (B, N) averaged over heads or None.
    """

    def __init__(self, *, channels: int, memory_channels: int, heads: int, feedforward: int):
        super().__init__()
        self.attention = nn.MultiheadAttention(
            channels, heads, kdim=memory_channels, vdim=memory_channels, batch_first=True
        )
        self.attention_norm = nn.LayerNorm(channels)
        self.expand = nn.Linear(channels, feedforward)
        self.contract = nn.Linear(feedforward, channels)
        self.feedforward_norm = nn.LayerNorm(channels)

    def forward(
        self,
        query: Tensor,
        memory: Tensor,
        memory_mask: Tensor | None,
        positions: Tensor | None = None,
        need_weights: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        key = memory if positions is None else memory + positions  # (B, N, D)
        padding = None if memory_mask is None else ~memory_mask
        attended, weights = self.attention(query, key, memory, key_padding_mask=padding, need_weights=need_weights)
        query = self.attention_norm(query + attended)  # (B, 1, C)
        query = self.feedforward_norm(query + self.contract(F.relu(self.expand(query))))
        return query, None if weights is None else weights[:, 0]  # (B, 1, N) -> (B, N)


class TargetQuery(nn.Module):
    """Learnable query that gathers plurality from the words and presence from the decoder features (Sec. 3.2).

    e_0 = CrossAttn(f^T; e'_0)                                 (Eq. 3)
    e_l = CrossAttn_l(f_{l-1}^{M,j}; e_{l-1}),  l = 1 ... L    (Eq. 4, where j = 4)

    The paper gives the keys of Eq. 4 no positions; here they have the pixel decoder's, as in Mask2Former.

    Shapes: words (B, T, D), word_mask (B, T) bool, memories L x (B, N, C) with N = H_j*W_j, positions
    (B or 1, N, C), valid (B, N) bool or None -> e_0, e_L (B, C), and with need_weights the attention of e_0 over
    the words (B, T) followed by that of e_1 ... e_L over the level (B, N each), else an empty list.
    """

    def __init__(self, *, channels: int, text_channels: int, blocks: int, heads: int, feedforward: int):
        super().__init__()
        self.initial = nn.Parameter(torch.randn(1, 1, channels) * 0.02)  # e'_0
        self.read_words = CrossAttentionBlock(
            channels=channels, memory_channels=text_channels, heads=heads, feedforward=feedforward
        )
        self.read_decoder = nn.ModuleList(
            CrossAttentionBlock(channels=channels, memory_channels=channels, heads=heads, feedforward=feedforward)
            for _ in range(blocks)
        )

    def forward(
        self,
        words: Tensor,
        word_mask: Tensor,
        memories: list[Tensor],
        positions: Tensor,
        valid: Tensor | None,
        need_weights: bool = False,
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        e_0, over_words = self.attend_words(words, word_mask, need_weights)
        e_L, over_level = self.attend_decoder(e_0, memories, positions, valid, need_weights)
        return e_0[:, 0], e_L[:, 0], [over_words, *over_level] if need_weights else []  # (B, 1, C) -> (B, C)

    def attend_words(
        self, words: Tensor, word_mask: Tensor, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Eq. 3: e_0 (B, 1, C), and its attention over the words (B, T) or None.

        Args:
            words: f^T (B, T, D).
            word_mask: (B, T) bool, False in the padding.
            need_weights: whether to return the attention.
        """
        query = self.initial.expand(words.shape[0], -1, -1)  # (B, 1, C)
        return self.read_words(query, words, word_mask, need_weights=need_weights)

    def attend_decoder(
        self, e: Tensor, memories: list[Tensor], positions: Tensor, valid: Tensor | None, need_weights: bool = False
    ) -> tuple[Tensor, list[Tensor | None]]:
        """Eq. 4: e_L (B, 1, C), and the attention of each block over the level, (B, N) or None.

        Args:
            e: e_0, or any other query to start from, (B, 1, C).
            memories: for each block the layer of the pixel decoder that it reads, (B, N, C).
            positions: (B or 1, N, C).
            valid: (B, N) bool, False in the padding, or None.
            need_weights: whether to return the attention.
        """
        attention = []
        for block, memory in zip(self.read_decoder, memories, strict=True):
            e, weights = block(e, memory, valid, positions, need_weights)
            attention.append(weights)
        return e, attention
