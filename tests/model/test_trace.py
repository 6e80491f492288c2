import pytest
import torch

from grisq.model.network import GRISQ
from grisq.model.trace import trace


@pytest.fixture
def inputs():
    valid = torch.ones(2, 64, 64, dtype=torch.bool)
    valid[1, 40:] = False
    image = torch.randn(2, 3, 64, 64) * valid[:, None]
    return image, valid, torch.randint(5, 200, (2, 6)), torch.tensor([[True] * 6, [True] * 4 + [False] * 2])


@pytest.fixture
def model(model_config):
    return GRISQ(model_config).eval()


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
    for listening, level in zip(traced.listening, traced.levels, strict=True):
        assert listening.shape == (2, level.size[0] * level.size[1], 6)
        torch.testing.assert_close(listening.sum(-1), torch.ones(listening.shape[:2]))
        assert (listening[1, :, 4:] == 0).all()  # nobody listens to padding
    for locations, weights in traced.looking:
        assert locations.shape == (*weights.shape, 2)
        torch.testing.assert_close(weights.sum((-1, -2)), torch.ones(weights.shape[:3]))


def test_looking_leaves_nothing_behind(model, inputs):
    trace(model, *inputs)
    assert not any(module._forward_hooks for module in model.modules())


def test_a_model_without_query_has_no_queries(model_config, inputs):
    from dataclasses import replace

    plain = GRISQ(replace(model_config, target_query=False, plurality=False)).eval()
    assert trace(plain, *inputs).queries == []
