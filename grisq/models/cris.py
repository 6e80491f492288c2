"""CRIS (Wang et al. 2022): CLIP's encoders, and a sentence that becomes the filter which reads the map."""

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.config import CRISConfig, ModelConfig
from grisq.models.base import Output, System, check_canvas, of_one_logit
from grisq.models.causal_text_encoder import CausalTextEncoder
from grisq.models.layers.convolution import ConvNorm, double, without_padding
from grisq.models.layers.convolutional_trunk import ConvolutionalTrunk
from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.neck import Neck, for_each_expression
from grisq.models.layers.padding import extend
from grisq.models.layers.position_encoding import grid_centers, index_positions, sequence_positions
from grisq.models.pretrained import fill, load_weights, read_weights

_CLIPS_POOL = {"query": "head.q", "key": "head.k", "value": "head.v", "project": "head.proj"}  # timm's names
_SHORTCUT = ("shortcut.weight", *(f"shortcut_norm.{name}" for name in nn.BatchNorm2d(1).state_dict()))


class DenseAttentionPool(nn.Module):
    """CLIP's attention pool with a query at every position instead of one for the whole picture.

    CLIP learned its positions on a small grid; they are read bicubically where the positions of this picture lie in
    it. Added to the result is the level itself, projected: a shortcut that CRIS trains from scratch.
    Shapes: level of C channels -> FeatureMap of `channels` channels.
    """

    def __init__(self, channels_in: int, channels: int, heads: int, side: int):
        super().__init__()
        self.heads, self.side = heads, side
        self.positions = nn.Parameter(torch.randn(side * side, channels_in) / channels_in**0.5)
        self.query, self.key, self.value = (nn.Linear(channels_in, channels_in) for _ in range(3))
        self.project = nn.Linear(channels_in, channels)
        self.shortcut = nn.Linear(channels_in, channels, bias=False)
        self.shortcut_norm = nn.BatchNorm2d(channels)

    def forward(self, level: FeatureMap) -> FeatureMap:
        x = level.features.flatten(1, 2)  # (B, N, C)
        placed = x + self._positions(level)
        q, k, v = (
            part(placed).unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        real = None if level.valid is None else level.flat_valid[:, None, None]
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=real)  # (B, heads, N, C / heads)
        pooled = self.project(attended.transpose(1, 2).flatten(2)).unflatten(1, level.size)
        shortcut = self.shortcut_norm(self.shortcut(level.features).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return FeatureMap(F.relu(pooled + shortcut), level.valid)

    def load_clip(self, weights: dict[str, Tensor], name: str) -> None:
        """Fill all but the shortcut with the pool of CLIP, under timm's names.

        Raises: InputError if the weights, which are called `name`, have no such pool.
        """
        wanted = {
            f"{ours}.{kind}": f"{theirs}.{kind}" for ours, theirs in _CLIPS_POOL.items() for kind in ("weight", "bias")
        }
        found = {ours: weights[theirs] for ours, theirs in wanted.items() if theirs in weights}
        if "head.pos_embed" in weights:
            found["positions"] = weights["head.pos_embed"][1:]  # the first is that of the picture as a whole
        fill(self, "CLIP attention pool", name, found, new_tensors=_SHORTCUT)

    def _positions(self, level: FeatureMap) -> Tensor:
        """-> (B or 1, N, C)."""
        centers = 2 * grid_centers(level.size, level.valid, level.features) - 1  # (B or 1, N, 2)
        grid = self.positions.T.view(1, -1, self.side, self.side).expand(centers.shape[0], -1, -1, -1)
        read = F.grid_sample(grid, centers[:, None], mode="bicubic", padding_mode="border", align_corners=False)
        return read[:, :, 0].transpose(1, 2)


class DecoderLayer(nn.Module):
    """Positions attend to each other and to the words, then a feed-forward layer with a norm inside.

    x <- x + LN(Attn(LN x + p; LN x + p, LN x)),  x <- x + LN(Attn(LN x + p; W + p', W)),
    x <- x + W_2 LN(ReLU(W_1 LN x))

    Shapes: x, p (B, N, C), hidden (B, N) bool, True in the padding, or None; words, p' (B, T, D), word_mask (B, T).
    """

    def __init__(self, *, channels: int, text_channels: int, heads: int, feedforward: int, dropout: float):
        super().__init__()
        self.self_attention = nn.MultiheadAttention(channels, heads, dropout=dropout, batch_first=True)
        self.word_attention = nn.MultiheadAttention(
            channels, heads, dropout=dropout, batch_first=True, kdim=text_channels, vdim=text_channels
        )
        self.before = nn.ModuleList(nn.LayerNorm(channels) for _ in range(3))
        self.after = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))
        self.feed_forward = nn.Sequential(
            nn.Linear(channels, feedforward),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.LayerNorm(feedforward),
            nn.Linear(feedforward, channels),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, p: Tensor, hidden: Tensor | None, words: Tensor, word_positions: Tensor, word_mask: Tensor
    ) -> Tensor:
        y = self.before[0](x)
        attended, _ = self.self_attention(y + p, y + p, y, key_padding_mask=hidden, need_weights=False)
        x = x + self.dropout(self.after[0](attended))
        y = self.before[1](x)
        placed = words + word_positions
        attended, _ = self.word_attention(y + p, placed, words, key_padding_mask=~word_mask, need_weights=False)
        x = x + self.dropout(self.after[1](attended))
        return x + self.dropout(self.feed_forward(self.before[2](x)))


class Projector(nn.Module):
    """The sentence becomes a 3x3 filter and a bias: the logit of a pixel is its neighborhood times this filter.

    Upsampling doubles the map twice, to stride 4. A filter whose center alone is not zero would be the inner product
    of a pixel and the sentence, the "text-to-pixel contrast" of the paper.
    Shapes: map of C channels, sentence (B, D) -> logits (B, 4 H, 4 W), valid (B, 4 H, 4 W) or None.
    """

    def __init__(self, channels: int, text_channels: int):
        super().__init__()
        half = channels // 2
        self.upsample = nn.ModuleList([ConvNorm(channels, channels, 3), ConvNorm(channels, half, 3)])
        self.pixels = nn.Conv2d(half, half, 1)
        self.filter = nn.Linear(text_channels, 9 * half + 1)

    def forward(self, x: Tensor, sentence: Tensor, valids: list[Tensor | None]) -> Tensor:
        """x (B, C, H, W) and its validity at strides 16, 8 and 4."""
        for convolution, before, after in zip(self.upsample, valids, valids[1:]):
            x = convolution(double(x, before), after)
        x = without_padding(self.pixels(x), valids[-1])  # (B, C/2, 4 H, 4 W)
        weights = self.filter(sentence)
        return filtered(x, weights[:, :-1].unflatten(1, (-1, 3, 3))) + weights[:, -1, None, None]


def filtered(x: Tensor, filters: Tensor) -> Tensor:
    """Every sample with a 3x3 filter of its own, zeros beyond the border. (B, C, H, W), (B, C, 3, 3) -> (B, H, W).

    The nine inner products come first and are then shifted: nine maps are moved instead of nine times C.
    """
    H, W = x.shape[-2:]
    taps = torch.einsum("bchw,bckl->bklhw", x, filters)
    taps = F.pad(taps, (1, 1, 1, 1))
    return sum(taps[:, i, j, i : i + H, j : j + W] for i in range(3) for j in range(3))


class CRIS(System):
    """CLIP's two encoders, a neck, three decoder layers over positions and words, and the sentence as a filter.

    The trunk reads the picture without the words, so it runs once for all expressions of a picture. There is no
    presence head: under Sec. 4.1 a mask of fewer than 50 pixels at 480x480 predicts "no target".
    """

    least_samples = 2  # the neck normalizes the sentence over them

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        sizes: CRISConfig = config.cris
        self.most_tokens = max(config.text.max_tokens, config.text.max_tokens_mosaic)  # CLIP has positions for so many
        self.trunk = ConvolutionalTrunk(sizes.trunk)
        self.text_encoder = CausalTextEncoder(config.text, sizes.joint)
        *_, fine, middle, coarse = self.trunk.channels
        self.pool = DenseAttentionPool(coarse, sizes.joint, sizes.pool_heads, sizes.pool_side)
        self.neck = Neck((fine, middle, sizes.joint), sizes.joint, sizes.neck)
        C = sizes.neck[1]
        self.layers = nn.ModuleList(
            DecoderLayer(
                channels=C,
                text_channels=config.text.hidden,
                heads=sizes.heads,
                feedforward=sizes.feedforward,
                dropout=sizes.dropout,
            )
            for _ in range(sizes.layers)
        )
        self.norm = nn.LayerNorm(C)
        self.projector = Projector(C, sizes.joint)

    @property
    def backbones(self) -> dict[str, str | None]:
        """Trunk, attention pool without its shortcut, and text encoder."""
        sizes = self.config.cris
        trunk = sizes.trunk.pretrained
        pool = dict.fromkeys((f"pool.{part}." for part in _CLIPS_POOL), trunk) | {"pool.positions": trunk}
        return {
            "trunk.": trunk,
            "text_encoder.": self.config.text.pretrained,
        } | (pool if sizes.pool_pretrained else {})

    def load_pretrained(self) -> list[str]:
        """Fill trunk, attention pool and text encoder."""
        sizes, text, loaded = self.config.cris, self.config.text.pretrained, []
        if name := sizes.trunk.pretrained:
            what, setting = "CLIP image encoder", "model.cris.trunk.pretrained"
            found = read_weights(what, setting, name, lambda name: timm.create_model(name, pretrained=True))
            fill(self.trunk.net, what, name, found)
            loaded.append(f"{what}: weights of {name}")
            if sizes.pool_pretrained:
                self.pool.load_clip(found, name)
        if text:
            clip = self.text_encoder.clip
            load_weights(clip, "CLIP text encoder", "model.text.pretrained", text, type(clip).from_pretrained)
            loaded.append(f"CLIP text encoder: weights of {text}")
        return loaded

    def forward(self, image: Tensor, valid: Tensor | None, tokens: Tensor, token_mask: Tensor) -> Output:
        check_canvas(image)
        finest, *levels = self.trunk(image, valid)
        words, sentence = self.text_encoder(tokens, token_mask)
        levels[-1] = self.pool(levels[-1])
        finest, *levels = for_each_expression([finest, *levels], words.shape[0])
        fused = self.neck(levels, sentence)
        x = self._decode(fused, words, token_mask).transpose(1, 2).unflatten(2, fused.size)  # (B, C, H/16, W/16)
        logits = self.projector(x, sentence, [fused.valid, levels[0].valid, finest.valid])
        return Output(of_one_logit(extend(logits[:, None], finest.valid), image.shape[-2:]))

    def _decode(self, fused: FeatureMap, words: Tensor, token_mask: Tensor) -> Tensor:
        x = fused.features.flatten(1, 2)
        positions = index_positions(fused.size, x.shape[-1], x)
        word_positions = sequence_positions(words)
        hidden = None if fused.valid is None else ~fused.flat_valid
        for layer in self.layers:
            x = layer(x, positions, hidden, words, word_positions, token_mask)
        return self.norm(x)
