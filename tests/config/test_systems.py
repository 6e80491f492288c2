"""What a system changes in a preset."""

import pytest

from grisq.config import override, preset
from grisq.config.systems import SYSTEM_SETTINGS, settings_of_system
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


def test_every_setting_exists():
    for name, systems in SYSTEM_SETTINGS.items():
        for settings in systems.values():
            override(preset(name), dict(settings))


def test_the_canvas_of_each_at_paper_size():
    sides = {system: override(preset("paper"), {"model.system": system}).model.image_size for system in SYSTEMS}
    assert sides == {"lts": 416, "vlt": 416, "cris": 416, "lisa": 1024, "gsva": 1024} | dict.fromkeys(
        ("grisq", "lavt", "rela", "mattnet"), 480
    )
