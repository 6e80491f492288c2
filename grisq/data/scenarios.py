"""The three scenarios of Fig. 1, told apart by the number of targets."""

import numpy as np

KINDS = ("no-target", "single-target", "multi-target")


def kind_index(target_count: int) -> int:
    """0 for no target, 1 for one, 2 for several: an index into KINDS."""
    return min(target_count, 2)


def count_kinds(target_counts: np.ndarray) -> dict[str, int]:
    """How many of the target counts (N,) are of each scenario, by name in the order of KINDS."""
    return dict(zip(KINDS, np.bincount(np.minimum(target_counts, 2), minlength=len(KINDS)).tolist()))


def rows_by_kind(rows: np.ndarray, target_counts: np.ndarray) -> list[np.ndarray]:
    """The rows (N,) of each scenario, in the order of KINDS, by their target counts (N,)."""
    return [rows[np.minimum(target_counts, 2) == kind] for kind in range(len(KINDS))]


def kind_of(target_count: int) -> str:
    """Name of the scenario."""
    return KINDS[kind_index(target_count)]
