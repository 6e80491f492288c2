"""LLaVA (Liu et al. 2023): CLIP's patches, projected, are the first words that a language model reads.

CLIP's vision tower and Llama are transformers' own classes, composed here.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaForCausalLM

from grisq.config import CLIPVisionTowerConfig, TextConfig
from grisq.models.layers.clip_normalization import normalize_for_clip
from grisq.models.layers.convolution import without_padding
from grisq.models.layers.padding import pool


def new_language_model(text: TextConfig, new_words: int) -> LlamaForCausalLM:
    """A Llama with random weights; `new_words` entries of the vocabulary follow those of the tokenizer."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=text.vocabulary + new_words,
            hidden_size=text.hidden,
            intermediate_size=text.intermediate,
            num_hidden_layers=text.layers,
            num_attention_heads=text.heads,
            max_position_embeddings=4096,
            bos_token_id=None,
            eos_token_id=None,
            pad_token_id=None,
        )
    )


class LLaVA(nn.Module):
    """Image tokens, then words: a causal transformer that predicts the next word.

    `new_words` entries of the vocabulary follow those of the tokenizer. CLIP reads the whole letterboxed canvas,
    resized to its own resolution; the original crops the square in the middle.
    """

    def __init__(self, tower: CLIPVisionTowerConfig, text: TextConfig, new_words: int):
        super().__init__()
        self.sizes = tower
        self.vision_tower = CLIPVisionModel(
            CLIPVisionConfig(
                hidden_size=tower.hidden,
                intermediate_size=tower.intermediate,
                num_hidden_layers=tower.layers,
                num_attention_heads=tower.heads,
                image_size=tower.side,
                patch_size=tower.patch,
            )
        )
        for name, parameter in self.vision_tower.named_parameters():
            if "post_layernorm" in name:  # states are read before it
                parameter.requires_grad_(False)
        self.projector = nn.Linear(tower.hidden, text.hidden)
        self.language_model = new_language_model(text, new_words)

    def image_tokens(self, image: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
        """The picture as words of the language model, and which of them are not padding.

        Args:
            image: (B, 3, S, S).
            valid: (B, S, S) bool, or None.

        Returns:
            (B, N, D) and (B, N) bool.
        """
        features, mask = self.patch_features(image, valid)
        return self.projector(features), mask

    def patch_features(self, image: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
        """CLIP's patches before the projector, (B, N, channels), and which of them are not padding, (B, N) bool."""
        side, patch = self.sizes.side, self.sizes.patch
        pixels = normalize_for_clip(without_padding(image, valid))
        if image.shape[-1] != side:
            pixels = F.interpolate(pixels, size=(side, side), mode="bilinear", antialias=True)
        states = self.vision_tower(pixels, output_hidden_states=True).hidden_states[self.sizes.read_layer]
        states = states[:, 1:]  # without the class token
        if valid is None:
            return states, torch.ones(states.shape[:2], dtype=torch.bool, device=states.device)
        shrunk = F.interpolate(valid[:, None].float(), size=(side, side), mode="nearest")[:, 0] > 0
        return states, pool(shrunk, patch).flatten(1)

    def forward(
        self,
        image_tokens: Tensor,
        image_mask: Tensor,
        tokens: Tensor,
        token_mask: Tensor,
        at: Tensor,
        conversation: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Hidden states at some positions of the text, and the logits of the word that comes next there.

        Args:
            image_tokens: (B, N, D).
            image_mask: (B, N) bool.
            tokens: (B, T) long.
            token_mask: (B, T) bool; False hides a word, wherever it stands.
            at: (B, K) long, positions among the T words.
            conversation: (T,) long; words of one conversation do not see those of another, which saves reading the
                picture anew for each. None: all words are one conversation.

        Returns:
            (B, K, D) and (B, K, vocabulary + new words).
        """
        x = torch.cat([image_tokens, self.language_model.get_input_embeddings()(tokens)], dim=1)
        real = torch.cat([image_mask, token_mask], dim=1)  # (B, L)
        N, L = image_tokens.shape[1], real.shape[1]
        visible = torch.ones(L, L, dtype=torch.bool, device=x.device).tril()
        if conversation is not None:
            visible[N:, N:] &= conversation[:, None] == conversation
        visible = visible & real[:, None]  # (B, L, L)
        oneself = torch.eye(L, dtype=torch.bool, device=x.device)  # so that no row of scores is empty
        states = self.language_model.model(
            inputs_embeds=x,
            attention_mask=(visible | oneself)[:, None],
            position_ids=(visible.sum(2) - 1).clamp(min=0),
            use_cache=False,
        ).last_hidden_state
        index = (at + N)[..., None].expand(-1, -1, states.shape[-1])
        states = states.gather(1, index)
        return states, self.language_model.lm_head(states)
