"""What every system must do, ours and the baselines alike."""

from dataclasses import replace

import pytest
import torch

from grisq.config import LAVTConfig, ReLAConfig, TrainConfig, preset
from grisq.data.sample import Collate
from grisq.models.base import count_parameters
from grisq.models.registry import SYSTEMS, build_model, build_on_meta
from grisq.runtime.errors import InputError
from grisq.training.losses import total_loss


@pytest.fixture(params=SYSTEMS)
def config(request, model_config):
    small = {"lavt": LAVTConfig(hidden=16), "rela": ReLAConfig(regions=4, layers=2, feedforward=32)}
    return replace(model_config, system=request.param, **small)


def heads(output):
    found = (output.mask_logits, output.presence_logits, output.plurality_logits, *output.extras.values())
    return [logits for logits in found if logits is not None]


def words(batch, length=5):
    return torch.randint(5, 200, (batch, length)), torch.ones(batch, length, dtype=torch.bool)


def test_masks_have_the_size_of_the_picture(config):
    output = build_model(config)(torch.randn(2, 3, 64, 96), None, *words(2))
    assert output.mask_logits.shape == (2, 2, 64, 96)
    assert output.presence_logits is None or output.presence_logits.shape == (2, 2)


def test_no_gradient_is_dead(config):
    model = build_model(config)
    output = model(torch.randn(2, 3, 64, 64), None, *words(2))
    sum(logits.square().sum() for logits in heads(output)).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # A bias of keys shifts all scores of a softmax alike.
    assert all("key.bias" in name for name in silent), silent


def test_padding_changes_nothing_inside_the_picture(config):
    model, text = build_model(config).eval(), words(1)
    image, found = torch.randn(1, 3, 50, 61), []
    for H, W in ((64, 64), (96, 128)):
        canvas, valid = torch.zeros(1, 3, H, W), torch.zeros(1, H, W, dtype=torch.bool)
        canvas[..., :50, :61], valid[:, :50, :61] = image, True
        with torch.no_grad():
            found.append(model(canvas, valid, *text))
    small, large = (output.mask_logits[..., :50, :61] for output in found)
    torch.testing.assert_close(small, large, atol=2e-4, rtol=1e-3)
    if found[0].presence_logits is not None:
        torch.testing.assert_close(found[0].presence_logits, found[1].presence_logits, atol=1e-4, rtol=1e-3)


def test_one_picture_with_several_expressions_equals_one_by_one(config):
    model, (tokens, mask) = build_model(config).eval(), words(3)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        together = model(image, None, tokens, mask)
        alone = [model(image, None, tokens[i : i + 1], mask[i : i + 1]) for i in range(3)]
    expected = torch.cat([output.mask_logits for output in alone])
    torch.testing.assert_close(together.mask_logits, expected, atol=1e-4, rtol=1e-3)


def test_a_few_steps_lower_the_loss(config, reader, mini):
    model, train = build_model(config), TrainConfig(lambda_presence=0.5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    rows = mini.rows("train")[:8]
    batch = Collate(reader.tokenizer.pad_id)([reader.read(int(row)) for row in rows])
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        output = model(*model.inputs(batch))
        loss = total_loss(output, batch, train, model.extra_losses(output, batch, train)).total
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("name", SYSTEMS)
def test_paper_size_has_the_published_backbone(name):
    """87.7 M in Table 1: Swin-B with its 1k classifier (1.025 M) and without what fuses the words."""
    encoder = build_on_meta(replace(preset("paper").model, system=name)).multimodal_encoder
    trunk = count_parameters(encoder.patch_embed) + count_parameters(encoder.stages)
    assert trunk + 1024 * 1000 + 1000 + 2 * 1024 == pytest.approx(87.7e6, rel=0.003)


def test_a_canvas_that_is_no_multiple_of_32_is_refused(config):
    with pytest.raises(InputError, match="multiples of 32"):
        build_model(config)(torch.randn(1, 3, 60, 64), None, *words(1))
