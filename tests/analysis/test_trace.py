import pytest
import torch

from grisq.analysis.trace import presence_again, trace
from grisq.models.grisq import GRISQ
from grisq.runtime.errors import InputError


@pytest.fixture
def inputs():
    valid = torch.ones(2, 64, 64, dtype=torch.bool)
    valid[1, 40:] = False
    image = torch.randn(2, 3, 64, 64) * valid[:, None]
    return image, valid, torch.randint(5, 200, (2, 6)), torch.tensor([[True] * 6, [True] * 4 + [False] * 2])


def test_a_trace_holds_what_the_heads_were_fed_with(model, inputs):
    traced = trace(model, *inputs)
    expected = model(*inputs)
    torch.testing.assert_close(traced.output.mask_logits, expected.mask_logits)
    torch.testing.assert_close(model.plurality_head(traced.queries[0]), expected.plurality_logits)
    torch.testing.assert_close(model.presence_head(traced.queries[-1]), expected.presence_logits)
    f_last = traced.decoded.subsequence(2)[-1]
    again = model.mask_head(f_last, traced.levels[1], traced.levels[0], inputs[1])
    torch.testing.assert_close(again, expected.mask_logits)


def test_attention_and_sampling_weights_are_shares(model, inputs):
    traced = trace(model, *inputs)
    assert len(traced.queries) == len(traced.decoded.layers) == 3
    for attention, level in zip(traced.word_attention, traced.levels, strict=True):
        assert attention.shape == (2, level.size[0] * level.size[1], 6)
        torch.testing.assert_close(attention.sum(-1), torch.ones(attention.shape[:2]))
        assert (attention[1, :, 4:] == 0).all()  # padded words have no weight
    for locations, weights in traced.sampling:
        assert locations.shape == (*weights.shape, 2)
        torch.testing.assert_close(weights.sum((-1, -2)), torch.ones(weights.shape[:3]))


def test_a_trace_leaves_no_hook_behind(model, inputs):
    trace(model, *inputs)
    assert not any(module._forward_hooks for module in model.modules())


def test_a_trace_without_maps_is_the_same_otherwise(model, inputs):
    whole, light = trace(model, *inputs), trace(model, *inputs, with_maps=False)
    assert light.word_attention == light.sampling == []
    torch.testing.assert_close(light.queries, whole.queries)
    torch.testing.assert_close(light.decoded.layers, whole.decoded.layers)


def test_a_model_without_query_has_no_queries(model_config, inputs):
    from dataclasses import replace

    plain = GRISQ(replace(model_config, target_query=False, plurality=False)).eval()
    traced = trace(plain, *inputs)
    assert traced.queries == []
    with pytest.raises(InputError, match="no target query"):
        presence_again(plain, traced)


def test_presence_again_is_the_models_until_something_is_changed(model, inputs):
    traced = trace(model, *inputs)
    own = traced.output.presence_logits.softmax(1)[:, 1]
    torch.testing.assert_close(presence_again(model, traced), own)
    torch.testing.assert_close(presence_again(model, traced, layers=[0, 1]), own)
    assert not torch.allclose(presence_again(model, traced, layers=[2, 2]), own)
    assert not torch.allclose(presence_again(model, traced, e_0=traced.queries[0].flip(0)), own)


def test_pooled_presence_sees_no_places(model, inputs):
    """Shuffling the positions that the query reads changes its presence, unless all of them show the mean."""
    traced = trace(model, *inputs)
    shuffled = trace(model, *inputs)
    start = sum(width * height for width, height in [(8, 8), (4, 4)][: model.config.query_level - 2])
    length = {2: 64, 3: 16, 4: 4}[model.config.query_level]
    order = torch.arange(length).flip(0)
    for layer in shuffled.decoded.layers:
        layer[0, start : start + length] = layer[0, start : start + length][order]  # the first has no padding
    torch.testing.assert_close(
        presence_again(model, traced, pooled=True)[0], presence_again(model, shuffled, pooled=True)[0]
    )
    assert not torch.allclose(presence_again(model, traced)[0], presence_again(model, shuffled)[0], atol=1e-7)
