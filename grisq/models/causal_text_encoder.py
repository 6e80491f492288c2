"""Text encoder of CRIS: CLIP's causal transformer (Radford et al. 2021)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from grisq.config import TextConfig


class Sentence(NamedTuple):
    """An expression, word by word and as a whole."""

    words: Tensor  # (B, T, hidden)
    whole: Tensor  # (B, width)


class CausalTextEncoder(nn.Module):
    """A word sees those before it; the state of the last token, projected, stands for the whole sentence.

    No mask of the padding is needed: it comes after the words, and no word looks ahead.
    Shapes: tokens (B, T) long, token_mask (B, T) bool, padding at the end -> Sentence.
    """

    def __init__(self, config: TextConfig, width: int):
        super().__init__()
        self.clip = CLIPTextModelWithProjection(
            CLIPTextConfig(
                vocab_size=config.vocabulary,
                hidden_size=config.hidden,
                intermediate_size=config.intermediate,
                num_hidden_layers=config.layers,
                num_attention_heads=config.heads,
                max_position_embeddings=max(config.max_tokens, config.max_tokens_mosaic),
                projection_dim=width,
                attention_dropout=config.dropout,
                bos_token_id=None,
                eos_token_id=None,  # the last token is taken by its place
                pad_token_id=None,
            )
        )

    def forward(self, tokens: Tensor, token_mask: Tensor) -> Sentence:
        text = self.clip.text_model
        x = text.embeddings(input_ids=tokens)
        x = text.encoder(inputs_embeds=x, attention_mask=_causal(tokens.shape[1], x)).last_hidden_state
        words = text.final_layer_norm(x)  # (B, T, hidden)
        last = token_mask.sum(1) - 1
        whole = words[torch.arange(words.shape[0], device=words.device), last]
        return Sentence(words, self.clip.text_projection(whole))


def _causal(length: int, like: Tensor) -> Tensor:
    """What is added to the scores of attention: 0 for words up to this one. -> (1, 1, T, T)."""
    ahead = torch.ones(length, length, dtype=torch.bool, device=like.device).triu(1)
    return torch.zeros_like(ahead, dtype=like.dtype).masked_fill(ahead, torch.finfo(like.dtype).min)[None, None]
