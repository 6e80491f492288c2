"""The shapes in the drawing of the model are those of a real forward pass."""

from functools import partial

import pytest
import torch

from grisq.config import PRESETS, preset
from grisq.course.shapes import shapes_of
from grisq.models.registry import build_model


@pytest.fixture(scope="module")
def passed():
    """What hooks see in a forward pass of `tiny` with two samples, by module: its arguments and its output."""
    config, seen = preset("tiny").model, {}
    model = build_model(config).eval()

    def keep(name, module, given, output):
        seen[name] = given, output

    for name, module in model.named_modules():
        module.register_forward_hook(partial(keep, name))
    tokens = torch.randint(5, 200, (2, config.text.max_tokens))
    with torch.no_grad():
        model(torch.randn(2, 3, config.image_size, config.image_size), None, tokens, torch.ones_like(tokens).bool())
    return config, model, seen


def test_every_shape_is_that_of_a_real_forward_pass(passed):
    config, model, seen = passed
    levels, L = seen["multimodal_encoder"][1], config.blocks
    real = {
        "picture": seen["multimodal_encoder.patch_embed"][0][0].shape,
        "tokens": (2, config.text.max_tokens),
        "words": seen["text_encoder"][1].shape,
        **{f"F{i}": level.features.shape for i, level in enumerate(levels, start=1)},
        **{f"f0_{j}": seen[f"pixel_decoder.projections.{j - 2}"][1].shape for j in (2, 3, 4)},
        "f": seen[f"pixel_decoder.blocks.{L - 1}"][1].shape,
        "initial": model.target_query.initial[0].expand(2, -1).shape,
        "e_0": seen["target_query.read_words"][1][0][:, 0].shape,
        "e_1": seen["target_query.read_decoder.0"][1][0][:, 0].shape,
        "e_L": seen["presence_head"][0][0].shape,
        "mask": seen["mask_head"][1].shape,
        "presence": seen["presence_head"][1].shape,
        "plurality": seen["plurality_head"][1].shape,
    }
    real |= {f"fl_{j}": real[f"f0_{j}"] for j in (2, 3, 4)}  # a block changes no shape:
    assert seen["pixel_decoder.blocks.0"][0][0].shape == seen[f"pixel_decoder.blocks.{L - 1}"][1].shape
    assert {name: (2, *shape) for name, shape in shapes_of("tiny").items()} == {n: tuple(s) for n, s in real.items()}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_the_levels_that_eq_4_reads(name):
    """The drawing reads f^{M,4}: no preset may read another level or leave the query out."""
    model, shapes = preset(name).model, shapes_of(name)
    assert (model.system, model.query_level, model.target_query, model.plurality) == ("grisq", 4, True, True)
    side = model.image_size // 32
    assert shapes["f0_4"] == (side * side, model.channels)
    assert shapes["f"][0] == sum(shapes[f"f0_{j}"][0] for j in (2, 3, 4))
