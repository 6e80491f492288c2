"""The three scenarios of Fig. 1, told apart by the number of targets."""

import numpy as np

SCENARIOS = ("no-target", "single-target", "multi-target")
NO_TARGET, SINGLE_TARGET, MULTI_TARGET = SCENARIOS


def scenario_index(target_count: int) -> int:
    """0 for no target, 1 for one, 2 for several: an index into SCENARIOS."""
    return min(target_count, 2)


def count_scenarios(target_counts: np.ndarray) -> dict[str, int]:
    """How many of the target counts (N,) are of each scenario, by name in the order of SCENARIOS."""
    return dict(zip(SCENARIOS, np.bincount(np.minimum(target_counts, 2), minlength=len(SCENARIOS)).tolist()))


def rows_by_scenario(rows: np.ndarray, target_counts: np.ndarray) -> list[np.ndarray]:
    """The rows (N,) of each scenario, in the order of SCENARIOS, by their target counts (N,)."""
    return [rows[np.minimum(target_counts, 2) == kind] for kind in range(len(SCENARIOS))]


def scenario_of(target_count: int) -> str:
    """Name of the scenario."""
    return SCENARIOS[scenario_index(target_count)]
