from dataclasses import replace

import pytest
import torch

from grisq.config import preset
from grisq.models.base import count_parameters
from grisq.models.grisq import GRISQ
from grisq.models.registry import build_on_meta
from grisq.runtime.errors import InputError


def tokens(batch, length=6):
    ids = torch.randint(5, 200, (batch, length))
    return ids, torch.ones(batch, length, dtype=torch.bool)


def picture(height, width, size, seed=0):
    """A picture letterboxed into the top-left corner of a canvas, zeros around it."""
    image = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    canvas, valid = torch.zeros(1, 3, *size), torch.zeros(1, *size, dtype=torch.bool)
    canvas[:, :, :height, :width] = image
    valid[:, :height, :width] = True
    return canvas, valid


def test_outputs_have_the_shapes_of_figure_2(model_config):
    model = GRISQ(model_config)
    output = model(torch.randn(2, 3, 64, 96), None, *tokens(2), need_weights=True)
    assert output.mask_logits.shape == (2, 2, 64, 96)
    assert output.presence_logits.shape == output.plurality_logits.shape == (2, 2)
    assert len(output.attention) == 1 + model_config.blocks


@pytest.mark.parametrize("switches", [{}, {"mask_mlp_at": "quarter"}])
def test_gradient_reaches_every_parameter(model_config, switches):
    model = GRISQ(replace(model_config, **switches))
    output = model(torch.randn(2, 3, 64, 64), None, *tokens(2))
    loss = output.mask_logits.square().sum() + output.presence_logits.square().sum()
    (loss + output.plurality_logits.square().sum()).backward()
    # Keys' biases shift all scores of a softmax alike; an unused token's embedding is not read.
    without = [name for name, p in model.named_parameters() if p.grad is None]
    assert without == []
    silent = [name for name, p in model.named_parameters() if not p.grad.any()]
    assert all("key.bias" in name for name in silent), silent


@pytest.mark.parametrize(
    ("switches", "presence", "plurality"),
    [
        ({"target_query": True, "plurality": True}, True, True),
        ({"target_query": True, "plurality": False}, True, False),
        ({"target_query": False, "plurality": False}, True, False),
    ],
)
def test_rows_of_table_2_are_working_models(model_config, switches, presence, plurality):
    output = GRISQ(replace(model_config, **switches))(torch.randn(1, 3, 64, 64), None, *tokens(1))
    assert (output.presence_logits is not None) == presence
    assert (output.plurality_logits is not None) == plurality


@pytest.mark.parametrize(("level", "positions"), [(2, 64), (3, 16), (4, 4)])
def test_the_query_reads_the_configured_level(model_config, level, positions):
    model = GRISQ(replace(model_config, query_level=level))
    output = model(torch.randn(2, 3, 64, 64), None, *tokens(2), need_weights=True)
    _, *layers = output.attention
    assert [weights.shape for weights in layers] == [(2, positions)] * model_config.blocks


def test_plurality_without_the_query_is_refused(model_config):
    with pytest.raises(InputError, match="target_query"):
        GRISQ(replace(model_config, target_query=False))


def test_a_level_that_is_not_there_is_refused(model_config):
    with pytest.raises(InputError, match="levels 2, 3 and 4"):
        GRISQ(replace(model_config, query_level=1))


@pytest.mark.parametrize("canvas", [(64, 96), (96, 96), (128, 160)])
@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"mask_mlp_at": "quarter"},
        {"query_level": 2},
        {"query_level": 3},
        {"target_query": False, "plurality": False},
        {"target_query": False, "plurality": False, "query_level": 2},
    ],
)
def test_more_padding_never_changes_the_result_inside_the_picture(model_config, canvas, switches):
    model = GRISQ(replace(model_config, **switches)).eval()
    words = tokens(1)
    with torch.no_grad():
        small, large = (model(*picture(50, 61, size), *words) for size in ((64, 64), canvas))
    torch.testing.assert_close(large.mask_logits[..., :50, :61], small.mask_logits[..., :50, :61], atol=2e-4, rtol=1e-3)
    torch.testing.assert_close(large.presence_logits, small.presence_logits, atol=1e-4, rtol=1e-3)


def test_padded_words_change_nothing(model_config):
    model, image = GRISQ(model_config).eval(), torch.randn(1, 3, 64, 64)
    ids, mask = tokens(1)
    longer = torch.cat([ids, torch.zeros(1, 4, dtype=torch.long)], 1), torch.cat([mask, torch.zeros(1, 4).bool()], 1)
    with torch.no_grad():
        one, other = model(image, None, ids, mask), model(image, None, *longer)
    for name in ("mask_logits", "presence_logits", "plurality_logits"):
        torch.testing.assert_close(getattr(one, name), getattr(other, name), atol=1e-4, rtol=1e-3)


def test_a_canvas_that_is_no_multiple_of_32_is_refused(model_config):
    with pytest.raises(InputError, match="multiples of 32"):
        GRISQ(model_config)(torch.randn(1, 3, 60, 64), None, *tokens(1))


def test_bfloat16_autocast_stays_close_to_float32(model_config):
    model, image = GRISQ(model_config).eval(), torch.randn(2, 3, 64, 64)
    words = tokens(2)
    with torch.no_grad():
        exact = model(image, None, *words)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = model(image, None, *words)
    assert torch.isfinite(rough.mask_logits).all()
    assert (rough.mask_logits.float() - exact.mask_logits).abs().mean() < 0.1 * exact.mask_logits.abs().mean() + 0.05


@pytest.fixture(scope="module")
def paper_size():
    return build_on_meta(preset("paper").model)


def test_paper_size_builds_on_meta_with_known_parameter_counts(paper_size):
    """Swin-B's trunk has 86.7 M parameters with its final norm (87.7 M with its 1k classifier, Table 1), BERT-base
    109.5 M with its pooler of 0.6 M."""
    trunk = count_parameters(paper_size.multimodal_encoder.patch_embed)
    trunk += count_parameters(paper_size.multimodal_encoder.stages)
    assert trunk + 2 * 1024 == pytest.approx(86.9e6, rel=0.005)
    assert count_parameters(paper_size.text_encoder) == 109_482_240 - 590_592


def test_paper_size_shapes_on_meta(paper_size):
    with torch.device("meta"):
        ids, mask = torch.ones(2, 20, dtype=torch.long), torch.ones(2, 20, dtype=torch.bool)
        image = torch.randn(2, 3, 480, 480)
        words = paper_size.text_encoder(ids, mask)
        levels = paper_size.multimodal_encoder(image, words, mask)
        assert [tuple(level.features.shape) for level in levels] == [
            (2, 120, 120, 128),
            (2, 60, 60, 256),
            (2, 30, 30, 512),
            (2, 15, 15, 1024),
        ]
        assert paper_size(image, None, ids, mask).mask_logits.shape == (2, 2, 480, 480)
