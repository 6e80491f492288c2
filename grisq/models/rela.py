"""ReLA (Liu, Ding and Jiang 2023): P x P region queries attend to pixels, to words and to each other."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.config import ModelConfig, TrainConfig
from grisq.models.base import FusedSystem, LossTerm, Output, weighted_cross_entropy
from grisq.models.heads import add_finest_level, mlp
from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.padding import ValidGroupNorm, frame, mean_over
from grisq.models.pixel_decoder import DecoderFeatures, LevelProjection, PixelDecoder

if TYPE_CHECKING:
    from grisq.data.sample import Batch

LEVELS = (4, 3, 2)  # the level that each layer attends to, in turn: the coarsest first
MINIMAP = "minimap"  # in Output.extras and in the history


class RegionLayer(nn.Module):
    """One layer over the region queries r: post-norm attention to pixels, to words, among regions; feed-forward.

    RIA  r <- LN(r + Attn(r + p; pixels + positions, pixels)),  restricted to where the region's own mask is target
    RLA  r <- r + 0.1 sigmoid(w) * Attn(r; words)                (the first layer alone)
         r <- LN(r + Attn(r + p; r + p, r)),   r <- LN(r + FFN(r))

    Checkpoints hold these parts under the names `look` (cross-attention to pixels), `listen` (cross-attention to
    words) and `relate` (self-attention among regions).

    Shapes: regions, places (B or 1, Q, C) with Q = P*P; pixels (B, N, C), positions (B or 1, N, C), hidden (B, Q, N)
    bool, True where a region may not attend; words (B, T, D), word_mask (B, T) bool -> regions (B, Q, C).
    """

    def __init__(self, *, channels: int, heads: int, feedforward: int, text_channels: int | None):
        super().__init__()
        self.heads = heads
        self.look = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.look_norm = nn.LayerNorm(channels)
        self.listen = None
        if text_channels is not None:
            self.listen = nn.MultiheadAttention(
                channels, heads, kdim=text_channels, vdim=text_channels, batch_first=True
            )
            self.listen_gate = nn.Parameter(torch.zeros(channels))  # w
        self.relate = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.relate_norm = nn.LayerNorm(channels)
        self.expand = nn.Linear(channels, feedforward)
        self.contract = nn.Linear(feedforward, channels)
        self.feedforward_norm = nn.LayerNorm(channels)

    def forward(
        self,
        regions: Tensor,
        places: Tensor,
        pixels: Tensor,
        positions: Tensor,
        hidden: Tensor,
        words: Tensor,
        word_mask: Tensor,
    ) -> Tensor:
        hidden = hidden.repeat_interleave(self.heads, dim=0)  # (B, Q, N) -> (B * heads, Q, N)
        attended, _ = self.look(regions + places, pixels + positions, pixels, attn_mask=hidden, need_weights=False)
        regions = self.look_norm(regions + attended)  # (B, Q, C)
        if self.listen is not None:
            attended, _ = self.listen(regions, words, words, key_padding_mask=~word_mask, need_weights=False)
            regions = regions + 0.1 * self.listen_gate.sigmoid() * attended
        placed = regions + places
        attended, _ = self.relate(placed, placed, regions, need_weights=False)
        regions = self.relate_norm(regions + attended)
        return self.feedforward_norm(regions + self.contract(F.relu(self.expand(regions))))


class ReLA(FusedSystem):
    """Every region has a mask of its own and a pair of weights, the minimap; the prediction is their weighted sum.

    Y = sum_r minimap_r (mlp(r) . f),   absent or present = mean_r mlp(r)

    f (B, C, H/4, W/4) are the mask features: the pixel decoder's finest level with F^{M,1} added, as in Mask2Former.
    Presence comes from the very queries that make the mask, which is what the target query's paper argues against.
    The minimap has a loss of its own; its logits (B, 2, P, P) are in `Output.extras`.
    """

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        C, P = config.channels, config.rela.regions
        widths = self.multimodal_encoder.channels
        self.pixel_decoder = PixelDecoder(
            channels_in=widths[1:],
            points=config.points,
            channels=C,
            heads=config.heads,
            feedforward=config.feedforward,
            blocks=config.blocks,
        )
        self.lateral = LevelProjection(widths[0], C)
        self.smooth = nn.Conv2d(C, C, 3, bias=False)
        self.smooth_norm = ValidGroupNorm(min(32, C // 8), C)
        self.mask_features = nn.Linear(C, C)
        self.initial = nn.Parameter(torch.randn(1, P * P, C) * 0.02)
        self.places = nn.Parameter(torch.randn(1, P * P, C) * 0.02)
        self.layers = nn.ModuleList(
            RegionLayer(
                channels=C,
                heads=config.heads,
                feedforward=config.rela.feedforward,
                text_channels=config.text.hidden if i == 0 else None,
            )
            for i in range(config.rela.layers)
        )
        self.region_norm = nn.LayerNorm(C)
        self.region_mask = mlp(C, C, C, layers=3)
        self.minimap = nn.Linear(C, 2)
        self.presence_head = mlp(C, C, 2, layers=2)

    def forward(self, image: Tensor, valid: Tensor | None, tokens: Tensor, token_mask: Tensor) -> Output:
        words, levels = self.encode(image, valid, tokens, token_mask)  # f^T (B, T, D), F^{M,1..4}
        decoded = self.pixel_decoder(levels[1:])
        x = self._finest(decoded, levels)  # (B, H/4, W/4, C), what the mask features are a linear map of
        f = self.mask_features(x).permute(0, 3, 1, 2)  # (B, C, H/4, W/4)
        regions = self.initial.expand(words.shape[0], -1, -1)  # (B, Q, C)
        for i, layer in enumerate(self.layers):
            j = LEVELS[i % len(LEVELS)]
            pixels, positions = decoded.subsequence(j)[-1], decoded.positions_of(j)  # (B, N, C), (B or 1, N, C)
            hidden = self._hidden(regions, f, levels[j - 1].size, levels[j - 1].flat_valid)  # (B, Q, N)
            regions = layer(regions, self.places, pixels, positions, hidden, words, token_mask)
        return self.answer(self.region_norm(regions), f, image.shape[-2:])

    def extra_losses(self, output: Output, batch: "Batch", config: TrainConfig) -> dict[str, LossTerm]:
        """Cross-entropy of the minimap with the regions that the target covers, under the class weights of L_pixel.

        Args: as `System.extra_losses`.
        """
        logits = output.extras[MINIMAP]  # (B, 2, P, P)
        covered = covered_regions(batch.masks, logits.shape[-1])
        value = weighted_cross_entropy(logits, covered, config.pixel_weights)
        return {MINIMAP: LossTerm(value, self.config.rela.lambda_minimap)}

    def _finest(self, decoded: DecoderFeatures, levels: list[FeatureMap]) -> Tensor:
        first = levels[0]
        x = add_finest_level(self.lateral, decoded.subsequence(2)[-1], levels[1], first)  # (B, H/4, W/4, C)
        x = self.smooth(frame(x, first.valid).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        normed = self.smooth_norm(x.flatten(1, 2), first.flat_valid)  # (B, H/4 * W/4, C)
        return frame(F.relu(normed).view_as(x), first.valid, border=0)

    def _hidden(self, regions: Tensor, f: Tensor, size: tuple[int, int], valid: Tensor | None) -> Tensor:
        """Masked attention: a region attends to where its own mask so far has a probability of at least 0.5.

        Resizing is linear, so it is done once to f instead of once for each of the regions' masks. A region with an
        empty mask attends to the whole picture. -> (B, Q, N) bool, without gradient.
        """
        with torch.no_grad():
            masks = self.region_mask(self.region_norm(regions))  # (B, Q, C)
            at_level = F.interpolate(f, size=size, mode="bilinear", align_corners=False).flatten(2)  # (B, C, N)
            hidden = masks @ at_level < 0
            if valid is not None:
                hidden = hidden | ~valid[:, None]
            everything = torch.zeros_like(hidden) if valid is None else ~valid[:, None].expand_as(hidden)
            empty = hidden.all(-1, keepdim=True)
            return (hidden & ~empty) | (everything & empty)  # onnxruntime has no `where` of truth values

    def answer(self, regions: Tensor, f: Tensor, size: tuple[int, int]) -> Output:
        """The prediction from the region queries.

        Args:
            regions: (B, Q, C), normalized.
            f: mask features (B, C, h, w).
            size: (H, W) of the canvas, at which the mask is returned.
        """
        P = self.config.rela.regions
        minimap = self.minimap(regions)  # (B, Q, 2)
        filters = minimap.transpose(1, 2) @ self.region_mask(regions)  # (B, 2, C): the sum over regions comes first
        logits = torch.einsum("bkc,bchw->bkhw", filters, f)
        return Output(
            F.interpolate(logits, size=size, mode="bilinear", align_corners=False),
            mean_over(self.presence_head(regions), None),
            extras={MINIMAP: minimap.transpose(1, 2).unflatten(2, (P, P))},
        )


def covered_regions(masks: Tensor, regions: int) -> Tensor:
    """Which of P x P regions the minimap should classify as target: those whose center lies fully on the target.

    The mask is read bilinearly at the center of each region and rounded down, as ReLA's released code does.
    Shapes: masks (B, H, W) bool -> (B, P, P) long.
    """
    read = F.interpolate(masks[:, None].float(), size=(regions, regions), mode="bilinear", align_corners=False)
    return read[:, 0].long()
