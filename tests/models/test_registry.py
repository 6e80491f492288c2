"""What every system must do, ours and the baselines alike."""

import inspect
import re
import typing
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from timm.layers import BatchNormAct2d
from torch import nn

from grisq.config import ModelConfig, TrainConfig, override, preset
from grisq.data.sample import Collate
from grisq.models.base import FusedSystem, count_parameters, parameters_by_role
from grisq.models.layers.synchronized_norm import synchronize_norms
from grisq.models.registry import SYSTEMS, build_model, build_on_meta
from grisq.runtime.errors import InputError
from grisq.training.losses import total_loss


@pytest.fixture(params=SYSTEMS)
def config(request, model_config, small_systems):
    return replace(model_config, system=request.param, **small_systems)


def canvas_of(config, free):
    """A canvas that the system takes: that one, or the only one that it has."""
    return free if SYSTEMS[config.system].free_canvas else (config.image_size, config.image_size)


@pytest.fixture(scope="module")
def batch(mini, reader):
    """A few expressions of two pictures, with and without targets, and all objects of the pictures."""
    with_objects = replace(reader, with_instances=True)
    return Collate(reader.tokenizer.pad_id)([with_objects.read(int(row)) for row in mini.rows("train")[:16]])


def heads(output):
    found = (output.mask_logits, output.presence_logits, output.plurality_logits, *output.extras.values())
    return [logits for logits in found if logits is not None]


def words(batch, length=5):
    return torch.randint(5, 200, (batch, length)), torch.ones(batch, length, dtype=torch.bool)


def test_masks_have_the_size_of_the_picture(config):
    size = canvas_of(config, (64, 96))
    output = build_model(config)(torch.randn(2, 3, *size), None, *words(2))
    assert output.mask_logits.shape == (2, 2, *size)
    assert output.presence_logits is None or output.presence_logits.shape == (2, 2)


def test_no_gradient_is_dead(config, batch):
    """Random pictures, so that every normalization has something to do; the labels are real."""
    model, train = build_model(config), TrainConfig()
    output = model(*model.inputs(batch))
    own = model.extra_losses(output, batch, train)
    total = sum(logits.square().sum() for logits in heads(output) if logits.requires_grad)
    (total + sum(term.value for term in own.values())).backward()
    silent = [name for name, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    # A bias of keys shifts all scores of a softmax alike.
    assert all("key.bias" in name or "k_proj.bias" in name for name in silent), silent


@pytest.mark.parametrize("system", ["lts", "vlt"])
def test_the_mask_alone_teaches_every_parameter(system, model_config, small_systems, batch):
    """Without the help of the prior, or of the readings and their balance."""
    model = build_model(replace(model_config, system=system, **small_systems))
    model(*model.inputs(batch)).mask_logits.square().sum().backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]


def test_losses_are_finite_in_bfloat16(config, batch):
    """What autocast makes of each system's own losses."""
    model, train = build_model(config), TrainConfig()
    with torch.autocast("cpu", torch.bfloat16):
        output = model(*model.inputs(batch))
    total = total_loss(output, batch, train, model.extra_losses(output, batch, train)).total
    total.backward()
    assert total.isfinite()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def letterboxed(image, canvas, filling=0.0):
    """A picture (1, 3, h, w) in the top-left corner of a canvas (H, W), and where it is."""
    (h, w), (H, W) = image.shape[-2:], canvas
    padded, valid = torch.full((1, 3, H, W), filling), torch.zeros(1, H, W, dtype=torch.bool)
    padded[..., :h, :w], valid[:, :h, :w] = image, True
    return padded, valid


def assert_alike(one, other, size):
    """Two outputs have the same mask inside a picture of that size, and the same answers of every other head."""
    h, w = size
    inside = (output.mask_logits[..., :h, :w] for output in (one, other))
    torch.testing.assert_close(*inside, atol=2e-4, rtol=1e-3)
    for logits, again in zip(heads(one)[1:], heads(other)[1:], strict=True):
        # Extras may have an entry for each position or word: what both have comes before the padding.
        common = tuple(slice(min(lengths)) for lengths in zip(logits.shape, again.shape, strict=True))
        torch.testing.assert_close(logits[common], again[common], atol=2e-4, rtol=1e-3)


PADDED = [((50, 61), (64, 64)), ((61, 34), (64, 96)), ((52, 60), (64, 64)), ((36, 92), (96, 96))]  # on both axes
FITTING = [((64, 96), (64, 96)), ((96, 32), (96, 32))]  # at the border of a canvas, and inside a larger one


@pytest.mark.parametrize(("size", "canvas"), PADDED + FITTING)
def test_more_padding_changes_nothing_inside_the_picture(config, size, canvas):
    if not SYSTEMS[config.system].free_canvas:
        pytest.skip("this system has one canvas; what lies in its padding is tested below")
    model, text = build_model(config).eval(), words(1)
    image = torch.randn(1, 3, *size)
    with torch.no_grad():
        small, large = (model(*letterboxed(image, where), *text) for where in (canvas, (128, 160)))
    assert_alike(small, large, size)


@pytest.mark.parametrize("size", [(52, 60), (60, 36), (44, 52)])  # odd numbers of 4 x 4 patches, none of them mixed
def test_what_lies_in_the_padding_changes_nothing_inside_the_picture(config, size):
    model, text = build_model(config).eval(), words(1)
    image = torch.randn(1, 3, *size)
    canvas, valid = letterboxed(image, canvas_of(config, (96, 64)))
    noise = torch.where(valid[:, None], canvas, 20 * torch.randn_like(canvas))
    with torch.no_grad():
        clean, dirty = model(canvas, valid, *text), model(noise, valid, *text)
    assert_alike(clean, dirty, size)


def test_pictures_of_other_shapes_in_a_batch_change_nothing(config):
    model, (tokens, mask) = build_model(config).eval(), words(3)
    height, width = canvas_of(config, (64, 96))
    sizes = ((64, width), (52, 30), (33, width - 5))
    boxed = [letterboxed(torch.randn(1, 3, *size), (height, width)) for size in sizes]
    image, valid = (torch.cat(each) for each in zip(*boxed))
    with torch.no_grad():
        together = model(image, valid, tokens, mask)
        for i, size in enumerate(sizes):
            alone = model(image[i : i + 1], valid[i : i + 1], tokens[i : i + 1], mask[i : i + 1])
            one = replace(
                together,
                mask_logits=together.mask_logits[i : i + 1],
                presence_logits=None if together.presence_logits is None else together.presence_logits[i : i + 1],
                plurality_logits=None if together.plurality_logits is None else together.plurality_logits[i : i + 1],
                extras={name: logits[i : i + 1] for name, logits in together.extras.items()},
            )
            assert_alike(one, alone, size)


def test_padding_of_the_words_changes_nothing(config):
    model, (tokens, mask) = build_model(config).eval(), words(1)
    longer = torch.randint(5, 200, (1, 9))
    longer[:, :5] = tokens
    size = canvas_of(config, (64, 96))
    image = torch.randn(1, 3, *size)
    with torch.no_grad():
        plain = model(image, None, tokens, mask)
        padded = model(image, None, longer, torch.arange(9)[None] < 5)
    assert_alike(plain, padded, size)


def test_one_picture_with_several_expressions_equals_one_by_one(config):
    model, (tokens, mask) = build_model(config).eval(), words(3)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        together = model(image, None, tokens, mask)
        alone = [model(image, None, tokens[i : i + 1], mask[i : i + 1]) for i in range(3)]
    expected = torch.cat([output.mask_logits for output in alone])
    torch.testing.assert_close(together.mask_logits, expected, atol=1e-4, rtol=1e-3)


def test_a_few_steps_lower_the_loss(config, batch):
    model, train = build_model(config), TrainConfig(lambda_presence=0.5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        output = model(*model.inputs(batch))
        loss = total_loss(output, batch, train, model.extra_losses(output, batch, train)).total
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_the_settings_know_the_systems_that_are_built():
    known = typing.get_args(typing.get_type_hints(ModelConfig)["system"])
    assert set(known) == set(SYSTEMS)


SIZES = {
    "channels": st.sampled_from((8, 12, 16, 24, 40, 256, 264, 288)),
    "heads": st.sampled_from((1, 2, 3, 4, 8)),
    "embed_dim": st.sampled_from((6, 8, 12, 16)),
    "num_heads": st.tuples(*[st.sampled_from((1, 2, 3, 4, 6))] * 4),
    "hidden": st.sampled_from((8, 12, 20)),
    "text_heads": st.sampled_from((1, 2, 3, 4)),
}


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(system=st.sampled_from(sorted(SYSTEMS)), **SIZES)
def test_any_sizes_give_a_model_or_a_sentence(
    model_config,
    system,
    channels,
    heads,
    embed_dim,
    num_heads,
    hidden,
    text_heads,
    small_systems,
):
    swin = replace(model_config.swin, embed_dim=embed_dim, num_heads=num_heads)
    text = replace(model_config.text, hidden=hidden, heads=text_heads)
    sized = replace(model_config, system=system, channels=channels, heads=heads, swin=swin, text=text, **small_systems)
    try:
        model = build_on_meta(sized)
    except InputError as error:
        sentence = str(error)
    else:
        sentence = None
    if sentence is not None:
        assert re.fullmatch(r".* is \d+, which is not divisible by .*\d: change one of them\.", sentence)
        return
    size = canvas_of(sized, (64, 96))
    with torch.device("meta"):
        image, (tokens, mask) = torch.ones(2, 3, *size), words(2)
    assert model(image, None, tokens, mask).mask_logits.shape == (2, 2, *size)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("model.heads", 5, "model.channels is 48, which is not divisible by model.heads = 5: change one of them."),
        ("model.channels", 12, "model.channels is 12, which is not divisible by 8: change one of them."),
        ("model.text.heads", 5, "model.text.hidden is 96, which is not divisible by model.text.heads = 5"),
        ("model.swin.num_heads", (1, 2, 4, 7), "stage 4 (model.swin.embed_dim x 8) is 192, which is not divisible by"),
    ],
)
def test_sizes_that_do_not_divide_each_other_are_named(name, value, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        build_on_meta(override(preset("tiny"), {name: value}).model)


def test_backbones_are_parts_of_the_system(config):
    """Every prefix names parameters, and pretrained weights are those of the settings."""
    model = build_on_meta(replace(config, text=replace(config.text, pretrained="a BERT")))
    names = [name for name, _ in model.named_parameters()]
    for prefix in model.backbones:
        assert any(name.startswith(prefix) for name in names), prefix
    assert {weights for weights in model.backbones.values() if weights} <= {"a BERT"}


def test_own_losses_reach_the_parameters_and_are_means_over_samples(config, reader, mini):
    """Parts of a batch average to the whole, as accumulation and several processes need it."""
    model, train = build_model(config).train(), TrainConfig(pixel_weights=(0.9, 1.1))
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()  # the one thing that makes a sample depend on the others
    with_objects = replace(reader, with_instances=True)
    rows = mini.rows("train")
    pictures = list(dict.fromkeys(mini.image_ids[rows].tolist()))[:2]  # two expressions of each of two pictures
    rows = np.concatenate([rows[mini.image_ids[rows] == picture][:2] for picture in pictures])
    samples = [with_objects.read(int(row)) for row in rows]
    assert len(samples) == 4
    collate = Collate(reader.tokenizer.pad_id)

    def own(batch):
        output = model(*model.inputs(batch))
        return model.extra_losses(output, batch, train)

    whole, parts = own(collate(samples)), [own(collate(samples[:2])), own(collate(samples[2:]))]
    assert bool(whole) == (config.system in ("mattnet", "lts", "rela", "lisa", "gsva"))
    for name, (value, weight) in whole.items():
        assert weight > 0
        torch.testing.assert_close(value, sum(part[name].value for part in parts) / 2)
        model.zero_grad()
        value.backward(retain_graph=True)
        assert any(p.grad is not None and p.grad.any() for p in model.parameters())


def test_every_parameter_has_one_role(config):
    model = build_on_meta(config)
    roles = parameters_by_role(model)
    assert sum(roles.values()) == count_parameters(model)
    assert all(count > 0 for count in roles.values())


@pytest.mark.parametrize(
    ("name", "millions"), [("grisq", 86.7), ("lisa", 303.2 + 637.0), ("vlt", 40.6), ("mattnet", 42.5)]
)
def test_image_encoders_at_paper_size(name, millions):
    model = build_on_meta(override(preset("paper"), {"model.system": name}).model)
    assert parameters_by_role(model)["image encoders"] == pytest.approx(millions * 1e6, rel=0.004)


@pytest.mark.parametrize("name", [name for name, system in SYSTEMS.items() if issubclass(system, FusedSystem)])
def test_paper_size_has_the_published_backbone(name):
    """87.7 M in Table 1: Swin-B with its 1k classifier (1.025 M) and without what fuses the words."""
    encoder = build_on_meta(replace(preset("paper").model, system=name)).multimodal_encoder
    trunk = count_parameters(encoder.patch_embed) + count_parameters(encoder.stages)
    assert trunk + 1024 * 1000 + 1000 + 2 * 1024 == pytest.approx(87.7e6, rel=0.003)


def test_norms_over_several_gpus_keep_their_activations(config):
    """Torch's own conversion drops those that timm's norms hold, and the trunk would be almost linear."""
    model = build_model(config)
    held = {name: module.act for name, module in model.named_modules() if isinstance(module, BatchNormAct2d)}
    assert bool(held) == (config.system in ("lts", "vlt", "cris"))
    converted = dict(synchronize_norms(model).named_modules())
    for name, activation in held.items():
        assert isinstance(converted[name], nn.SyncBatchNorm)
        assert type(converted[name].act) is type(activation)
        assert "act" in inspect.getsource(type(converted[name]).forward)


def test_a_canvas_that_is_no_multiple_of_32_is_refused(config):
    with pytest.raises(InputError, match=r"multiples of 32|takes 64x64 alone"):
        build_model(config)(torch.randn(1, 3, 60, 64), None, *words(1))
