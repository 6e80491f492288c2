from dataclasses import replace

import pytest

from grisq.config import TrainConfig, override, preset
from grisq.models.base import decays
from grisq.models.grisq import GRISQ
from grisq.models.registry import SYSTEMS, build_on_meta
from grisq.training.optimizer import build_optimizer, learning_rate_factor, parameter_groups, set_learning_rates


def test_every_parameter_is_in_exactly_one_group(model_config):
    model = GRISQ(model_config)
    groups = parameter_groups(model, TrainConfig())
    assert sorted(id(p) for group in groups for p in group["params"]) == sorted(id(p) for p in model.parameters())


def test_paper_rates_and_decay_of_section_4_2():
    paper = preset("paper")
    model = build_on_meta(paper.model)
    groups = {id(p): group for group in parameter_groups(model, paper.train) for p in group["params"]}
    for name, parameter in model.named_parameters():
        group = groups[id(parameter)]
        new = any(part in name for part in ("fusions", "gates", "multimodal_encoder.norms"))
        old = name.startswith(("text_encoder", "multimodal_encoder")) and not new
        assert group["lr"] == (2.5e-6 if old else 2.5e-5), name
        spared = name.endswith("bias") or "norm" in name.lower() or "position" in name or "level_embedding" in name
        assert group["weight_decay"] == (0.0 if spared else 0.01), name


@pytest.mark.parametrize("system", SYSTEMS)
def test_norms_biases_and_position_tables_of_every_system_do_not_decay(system):
    tables = ("position", "pos_embed", "rel_pos", "level_embedding", "bias_table")
    model = build_on_meta(override(preset("paper"), {"model.system": system}).model)
    for name, parameter in model.named_parameters():
        spared = parameter.ndim < 2 or any(table in name for table in tables)
        assert decays(name, parameter) != spared, name


def test_a_backbone_is_slow_only_where_it_starts_from_pretrained_weights():
    config = replace(preset("tiny").train, lr=1.0, lr_backbone=0.1)
    model = preset("tiny").model
    for swin, bert in ((None, None), (None, "bert"), ("swin", None), ("swin", "bert")):
        named = replace(model, swin=replace(model.swin, pretrained=swin), text=replace(model.text, pretrained=bert))
        built = build_on_meta(named)
        rate = {id(p): group["lr"] for group in parameter_groups(built, config) for p in group["params"]}
        for name, parameter in built.named_parameters():
            slow = (bert and "text_encoder" in name) or (swin and name.startswith("multimodal_encoder.stages"))
            slow = slow or (swin and "patch_embed" in name)
            assert rate[id(parameter)] == (0.1 if slow else 1.0), name


def test_polynomial_decay_equals_its_formula():
    config = TrainConfig(steps=1000)
    for step in (0, 1, 499, 999):
        assert learning_rate_factor(step, config) == pytest.approx((1 - step / 1000) ** 0.9)
    assert learning_rate_factor(0, config) == 1


def test_warm_up_is_linear_and_rates_are_set_on_every_group(model_config):
    config = replace(preset("tiny").train, steps=100, warmup=10, lr=1.0, lr_backbone=0.1)
    named = replace(model_config, text=replace(model_config.text, pretrained="bert"))
    optimizer = build_optimizer(GRISQ(named), config)
    set_learning_rates(optimizer, 4, config)
    expected = 0.5 * (1 - 4 / 100) ** 0.9
    assert sorted({group["lr"] for group in optimizer.param_groups}) == pytest.approx([0.1 * expected, expected])
