"""Synthetic multi-target samples: up to four single-target samples in one picture (Sec. 3.3, Fig. 3c)."""

import numpy as np

CELLS = 4  # of the 2x2 grid
AT_LEAST = 2  # one sample alone in a mosaic would still have a single target


def choose_mosaic(
    singles: np.ndarray, tau: float, rng: np.random.Generator
) -> tuple[int, tuple[tuple[int, int], ...]] | None:
    """Choose the slots that make this batch's mosaic, their cells, and the slot that the mosaic replaces.

    Every slot of `singles` is chosen independently with probability `tau`; of more than four, four are kept at
    random; with fewer than two there is no mosaic. The chosen slots that are not replaced stay in the batch.

    Args:
        singles: (N,) single-target slots that the no-target augmentation left.
        tau: probability for each slot.
        rng: draws.

    Returns:
        (slot that is replaced, ((cell, slot), ...) in raster order), or None.
    """
    chosen = singles[rng.random(len(singles)) < tau]
    if len(chosen) < AT_LEAST:
        return None
    if len(chosen) > CELLS:
        chosen = rng.choice(chosen, CELLS, replace=False)
    cells = rng.permutation(CELLS)[: len(chosen)]
    placed = tuple(sorted((int(cell), int(slot)) for cell, slot in zip(cells, chosen)))
    return int(rng.choice(chosen)), placed
