"""Synthetic no-target samples: a picture with the expression of another (Sec. 3.3, Fig. 3b)."""

import numpy as np


def choose_donors(singles: np.ndarray, image_ids: np.ndarray, tau: float, rng: np.random.Generator) -> dict[int, int]:
    """Choose the single-target slots that lose their target, and the slot that gives each its expression.

    Every slot of `singles` is chosen independently with probability `tau`; its expression comes from another member
    of `singles`, drawn uniformly among those of a different picture. Without such a member it stays as it is.
    The donor keeps its own expression.

    Args:
        singles: (N_s,) slots of the batch with one target.
        image_ids: (B,) picture of every slot.
        tau: probability for each slot.
        rng: draws.

    Returns:
        {slot: donor slot}.
    """
    donors = {}
    for slot in singles[rng.random(len(singles)) < tau]:
        candidates = singles[image_ids[singles] != image_ids[slot]]
        if len(candidates):
            donors[int(slot)] = int(rng.choice(candidates))
    return donors
