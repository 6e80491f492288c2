"""The three scenarios of Fig. 1, distinguished by the number of targets."""

import numpy as np

SCENARIOS = ("no-target", "single-target", "multi-target")


def scenario_index(target_count: int | np.ndarray) -> int | np.ndarray:
    """Return 0 for no target, 1 for one, 2 for several: an index into SCENARIOS, or an array of them."""
    return np.minimum(target_count, 2)


def count_scenarios(target_counts: np.ndarray) -> dict[str, int]:
    """Count how many of the target counts (N,) belong to each scenario, by name in the order of SCENARIOS."""
    counts = np.bincount(scenario_index(target_counts), minlength=len(SCENARIOS))
    return dict(zip(SCENARIOS, counts.tolist()))


def rows_by_scenario(rows: np.ndarray, target_counts: np.ndarray) -> list[np.ndarray]:
    """Split rows (N,) by their target counts (N,) into the rows of each scenario, in the order of SCENARIOS."""
    return [rows[scenario_index(target_counts) == index] for index in range(len(SCENARIOS))]


def scenario_of(target_count: int) -> str:
    """Return the name of the scenario."""
    return SCENARIOS[scenario_index(target_count)]
