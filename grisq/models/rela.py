"""ReLA (Liu, Ding and Jiang 2023): the picture as P x P regions that look at pixels, at words and at each other."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.config import ModelConfig
from grisq.models.base import Output, System
from grisq.models.heads import add_finest_level, mlp
from grisq.models.layers.padding import ValidGroupNorm, extend, mean_over
from grisq.models.pixel_decoder import DecoderFeatures, LevelProjection, PixelDecoder

LEVELS = (4, 3, 2)  # which one a layer looks at, in turn: the coarsest first


class RegionLayer(nn.Module):
    """One layer over the region queries r: post-norm attention to pixels, to words, among regions; feed-forward.

    RIA  r <- LN(r + Attn(r + p; pixels + positions, pixels)),  only where the region's own mask says target
    RLA  r <- r + 0.1 sigmoid(w) * Attn(r; words)                (the first layer alone)
         r <- LN(r + Attn(r + p; r + p, r)),   r <- LN(r + FFN(r))

    Shapes: regions, places (B or 1, Q, C) with Q = P*P; pixels (B, N, C), positions (B or 1, N, C), hidden (B, Q, N)
    bool, True where a region may not look; words (B, T, D), word_mask (B, T) bool -> regions (B, Q, C).
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
        hidden = hidden.repeat_interleave(self.heads, dim=0)  # (B * heads, Q, N)
        seen, _ = self.look(regions + places, pixels + positions, pixels, attn_mask=hidden, need_weights=False)
        regions = self.look_norm(regions + seen)
        if self.listen is not None:
            heard, _ = self.listen(regions, words, words, key_padding_mask=~word_mask, need_weights=False)
            regions = regions + 0.1 * self.listen_gate.sigmoid() * heard
        placed = regions + places
        related, _ = self.relate(placed, placed, regions, need_weights=False)
        regions = self.relate_norm(regions + related)
        return self.feedforward_norm(regions + self.contract(F.relu(self.expand(regions))))


class ReLA(System):
    """Every region has a mask of its own and a pair of weights, the minimap; their weighted sum is the answer.

    Y = sum_r minimap_r (mlp(r) . f),   absent or present = mean_r mlp(r)

    f (B, C, H/4, W/4) are the mask features: the pixel decoder's finest level with F^{M,1} added, as in Mask2Former.
    Presence comes from the very queries that make the mask, which is what this paper argues against.

    Shapes and errors: as System.
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
        self.smooth = nn.Conv2d(C, C, 3, padding=1, padding_mode="replicate", bias=False)
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

    def forward(
        self, image: Tensor, valid: Tensor | None, tokens: Tensor, token_mask: Tensor, need_weights: bool = False
    ) -> Output:
        words, levels = self.encode(image, valid, tokens, token_mask)
        decoded = self.pixel_decoder(levels[1:])
        x = self._finest(decoded, levels)  # (B, C, H/4, W/4), what the mask features are a linear map of
        f = self.mask_features(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        regions = self.initial.expand(words.shape[0], -1, -1)
        for i, layer in enumerate(self.layers):
            j = LEVELS[i % len(LEVELS)]
            pixels, positions = decoded.subsequence(j)[-1], decoded.positions_of(j)
            hidden = self._hidden(regions, f, levels[j - 1].size, levels[j - 1].flat_valid)
            regions = layer(regions, self.places, pixels, positions, hidden, words, token_mask)
        return self.answer(self.region_norm(regions), f, image.shape[-2:])

    def _finest(self, decoded: DecoderFeatures, levels: list) -> Tensor:
        first = levels[0]
        x = add_finest_level(self.lateral, decoded.subsequence(2)[-1], levels[1], first)  # (B, C, H/4, W/4)
        x = self.smooth(extend(x, first.valid))
        normed = self.smooth_norm(x.flatten(2).transpose(1, 2), first.flat_valid)
        return extend(F.relu(normed).transpose(1, 2).view_as(x), first.valid)

    def _hidden(self, regions: Tensor, f: Tensor, size: tuple[int, int], valid: Tensor | None) -> Tensor:
        """Masked attention: a region looks where its own mask so far has a probability of at least 0.5.

        Resizing is linear, so it is done once to f instead of once for each of the regions' masks. A region with an
        empty mask looks at the whole picture. -> (B, Q, N) bool, without gradient.
        """
        with torch.no_grad():
            masks = self.region_mask(self.region_norm(regions))  # (B, Q, C)
            at_level = F.interpolate(f, size=size, mode="bilinear", align_corners=False).flatten(2)  # (B, C, N)
            hidden = masks @ at_level < 0
            if valid is not None:
                hidden = hidden | ~valid[:, None]
            everything = torch.zeros_like(hidden) if valid is None else ~valid[:, None].expand_as(hidden)
            return torch.where(hidden.all(-1, keepdim=True), everything, hidden)

    def answer(self, regions: Tensor, f: Tensor, size: tuple[int, int]) -> Output:
        """From normalized regions (B, Q, C) and mask features f (B, C, h, w) to the picture's size (H, W)."""
        P = self.config.rela.regions
        minimap = self.minimap(regions)  # (B, Q, 2)
        filters = minimap.transpose(1, 2) @ self.region_mask(regions)  # (B, 2, C): the sum over regions comes first
        logits = torch.einsum("bkc,bchw->bkhw", filters, f)
        return Output(
            F.interpolate(logits, size=size, mode="bilinear", align_corners=False),
            mean_over(self.presence_head(regions), None),
            minimap_logits=minimap.transpose(1, 2).unflatten(2, (P, P)),
        )
