"""SAM (Kirillov et al. 2023), prompted by a vector instead of a click. The classes are transformers' own."""

from torch import Tensor, nn
from transformers import SamConfig, SamMaskDecoderConfig, SamModel, SamPromptEncoderConfig, SamVisionConfig

from grisq.config import SAMConfig
from grisq.models.heads import mlp
from grisq.models.layers.convolution import without_padding


class PromptedMaskDecoder(nn.Module):
    """SAM's image encoder and mask decoder, with an MLP that turns hidden states into prompts.

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
        return self.decode(embedded, self.prompt(states)[:, :, None])

    def decode(self, embedded: Tensor, prompts: Tensor) -> Tensor:
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


def dice_loss(logits: Tensor, masks: Tensor, valid: Tensor | None = None) -> Tensor:
    """1 - 2 |P Y| / (|P| + |Y|) of every sample, with both sums divided by 1,000 before 1e-6 is added (LISA).

    Shapes: logits (B, H, W), masks (B, H, W) bool, valid (B, H, W) bool, False in the padding, or None -> (B,).
    """
    p, y = logits.float().sigmoid() / 1000, masks.float().flatten(1)
    p = (p if valid is None else p * valid).flatten(1)
    common, both = (p * y).sum(1), p.sum(1) + y.sum(1) / 1000
    return 1 - (2 * common + 1e-6) / (both + 1e-6)
