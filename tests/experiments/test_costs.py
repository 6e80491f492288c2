import pytest

from grisq.experiments.costs import read_cost
from grisq.models.registry import SYSTEMS
from grisq.runtime.errors import InputError
from grisq.runtime.files import write_json

COUNTED_ALONE = {"tiny": set(), "paper": {"lisa", "gsva"}}  # a language model that is too large to be measured here


def test_every_system_has_its_cost_at_both_sizes():
    cost = read_cost()
    assert set(cost) == {"tiny", "paper"}
    for size, systems in cost.items():
        assert set(systems) == set(SYSTEMS)
        measured = {name for name, each in systems.items() if each["step_s"] is not None}
        assert measured == set(SYSTEMS) - COUNTED_ALONE[size]
        # Conversations read a picture once for several expressions in training, and once for each of them afterward.
        alone = measured - {"lisa", "gsva"}
        assert all(systems[name]["step_s"] > systems[name]["forward_s"] > 0 for name in alone)


def test_a_file_of_something_else_is_named(tmp_path):
    write_json(tmp_path / "cost.json", {"rounds": 3})
    with pytest.raises(InputError, match=r'cost\.json has no field "systems".*benchmarks/systems\.py'):
        read_cost(tmp_path / "cost.json")
