"""What LISA and GSVA share: a language model that reads a picture, and a mask decoder that reads one of its states.

CLIP's vision tower, Llama and SAM are transformers' own classes, composed here.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaConfig,
    LlamaForCausalLM,
    SamConfig,
    SamMaskDecoderConfig,
    SamModel,
    SamPromptEncoderConfig,
    SamVisionConfig,
)

from grisq.config import CLIPEyeConfig, SAMConfig, TextConfig
from grisq.models.heads import mlp
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


class SeeingLanguageModel(nn.Module):
    """Patches of the picture, then words: a causal transformer that predicts the next word.

    `new_words` entries of the vocabulary follow those of the tokenizer. CLIP reads the whole letterboxed canvas,
    shrunk to its own size; the original lets CLIP's processor crop the square in the middle.
    """

    def __init__(self, eye: CLIPEyeConfig, text: TextConfig, new_words: int):
        super().__init__()
        self.sizes = eye
        self.eye = CLIPVisionModel(
            CLIPVisionConfig(
                hidden_size=eye.hidden,
                intermediate_size=eye.intermediate,
                num_hidden_layers=eye.layers,
                num_attention_heads=eye.heads,
                image_size=eye.side,
                patch_size=eye.patch,
            )
        )
        for name, parameter in self.eye.named_parameters():
            if "post_layernorm" in name:  # states are read before it
                parameter.requires_grad_(False)
        self.project = nn.Linear(eye.hidden, text.hidden)
        self.language = new_language_model(text, new_words)

    def look(self, image: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
        """The picture as words. image (B, 3, S, S), valid (B, S, S) -> (B, N, D) and which are real (B, N) bool."""
        states, real = self.see(image, valid)
        return self.project(states), real

    def see(self, image: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
        """The states of CLIP's patches, (B, N, channels), and which are real."""
        side, patch = self.sizes.side, self.sizes.patch
        pixels = normalize_for_clip(without_padding(image, valid))
        if image.shape[-1] != side:
            pixels = F.interpolate(pixels, size=(side, side), mode="bilinear", antialias=True)
        states = self.eye(pixels, output_hidden_states=True).hidden_states[self.sizes.read_layer]
        states = states[:, 1:]  # without the class token
        if valid is None:
            return states, torch.ones(states.shape[:2], dtype=torch.bool, device=states.device)
        shrunk = F.interpolate(valid[:, None].float(), size=(side, side), mode="nearest")[:, 0] > 0
        return states, pool(shrunk, patch).flatten(1)

    def forward(
        self, picture: Tensor, seen: Tensor, words: Tensor, real: Tensor, places: Tensor
    ) -> tuple[Tensor, Tensor]:
        """States at some places of the text, and the logits of the word that comes next there.

        Args:
            picture: (B, N, D) of `look`.
            seen: (B, N) bool.
            words: (B, T) long.
            real: (B, T) bool, False for words that are left out, wherever they stand.
            places: (B, K) long, of words.

        Returns:
            (B, K, D) and (B, K, vocabulary + new words).
        """
        x = torch.cat([picture, self.language.get_input_embeddings()(words)], dim=1)
        real = torch.cat([seen, real], dim=1)  # (B, L)
        L = real.shape[1]
        causal = torch.ones(L, L, dtype=torch.bool, device=x.device).tril()
        alone = torch.eye(L, dtype=torch.bool, device=x.device)  # so that no row of scores is empty
        mask = (causal & real[:, None, None, :]) | alone
        positions = (real.cumsum(1) - 1).clamp(min=0)
        states = self.language.model(
            inputs_embeds=x, attention_mask=mask, position_ids=positions, use_cache=False
        ).last_hidden_state
        at = (places + picture.shape[1])[..., None].expand(-1, -1, states.shape[-1])
        states = states.gather(1, at)
        return states, self.language.lm_head(states)


class PromptedMaskDecoder(nn.Module):
    """SAM (Kirillov et al. 2023), prompted by a vector instead of a click.

    Shapes: image (B, 3, S, S), prompts (B, K, D) -> mask logits (B, K, h, w).
    """

    def __init__(self, config: SAMConfig, side: int, text_channels: int):
        super().__init__()
        C = config.channels
        self.sam = SamModel(
            SamConfig(
                vision_config=SamVisionConfig(
                    hidden_size=config.hidden,
                    mlp_dim=config.intermediate,
                    num_hidden_layers=config.layers,
                    num_attention_heads=config.heads,
                    image_size=side,
                    patch_size=config.patch,
                    window_size=config.window,
                    global_attn_indexes=list(config.global_layers),
                    output_channels=C,
                    num_pos_feats=C // 2,
                    scale=1.0,  # of the random frequencies of positions, as released; the default is 384
                    initializer_range=0.02,  # the default, 1e-10, makes the encoder a constant
                ),
                prompt_encoder_config=SamPromptEncoderConfig(
                    hidden_size=C, image_size=side, patch_size=config.patch, image_embedding_size=side // config.patch
                ),
                mask_decoder_config=SamMaskDecoderConfig(
                    hidden_size=C,
                    mlp_dim=config.decoder_feedforward,
                    num_attention_heads=config.decoder_heads,
                    iou_head_hidden_dim=C,
                    num_multimask_outputs=config.further_masks,
                ),
            )
        )
        sam = self.sam
        # It is the model's own `shared_image_embedding` again, for clicks; a file cannot hold one tensor twice.
        sam.prompt_encoder.shared_embedding = nn.Identity()
        for unused in (sam.shared_image_embedding, sam.prompt_encoder, sam.mask_decoder.iou_prediction_head):
            unused.requires_grad_(False)  # random frequencies, clicks and boxes, and a head that nothing trains
        sam.prompt_encoder.no_mask_embed.requires_grad_(True)
        self.prompt = mlp(text_channels, text_channels, C, layers=2)

    def embed(self, image: Tensor, valid: Tensor | None) -> Tensor:
        """-> (B, C, S / patch, S / patch)."""
        return self.sam.vision_encoder(without_padding(image, valid)).last_hidden_state

    def forward(self, embedded: Tensor, states: Tensor) -> Tensor:
        return self.draw(embedded, self.prompt(states)[:, :, None])

    def draw(self, embedded: Tensor, prompts: Tensor) -> Tensor:
        """Mask logits for embedded prompts, (B, K, tokens of a prompt, C) -> (B, K, h, w)."""
        B, _, h, w = embedded.shape
        nothing = self.sam.prompt_encoder.no_mask_embed.weight.view(1, -1, 1, 1).expand(B, -1, h, w)
        masks, _ = self.sam.mask_decoder(
            image_embeddings=embedded,
            image_positional_embeddings=self.sam.get_image_wide_positional_embeddings().expand(B, -1, -1, -1),
            sparse_prompt_embeddings=prompts,
            dense_prompt_embeddings=nothing,
            multimask_output=False,
        )
        return masks[:, :, 0]


def dice_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """1 - 2 |P Y| / (|P| + |Y|) of every sample, with both sums divided by 1,000 before 1e-6 is added (LISA).

    Shapes: logits (B, H, W), masks (B, H, W) bool -> (B,).
    """
    p, y = logits.float().sigmoid().flatten(1) / 1000, masks.float().flatten(1)
    common, both = (p * y).sum(1), p.sum(1) + y.sum(1) / 1000
    return 1 - (2 * common + 1e-6) / (both + 1e-6)
