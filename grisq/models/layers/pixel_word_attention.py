"""Pixel-word attention and the language gate: how words enter the Swin trunk (Sec. 3.1, "as in LAVT").

Written from the formulae of Yang et al. 2022; one deliberate difference: instance normalization takes its
statistics over the picture and leaves the letterbox padding out.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.models.layers.padding import ValidGroupNorm


class PixelWordAttention(nn.Module):
    """PWAM: cross-attention from every position x of the picture to the words L.

    V = GELU(W_v x),   q = IN(W_q x),   k, v = W_k L, W_l L   (padded words have no weight)
    g = IN(W_o softmax(q k^T / sqrt(C)) v),   F = GELU(W_f (V * g))

    IN over positions removes any part of g that is the same everywhere, so a constant message to the whole picture,
    like "this expression matches nothing here", cannot pass by itself. What differs between positions does pass, and
    presence can be read from that: notebook 08 measures how well.

    Shapes: x (B, N, C), words (B, T, D), word_mask (B, T) bool, valid (B, N) bool or None -> F (B, N, C).
    """

    def __init__(self, channels: int, text_channels: int):
        super().__init__()
        self.visual = nn.Linear(channels, channels)  # W_v
        self.query = nn.Linear(channels, channels)  # W_q
        self.key = nn.Linear(text_channels, channels)  # W_k
        self.value = nn.Linear(text_channels, channels)  # W_l
        self.out = nn.Linear(channels, channels)  # W_o
        self.fuse = nn.Linear(channels, channels)  # W_f
        self.query_norm = ValidGroupNorm(channels, channels, affine=False)
        self.out_norm = ValidGroupNorm(channels, channels, affine=False)

    def forward(self, x: Tensor, words: Tensor, word_mask: Tensor, valid: Tensor | None = None) -> Tensor:
        g = self.attention(x, words, word_mask, valid) @ self.value(words)  # (B, N, C)
        g = self.out_norm(self.out(g), valid)  # (B, N, C)
        return F.gelu(self.fuse(F.gelu(self.visual(x)) * g))  # F (B, N, C)

    def attention(self, x: Tensor, words: Tensor, word_mask: Tensor, valid: Tensor | None = None) -> Tensor:
        """softmax(q k^T / sqrt(C)): the attention of each position over the words. -> (B, N, T), rows sum to one.

        Args:
            x: (B, N, C).
            words: (B, T, D).
            word_mask: (B, T) bool, False in the padding.
            valid: (B, N) bool, False in the padding, or None.
        """
        q = self.query_norm(self.query(x), valid)  # (B, N, C)
        k = self.key(words)  # (B, T, C)
        scores = q @ k.transpose(1, 2) / k.shape[-1] ** 0.5  # (B, N, T)
        return scores.masked_fill(~word_mask[:, None, :], torch.finfo(scores.dtype).min).softmax(-1)


class LanguageGate(nn.Module):
    """Adds fused features back into the trunk: x <- x + tanh(W_2 ReLU(W_1 F)) * F, both W without bias.

    `init` says how it starts:

    * "lavt" draws both W from a truncated normal;
    * "zero-last" zeroes W_2 alone, so the trunk starts as the pretrained Swin and both W still receive gradient;
    * "dead" zeroes both, as ReLA's released code does: the output is zero and so is every gradient, forever;
    * "none" has no weights and keeps language out of the trunk.

    Shapes: x, fused (B, N, C) -> (B, N, C).
    """

    def __init__(self, channels: int, *, init: Literal["lavt", "zero-last", "dead", "none"] = "lavt"):
        super().__init__()
        self.open = init != "none"
        if not self.open:
            return
        self.first = nn.Linear(channels, channels, bias=False)
        self.last = nn.Linear(channels, channels, bias=False)
        for linear, zero in ((self.first, init == "dead"), (self.last, init != "lavt")):
            if zero:
                nn.init.zeros_(linear.weight)
            else:
                nn.init.trunc_normal_(linear.weight, std=0.02)

    def forward(self, x: Tensor, fused: Tensor) -> Tensor:
        if not self.open:
            return x
        return x + torch.tanh(self.last(F.relu(self.first(fused)))) * fused
