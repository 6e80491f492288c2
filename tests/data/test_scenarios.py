import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grisq.data.scenarios import SCENARIOS, count_scenarios, rows_by_scenario, scenario_index, scenario_of


@pytest.mark.parametrize(
    ("targets", "name"), [(0, "no-target"), (1, "single-target"), (2, "multi-target"), (9, "multi-target")]
)
def test_the_scenario_of_a_number_of_targets(targets, name):
    assert scenario_of(targets) == name
    assert SCENARIOS[scenario_index(targets)] == name


@given(st.lists(st.integers(0, 5), max_size=30))
@settings(deadline=None)
def test_counts_and_rows_are_those_of_a_loop(targets):
    counts = np.array(targets, dtype=int)
    names = [scenario_of(target) for target in targets]
    assert count_scenarios(counts) == {name: names.count(name) for name in SCENARIOS}
    rows = 10 + np.arange(len(targets))
    expected = [[10 + i for i, found in enumerate(names) if found == name] for name in SCENARIOS]
    assert [part.tolist() for part in rows_by_scenario(rows, counts)] == expected
    assert [SCENARIOS[index] for index in scenario_index(counts)] == names
