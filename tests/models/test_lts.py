"""LTS: the prior by hand, its target, and what passes through it."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from grisq.config import TrainConfig
from grisq.data.sample import Collate
from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.position_encoding import grid_centers, sine_positions
from grisq.models.lts import LTS, PRIOR, Locate


@pytest.fixture
def lts(model_config, small_systems):
    return LTS(replace(model_config, system="lts", **small_systems)).eval()


def test_the_prior_is_a_product_of_positions_and_sentence():
    locate = Locate(8, 5, heads=2, feedforward=16, dropout=0.0).eval()
    features, sentence = torch.randn(1, 3, 4, 8), torch.randn(1, 5)
    with torch.no_grad():
        prior = locate(FeatureMap(features, None), sentence)
        x = features.flatten(1, 2)
        z = locate.layer(x + sine_positions(grid_centers((3, 4), None, x), 8))
        k = locate.filter(sentence)[0]
        expected = [float(z[0, i] @ k[:8]) / 8**0.5 + float(k[8]) for i in range(12)]
    torch.testing.assert_close(prior.flatten(), torch.tensor(expected), atol=1e-5, rtol=1e-4)


def test_a_sentence_that_says_nothing_gives_the_same_prior_everywhere():
    locate = Locate(8, 5, heads=2, feedforward=16, dropout=0.0).eval()
    torch.nn.init.zeros_(locate.filter.weight)
    torch.nn.init.zeros_(locate.filter.bias)
    locate.filter.bias.data[-1] = 0.7
    prior = locate(FeatureMap(torch.randn(1, 3, 4, 8), None), torch.randn(1, 5))
    torch.testing.assert_close(prior, torch.full_like(prior, 0.7))


def test_the_prior_learns_how_much_of_each_cell_is_target(lts, reader, mini):
    batch = Collate(reader.tokenizer.pad_id)([reader.read(int(row)) for row in mini.rows("train")[:4]])
    output = lts(*lts.inputs(batch))
    value = lts.extra_losses(output, batch, TrainConfig())[PRIOR].value.item()
    prior, total = output.extras[PRIOR][:, 0], 0.0
    for i in range(4):
        losses = []
        for y in range(4):
            for x in range(4):
                cell = slice(16 * y, 16 * y + 16), slice(16 * x, 16 * x + 16)
                if batch.valid[i][cell].any():
                    share = batch.masks[i][cell].float().mean()
                    losses.append(F.binary_cross_entropy_with_logits(prior[i, y, x], share).item())
        total += sum(losses) / len(losses)
    assert abs(value - total / 4) < 1e-5


@pytest.fixture
def without_map(lts):
    """Its fused map is empty, so that the words can reach the mask through the filter of the prior alone."""
    lts.neck.register_forward_hook(lambda _, inputs, out: FeatureMap(torch.zeros_like(out.features), out.valid))
    return lts


def pictures_and_words():
    return torch.randn(2, 3, 64, 64), None, torch.randint(5, 200, (2, 4)), torch.ones(2, 4, dtype=torch.bool)


def test_the_words_reach_the_mask_through_the_prior(without_map):
    without_map(*pictures_and_words()).mask_logits.square().sum().backward()
    assert not any(p.grad is not None and p.grad.any() for p in without_map.neck.parameters())
    listeners = *without_map.locate.filter.parameters(), *without_map.text_encoder.parameters()
    assert all(p.grad is not None and p.grad.any() for p in listeners)


def test_the_map_reaches_the_mask_beside_the_prior(lts):
    lts.locate.register_forward_hook(lambda _, inputs, prior: torch.zeros_like(prior))
    lts(*pictures_and_words()).mask_logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in lts.neck.parameters())


def test_the_mask_follows_the_prior(without_map):
    """The segmenter reads shares, not logits: here 0 and 1 everywhere."""
    inputs, masks, priors = pictures_and_words(), [], []
    without_map.segment.register_forward_pre_hook(lambda _, inputs: priors.append(inputs[1]))
    without_map.locate.filter.weight.data.zero_()
    for logit in (-20.0, 20.0):
        without_map.locate.filter.bias.data[-1] = logit
        with torch.no_grad():
            masks.append(without_map(*inputs).mask_logits)
    torch.testing.assert_close(priors, [torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4)], atol=1e-5, rtol=1e-4)
    assert (masks[0] - masks[1]).abs().amax() > 1e-4
