"""VLT (Ding et al. 2021): the picture asks the words, in several ways at once."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.config import ModelConfig, VLTConfig
from grisq.models.base import Output, TrunkSystem, check_canvas, of_one_logit
from grisq.models.layers.convolution import ConvNorm, double, without_padding
from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.neck import Neck, coordinates, for_each_expression
from grisq.models.layers.padding import extend
from grisq.models.layers.position_encoding import sequence_positions
from grisq.models.recurrent_text_encoder import RecurrentTextEncoder

READINGS, BALANCE = "readings", "balance"  # in Output.extras


class SentenceAttention(nn.Module):
    """A weight for every word and every channel: s = sum_t softmax_t(tanh(W h_t)) * h_t.

    Shapes: words (B, T, D), word_mask (B, T) -> (B, D).
    """

    def __init__(self, channels: int, dropout: float):
        super().__init__()
        self.weigh = nn.Linear(channels, channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, words: Tensor, word_mask: Tensor) -> Tensor:
        scores = self.dropout(torch.tanh(self.weigh(words))).masked_fill(~word_mask[..., None], float("-inf"))
        return (scores.softmax(1) * words).sum(1)


class QueryGeneration(nn.Module):
    """N queries, each a reading of the same sentence: the picture decides which words matter.

    Each of N maps of the picture, flattened, becomes a vector v_n, which attends to the words; p is a position:
    q_n = v_n + Attn(ReLU(W_q (v_n + p)); ReLU(W_k (t + p)), ReLU(W_v (t + p))),   t = ReLU(W_t h)

    Shapes: fused map (B, H, W, C), words (B, T, D), word_mask (B, T) -> queries (B, N, width), readings (B, N, T).
    """

    def __init__(self, *, channels: int, text_channels: int, cells: int, queries: int, width: int, heads: int):
        super().__init__()
        self.convolutions = nn.ModuleList(ConvNorm(C, width, 3) for C in (channels + 2, width, width))
        self.maps = nn.Conv2d(width, queries, 1)
        self.vector = nn.Linear(cells, width)
        self.words = nn.Linear(text_channels, width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, fused: FeatureMap, words: Tensor, word_mask: Tensor) -> tuple[Tensor, Tensor]:
        x = fused.features.permute(0, 3, 1, 2)
        x = torch.cat([x, coordinates(fused, x)], dim=1)
        for convolution in self.convolutions:
            x = convolution(x, fused.valid)
        maps = without_padding(self.maps(x), fused.valid).flatten(2)  # (B, N, H * W)
        v, t = F.relu(self.vector(maps)), F.relu(self.words(words))
        placed_v, placed_t = v + sequence_positions(v), t + sequence_positions(t)
        q, k, value = F.relu(self.query(placed_v)), F.relu(self.key(placed_t)), F.relu(self.value(placed_t))
        attended, readings = self.attention(q, k, value, key_padding_mask=~word_mask)
        return v + attended, readings


class QueryBalance(nn.Module):
    """The confidence of each answer: c = sigmoid(w . ReLU(W_1 [ReLU(W_2 o), ReLU(W_3 q)])).

    Shapes: answers o, queries q (B, N, C) -> (B, N, 1).
    """

    def __init__(self, channels: int):
        super().__init__()
        self.of_answer, self.of_query = nn.Linear(channels, channels), nn.Linear(channels, channels)
        self.both = nn.Linear(2 * channels, channels)
        self.trust = nn.Linear(channels, 1)

    def forward(self, answers: Tensor, queries: Tensor) -> Tensor:
        both = torch.cat([F.relu(self.of_answer(answers)), F.relu(self.of_query(queries))], dim=-1)
        return self.trust(F.relu(self.both(both))).sigmoid()


class Drawing(nn.Module):
    """The mask decoder: a linear layer turns every answer into a map, with an output for each position; convolutions do
    the rest.

    Shapes: answers (B, N, width) -> logits (B, 1, S/4, S/4) for maps of cells = (S/stride)^2.
    """

    def __init__(self, *, cells: int, queries: int, width: int, hidden: int, doublings: int):
        super().__init__()
        self.draw = nn.Linear(width, cells)
        self.convolutions = nn.ModuleList(ConvNorm(C, hidden, 3) for C in (queries, *[hidden] * doublings))
        self.mask_logit = nn.Conv2d(hidden, 1, 1)

    def forward(self, answers: Tensor, size: tuple[int, int], valids: list[Tensor | None]) -> Tensor:
        """`valids` at the stride of the maps of that size, and at each finer one down to 4."""
        x = F.leaky_relu(self.draw(answers), 0.1).unflatten(2, size)  # (B, N, H, W); a leak, so that no map can die
        x = self.convolutions[0](x, valids[0])
        for convolution, before, after in zip(self.convolutions[1:], valids, valids[1:]):
            x = convolution(double(x, before), after)
        return self.mask_logit(x)


class VLT(TrunkSystem):
    """Queries made from the picture and the words, a transformer, a balance of its answers, and the drawing.

    Two linear layers have an input or an output for every position of the map, so the canvas has one size. There is no
    presence head: under Sec. 4.1 a mask of fewer than 50 pixels at 480x480 predicts "no target". `Output.extras` has
    the attention of each query to each word, (B, N, T), and the weight of its answer, (B, N).
    """

    group = "vlt"
    least_samples = 2  # the neck normalizes the sentence over them
    free_canvas = False
    free_length = False

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        sizes: VLTConfig = self.sizes
        D, width, N = config.text.hidden, sizes.width, sizes.queries
        self.text_encoder = RecurrentTextEncoder(config.text.vocabulary, sizes.embedding, D)
        self.sentence = SentenceAttention(D, sizes.dropout)
        _, *channels = self.trunk.channels
        self.neck = Neck(tuple(channels), D, sizes.neck)
        C, cells = sizes.neck[1], (config.image_size // 16) ** 2
        self.queries = QueryGeneration(
            channels=C, text_channels=D, cells=cells, queries=N, width=width, heads=sizes.heads
        )
        self.reduce = ConvNorm(C, width)
        layer = {"d_model": width, "nhead": sizes.heads, "dim_feedforward": sizes.feedforward}
        layer |= {"dropout": sizes.dropout, "batch_first": True}
        self.encoder = nn.ModuleList(nn.TransformerEncoderLayer(**layer) for _ in range(sizes.layers))
        self.decoder = nn.ModuleList(nn.TransformerDecoderLayer(**layer) for _ in range(sizes.layers))
        self.balance = QueryBalance(width)
        doublings = (sizes.drawing_stride // 4).bit_length() - 1
        drawn = (config.image_size // sizes.drawing_stride) ** 2
        self.drawing = Drawing(cells=drawn, queries=N, width=width, hidden=sizes.drawing, doublings=doublings)

    def forward(self, image: Tensor, valid: Tensor | None, tokens: Tensor, token_mask: Tensor) -> Output:
        side = self.config.image_size
        check_canvas(image, side)
        levels = self.trunk(image, valid)
        words = self.text_encoder(tokens, token_mask)
        finest, *levels = for_each_expression(levels, words.shape[0])
        fused = self.neck(levels, self.sentence(words, token_mask))
        queries, readings = self.queries(fused, words, token_mask)
        answers = self._transform(fused, queries)
        trust = self.balance(answers, queries)
        by_stride = {16: fused.valid, 8: levels[0].valid, 4: finest.valid}
        coarsest = self.config.vlt.drawing_stride
        valids = [valid for stride, valid in by_stride.items() if stride <= coarsest]
        logit = self.drawing(trust * answers, (side // coarsest, side // coarsest), valids)
        return Output(
            of_one_logit(extend(logit, finest.valid), image.shape[-2:]),
            extras={READINGS: readings, BALANCE: trust[..., 0]},
        )

    def _transform(self, fused: FeatureMap, queries: Tensor) -> Tensor:
        """Attention among positions, then of the queries to them. -> (B, N, width)."""
        x = self.reduce(fused.features.permute(0, 3, 1, 2)).flatten(2).transpose(1, 2)  # (B, H * W, width)
        x = x + sequence_positions(x)  # over the index of the position, as released
        queries = queries + sequence_positions(queries)
        hidden = None if fused.valid is None else ~fused.flat_valid
        for layer in self.encoder:
            x = layer(x, src_key_padding_mask=hidden)
        for layer in self.decoder:
            queries = layer(queries, x, memory_key_padding_mask=hidden)
        return queries
