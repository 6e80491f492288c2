import pytest
import torch

from grisq.models.layers.swin import build_swin, run_stage
from grisq.models.multimodal_encoder import MultimodalEncoder


def build(config, gate="lavt"):
    return MultimodalEncoder(
        swin=config.swin, image_size=config.image_size, text_channels=config.text.hidden, gate=gate
    ).eval()


def words(batch, config, length=5):
    return torch.randn(batch, length, config.text.hidden), torch.ones(batch, length, dtype=torch.bool)


def test_four_levels_at_strides_4_to_32(model_config):
    levels = build(model_config)(torch.randn(2, 3, 64, 96), *words(2, model_config))
    assert [tuple(level.features.shape) for level in levels] == [
        (2, 16, 24, 16),
        (2, 8, 12, 32),
        (2, 4, 6, 64),
        (2, 2, 3, 128),
    ]


def test_with_the_gate_shut_the_trunk_is_timms_swin(model_config):
    encoder = build(model_config, gate="none")
    swin = build_swin(model_config.swin, model_config.image_size).eval()
    encoder.patch_embed.load_state_dict(swin.patch_embed.state_dict())
    encoder.stages.load_state_dict(swin.layers.state_dict())
    image = torch.randn(2, 3, 64, 64)
    x, expected, valid = encoder.patch_embed(image), swin.patch_embed(image), None
    for i, stage in enumerate(swin.layers):
        x, valid = run_stage(encoder.stages[i], x, valid)
        expected = stage(expected)
        torch.testing.assert_close(x, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("gate", "reaches"), [("lavt", True), ("none", False)])
def test_words_reach_later_stages_through_the_gate_alone(model_config, gate, reaches):
    encoder, image = build(model_config, gate), torch.randn(1, 3, 64, 64)
    seen = []
    encoder.stages[1].downsample.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    for _ in range(2):
        encoder(image, *words(1, model_config))
    assert (not torch.equal(*seen)) == reaches


def test_one_picture_with_several_expressions_equals_the_picture_repeated(model_config):
    encoder, image = build(model_config), torch.randn(1, 3, 64, 64)
    valid = torch.zeros(1, 64, 64, dtype=torch.bool)
    valid[:, :40, :64] = True
    text = words(3, model_config)
    once = encoder(image * valid[:, None], *text, valid)
    repeated = encoder((image * valid[:, None]).repeat(3, 1, 1, 1), *text, valid.repeat(3, 1, 1))
    for one, other in zip(once, repeated):
        torch.testing.assert_close(one.features, other.features, atol=1e-5, rtol=1e-4)
        assert torch.equal(one.valid, other.valid)


@pytest.mark.parametrize(("height", "width"), [(13, 15), (9, 12), (16, 7)])
def test_merging_reads_nothing_of_the_padding(model_config, height, width):
    """At an odd border a merged position has padded neighbors; whatever they hold, they count as zero."""
    encoder = build(model_config)
    x, valid = torch.randn(1, 16, 16, 16), torch.zeros(1, 16, 16, dtype=torch.bool)
    valid[:, :height, :width] = True
    zero, dirty = x * valid[..., None], torch.where(valid[..., None], x, 100.0)
    (clean, merged), (again, _) = (run_stage(encoder.stages[1], each, valid) for each in (zero, dirty))
    assert merged[0].nonzero().max(0).values.tolist() == [(height + 1) // 2 - 1, (width + 1) // 2 - 1]
    torch.testing.assert_close(clean[merged], again[merged])
