"""VLT: readings of the sentence, balance and drawing by hand."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.position_encoding import sequence_positions
from grisq.models.vlt import BALANCE, READINGS, VLT, Drawing, QueryBalance, QueryGeneration, SentenceAttention
from grisq.runtime.errors import InputError


def test_every_channel_weighs_the_words_by_itself():
    attention = SentenceAttention(4, dropout=0.0)
    words, mask = torch.randn(1, 3, 4), torch.tensor([[True, True, False]])
    scores = torch.tanh(attention.weigh(words))[0, :2]  # without the padding
    expected = sum(scores.softmax(0)[t] * words[0, t] for t in range(2))
    torch.testing.assert_close(attention(words, mask)[0], expected)


def test_queries_are_what_the_picture_asks_of_the_words():
    generation = QueryGeneration(channels=6, text_channels=5, cells=4, queries=2, width=8, heads=1).eval()
    fused, words, mask = FeatureMap(torch.randn(1, 2, 2, 6), None), torch.randn(1, 3, 5), torch.ones(1, 3).bool()
    with torch.no_grad():
        queries, readings = generation(fused, words, mask)
        x = torch.cat(
            [fused.features.permute(0, 3, 1, 2), torch.tensor([[[[-0.5, 0.5]] * 2, [[-0.5] * 2, [0.5] * 2]]])], 1
        )
        for convolution in generation.convolutions:
            x = convolution(x)
        v = F.relu(generation.vector(generation.maps(x).flatten(2)))[0]
        t = F.relu(generation.words(words))
        asked = F.relu(generation.query(v + sequence_positions(v[None])[0]))
        keys, values = (F.relu(part(t + sequence_positions(t)))[0] for part in (generation.key, generation.value))
        w, b = generation.attention.in_proj_weight.split(8), generation.attention.in_proj_bias.split(8)
        q, k, value = asked @ w[0].T + b[0], keys @ w[1].T + b[1], values @ w[2].T + b[2]
        shares = (q @ k.T / 8**0.5).softmax(-1)
        expected = v + generation.attention.out_proj(shares @ value)
    torch.testing.assert_close(readings[0], shares, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(queries[0], expected, atol=1e-5, rtol=1e-4)


def test_a_query_is_drawn_in_raster_order():
    drawing = Drawing(cells=6, queries=1, width=3, hidden=4, doublings=2)
    seen = {}
    drawing.convolutions[0].register_forward_pre_hook(lambda _, inputs: seen.update(map=inputs[0]))
    answers = torch.randn(1, 1, 3)
    drawing(answers, (2, 3), [None] * 3)
    expected = F.leaky_relu(answers[0, 0] @ drawing.draw.weight.T + drawing.draw.bias, 0.1)
    for row in range(2):
        for column in range(3):
            torch.testing.assert_close(seen["map"][0, 0, row, column], expected[3 * row + column])


def test_the_balance_is_a_share():
    trust = QueryBalance(4)(torch.randn(2, 3, 4), torch.randn(2, 3, 4))
    assert trust.shape == (2, 3, 1)
    assert ((trust > 0) & (trust < 1)).all()


def test_a_query_that_is_not_trusted_changes_nothing(model_config, small_systems):
    model = VLT(replace(model_config, system="vlt", **small_systems)).eval()
    torch.nn.init.zeros_(model.balance.trust.weight)
    model.balance.trust.bias.data.fill_(-1e4)
    with torch.no_grad():
        outputs = [
            model(torch.randn(1, 3, 64, 64), None, torch.randint(5, 200, (1, 4)), torch.ones(1, 4).bool())
            for _ in range(2)
        ]
    torch.testing.assert_close(outputs[0].mask_logits, outputs[1].mask_logits)
    assert not torch.allclose(outputs[0].extras[READINGS], outputs[1].extras[READINGS])
    assert not outputs[0].extras[BALANCE].any()


def test_the_sizes_of_two_layers_follow_the_canvas(model_config, small_systems):
    large = VLT(replace(model_config, system="vlt", image_size=96, **small_systems))
    assert large.queries.vector.in_features == large.drawing.draw.out_features == 36
    with pytest.raises(InputError, match="takes 96x96 alone"):
        large(torch.randn(1, 3, 64, 64), None, torch.randint(5, 200, (1, 4)), torch.ones(1, 4).bool())
