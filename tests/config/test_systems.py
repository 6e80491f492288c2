"""What a system changes in a preset."""

from dataclasses import replace

import pytest

from grisq.config import override, preset
from grisq.config.systems import SYSTEM_SETTINGS, settings_of_system
from grisq.experiments.registry import find_experiment
from grisq.models.base import count_parameters
from grisq.models.registry import SYSTEMS, build_on_meta


@pytest.mark.parametrize("system", SYSTEMS)
def test_at_tiny_all_have_one_to_three_million_parameters(system):
    model = build_on_meta(override(preset("tiny"), {"model.system": system}).model)
    assert 0.9e6 < count_parameters(model) < 3e6


def test_other_changes_change_the_sizes_of_the_system():
    chosen = override(preset("tiny"), {"model.vlt.queries": 3, "model.system": "vlt"})
    assert chosen.model.vlt.queries == 3
    assert chosen.model.vlt.width == settings_of_system("tiny", "vlt")["model.vlt"].width


def test_a_system_of_ours_changes_nothing():
    assert override(preset("tiny"), {"model.system": "grisq"}) == preset("tiny")


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_name_of_a_system_brings_the_losses_of_its_experiment(system):
    """Else `grisq train --set model.system=gsva` would train something else under that name."""
    name = "ours" if system == "grisq" else system
    experiment, chosen = (
        find_experiment(name).configure(preset("tiny")),
        override(preset("tiny"), {"model.system": system}),
    )
    budget = {key: getattr(experiment.train, key) for key in ("lr", "lr_backbone", "batch", "steps", "eval_every")}
    assert replace(chosen.train, **budget) == experiment.train
    assert chosen.model == experiment.model


@pytest.mark.parametrize("system", SYSTEMS)
def test_losses_are_the_same_at_every_size(system):
    tiny, paper = (override(preset(name), {"model.system": system}).train for name in ("tiny", "paper"))
    if system != "grisq":
        assert (tiny.pixel_weights, tiny.loss_scale) == (paper.pixel_weights, paper.loss_scale)
    assert tiny.expressions_per_picture == paper.expressions_per_picture


def test_every_setting_exists():
    for name, systems in SYSTEM_SETTINGS.items():
        for settings in systems.values():
            override(preset(name), dict(settings))


def test_the_canvas_of_each_at_paper_size():
    sides = {system: override(preset("paper"), {"model.system": system}).model.image_size for system in SYSTEMS}
    assert sides == {"lts": 416, "vlt": 416, "cris": 416, "lisa": 1024, "gsva": 1024} | dict.fromkeys(
        ("grisq", "lavt", "rela", "mattnet"), 480
    )
