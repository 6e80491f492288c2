"""Multimodal encoder Phi(x^V, f^T) (Sec. 3.1, Eq. 1): Swin, with words fused after every stage."""

from torch import Tensor, nn

from grisq.config import SwinConfig
from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.padding import pool
from grisq.models.layers.pixel_word_attention import LanguageGate, PixelWordAttention
from grisq.models.layers.swin import build_swin, run_stage


class MultimodalEncoder(nn.Module):
    """Phi(x^V, f^T) = {F^{M,i}}, i = 1..4, at strides 4, 8, 16, 32 (Eq. 1).

    After the blocks of stage i: F = PWAM(x, words); F^{M,i} = LayerNorm(F); the gate adds F back to x before
    the next stage merges patches.

    Shapes: image (B, 3, H, W) normalized, zero in the padding, H and W multiples of 32; words (B, T, D);
    word_mask (B, T) bool; valid (B, H, W) bool or None -> four FeatureMaps with channels `self.channels`.
    One picture with B expressions: pass image (1, 3, H, W); patch embedding and stage 1 run once.
    """

    def __init__(self, *, swin: SwinConfig, image_size: int, text_channels: int, gate: str):
        super().__init__()
        trunk = build_swin(swin, image_size)
        self.patch_embed, self.stages = trunk.patch_embed, trunk.layers
        self.channels = tuple(swin.embed_dim * 2**i for i in range(len(swin.depths)))
        self.fusions = nn.ModuleList(PixelWordAttention(C, text_channels) for C in self.channels)
        # No stage follows the last one, so it needs no gate.
        self.gates = nn.ModuleList(LanguageGate(C, init=gate) for C in self.channels[:-1])
        self.norms = nn.ModuleList(nn.LayerNorm(C) for C in self.channels)

    def forward(self, image: Tensor, words: Tensor, word_mask: Tensor, valid: Tensor | None = None) -> list[FeatureMap]:
        x = self.patch_embed(image)  # (B, H/4, W/4, C_1)
        valid = pool(valid, 4)
        levels = []
        for i in range(len(self.stages)):
            x, valid = run_stage(self.stages[i], x, valid)
            B = words.shape[0]  # not len(), which would be a constant of an exported model
            if x.shape[0] == 1 < B:  # one picture, several expressions: they share everything up to here
                x = x.expand(B, -1, -1, -1)
                valid = valid if valid is None else valid.expand(B, -1, -1)
            B, H, W, C = x.shape
            flat_valid = None if valid is None else valid.flatten(1)
            fused = self.fusions[i](x.flatten(1, 2), words, word_mask, flat_valid)  # F (B, H*W, C)
            levels.append(FeatureMap(self.norms[i](fused).view(B, H, W, C), valid))
            if i < len(self.gates):
                x = self.gates[i](x.flatten(1, 2), fused).view(B, H, W, C)
        return levels
