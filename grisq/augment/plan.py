"""The plan of a global batch: rows in, one recipe per slot out (Sec. 3.3)."""

import numpy as np

from grisq.augment.multi_target import choose_mosaic
from grisq.augment.no_target import choose_donors
from grisq.augment.recipes import Mosaic, NoTarget, Plain, Recipe
from grisq.config import AugmentConfig
from grisq.data.scenarios import SCENARIOS


def plan_batch(
    rows: np.ndarray,
    target_counts: np.ndarray,
    image_ids: np.ndarray,
    augment: AugmentConfig,
    rng: np.random.Generator,
) -> list[Recipe]:
    """Decide every slot of one batch B.

    The no-target augmentation goes first and the mosaic draws from the singles that are left, as the caption of
    Fig. 3 has it. Probabilities apply to the batch given here; since the expected number of mosaics is not
    linear in its size, callers give the global batch, whatever the number of processes.

    Args:
        rows: (B,) rows of the expression table that were drawn for this batch.
        target_counts: (B,) targets of each.
        image_ids: (B,) picture of each.
        augment: the two probabilities.
        rng: draws.

    Returns:
        B recipes.
    """
    recipes: list[Recipe] = [Plain(int(row)) for row in rows]
    singles = np.flatnonzero(target_counts == 1)  # B~ of Sec. 3.3
    donors = choose_donors(singles, image_ids, augment.tau_no, rng)
    for slot, donor in donors.items():
        recipes[slot] = NoTarget(image=int(rows[slot]), text_from=int(rows[donor]))
    remaining = np.setdiff1d(singles, list(donors))
    mosaic = choose_mosaic(remaining, augment.tau_multi, rng)
    if mosaic is not None:
        replaced, cells = mosaic
        recipes[replaced] = Mosaic(tuple((cell, int(rows[slot])) for cell, slot in cells))
    return recipes


def expected_shares(single: float, batch: int, augment: AugmentConfig) -> dict[str, float]:
    """Compute in closed form what augmentation adds to a batch.

    A slot is chosen for the mosaic if it is single, was not made no-target, and its draw succeeds. Donors are assumed
    to exist always, which holds for large batches.

    Args:
        single: share of single-target expressions in the data.
        batch: samples of the global batch.
        augment: the two probabilities.

    Returns:
        {"no_target": expected no-target samples of a batch, "mosaic": probability of a mosaic in it}.
    """
    p = single * (1 - augment.tau_no) * augment.tau_multi
    none, one = (1 - p) ** batch, batch * p * (1 - p) ** (batch - 1)
    return {"no_target": batch * single * augment.tau_no, "mosaic": 1 - none - one}


def shares_after(shares: dict[str, float], batch: int, augment: AugmentConfig) -> dict[str, float]:
    """Compute the shares of the scenarios that the model trains on, from their shares in the data.

    A no-target sample and a mosaic each take the slot of a single-target one, so multi-target expressions of the
    data stay as many as they are.

    Args:
        shares: of each scenario in the data, by name, in [0, 1].
        batch: samples of the global batch.
        augment: the two probabilities.

    Returns:
        Shares by name.
    """
    no, single, multi = (shares[scenario] for scenario in SCENARIOS)
    added = expected_shares(single, batch, augment)
    no, multi = no + added["no_target"] / batch, multi + added["mosaic"] / batch
    return dict(zip(SCENARIOS, (no, 1 - no - multi, multi)))
