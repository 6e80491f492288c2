"""VLT: readings of the sentence, transformer, balance and drawing by hand."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.position_encoding import sequence_positions
from grisq.models.vlt import BALANCE, READINGS, VLT, Drawing, QueryBalance, QueryGeneration, SentenceAttention
from grisq.runtime.errors import InputError


@pytest.fixture
def vlt(model_config, small_systems):
    """With two queries."""
    two = small_systems | {"vlt": replace(small_systems["vlt"], queries=2)}
    return VLT(replace(model_config, system="vlt", **two)).eval()


def picture_and_words():
    return torch.randn(1, 3, 64, 64), None, torch.randint(5, 200, (1, 4)), torch.ones(1, 4, dtype=torch.bool)


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


def test_the_balance_is_its_formula():
    balance, answers, queries = QueryBalance(4), torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    expected = torch.zeros(2, 3, 1)
    for b in range(2):
        for n in range(3):
            answer = (balance.of_answer.weight @ answers[b, n] + balance.of_answer.bias).clamp(min=0)
            query = (balance.of_query.weight @ queries[b, n] + balance.of_query.bias).clamp(min=0)
            both = (balance.both.weight @ torch.cat([answer, query]) + balance.both.bias).clamp(min=0)
            expected[b, n] = 1 / (1 + torch.exp(-(balance.trust.weight @ both + balance.trust.bias)))
    torch.testing.assert_close(balance(answers, queries), expected, atol=1e-5, rtol=1e-4)


def test_positions_attend_to_each_other_and_queries_to_them(vlt):
    """A picture in the upper left 3x2 of 4x4 positions; both positions and queries are told their place by number."""
    valid = torch.zeros(1, 4, 4, dtype=torch.bool)
    valid[:, :3, :2] = True
    features, queries = torch.randn(1, 4, 4, 16), torch.randn(1, 2, 16)
    with torch.no_grad():
        found = vlt._transform(FeatureMap(features, valid), queries)
        reduced, places = vlt.reduce(features.permute(0, 3, 1, 2)), sequence_positions(torch.zeros(1, 16, 16))[0]
        inside = [reduced[0, :, row, column] + places[4 * row + column] for row in range(3) for column in range(2)]
        x = vlt.encoder[0](torch.stack(inside)[None])
        expected = vlt.decoder[0](queries + places[:2], x)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_the_balance_judges_answers_by_the_queries_themselves(vlt):
    """The queries have no positions yet, and the drawing gets every answer times its weight."""
    seen = {}
    vlt.queries.register_forward_hook(lambda _, inputs, output: seen.update(queries=output[0]))
    vlt.decoder[-1].register_forward_hook(lambda _, inputs, output: seen.update(answers=output))
    vlt.balance.register_forward_hook(lambda _, inputs, output: seen.update(judged=inputs, trust=output))
    vlt.drawing.register_forward_pre_hook(lambda _, inputs: seen.update(drawn=inputs[0]))
    output = vlt(*picture_and_words())
    torch.testing.assert_close(seen["judged"], (seen["answers"], seen["queries"]))
    assert all(each.requires_grad for each in seen["judged"])
    torch.testing.assert_close(output.extras[BALANCE], seen["trust"][..., 0])
    for n in range(2):
        torch.testing.assert_close(seen["drawn"][0, n], seen["trust"][0, n] * seen["answers"][0, n])


def test_silencing_a_query_removes_its_map_alone(vlt):
    maps, inputs = [], picture_and_words()
    vlt.drawing.convolutions[0].register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0][0]))
    for trust in (1.0, 0.0):
        handle = vlt.balance.register_forward_hook(lambda *_, trust=trust: torch.tensor([[[1.0], [trust]]]))
        with torch.no_grad():
            vlt(*inputs)
        handle.remove()
    (first, second), (first_again, silenced) = maps
    nothing = F.leaky_relu(vlt.drawing.draw.bias, 0.1).view(4, 4)  # the same for every picture and every sentence
    torch.testing.assert_close(first_again, first)
    torch.testing.assert_close(silenced, nothing)
    assert not torch.allclose(second, nothing, atol=1e-3)


def test_with_no_query_trusted_picture_and_words_change_nothing(vlt):
    torch.nn.init.zeros_(vlt.balance.trust.weight)
    vlt.balance.trust.bias.data.fill_(-1e4)
    with torch.no_grad():
        outputs = [vlt(*picture_and_words()) for _ in range(2)]
    torch.testing.assert_close(outputs[0].mask_logits, outputs[1].mask_logits)
    assert not torch.allclose(outputs[0].extras[READINGS], outputs[1].extras[READINGS])
    assert not outputs[0].extras[BALANCE].any()


def test_the_sizes_of_two_layers_follow_the_canvas(model_config, small_systems):
    large = VLT(replace(model_config, system="vlt", image_size=96, **small_systems))
    assert large.queries.vector.in_features == large.drawing.draw.out_features == 36
    with pytest.raises(InputError, match="takes 96x96 alone"):
        large(*picture_and_words())
