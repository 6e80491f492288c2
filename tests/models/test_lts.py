"""LTS: the prior by hand, its target, and the only way from the words to the segmenter."""

from dataclasses import replace

import torch
import torch.nn.functional as F

from grisq.config import TrainConfig
from grisq.data.sample import Collate
from grisq.models.layers.feature_map import FeatureMap
from grisq.models.lts import LTS, PRIOR, Locate


def test_the_prior_is_a_product_of_positions_and_sentence():
    locate = Locate(8, 5, heads=2, feedforward=16, dropout=0.0).eval()
    features, sentence = torch.randn(1, 3, 4, 8), torch.randn(1, 5)
    with torch.no_grad():
        prior = locate(FeatureMap(features, None), sentence)
        from grisq.models.layers.position_encoding import grid_centers, sine_positions

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


def test_the_prior_learns_how_much_of_each_cell_is_target(model_config, reader, mini, small_systems):
    model = LTS(replace(model_config, system="lts", **small_systems)).eval()
    batch = Collate(reader.tokenizer.pad_id)([reader.read(int(row)) for row in mini.rows("train")[:4]])
    output = model(*model.inputs(batch))
    value = model.extra_losses(output, batch, TrainConfig())[PRIOR].value.item()
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


def test_the_segmenter_follows_the_prior(model_config, small_systems):
    """The map is cut off: the words reach the mask through the prior alone."""
    model = LTS(replace(model_config, system="lts", **small_systems)).eval()
    C, fine = small_systems["lts"].neck[1], small_systems["lts"].trunk.widths[1]
    fused, v3 = FeatureMap(torch.zeros(1, 4, 4, C), None), FeatureMap(torch.zeros(1, 8, 8, fine), None)
    prior = torch.rand(1, 1, 4, 4, requires_grad=True)
    model.segment(fused, prior, v3, None).sum().backward()
    assert prior.grad.any()
