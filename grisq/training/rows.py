"""Which expressions are trained on, which are evaluated periodically, and which may choose a checkpoint."""

from dataclasses import dataclass

import numpy as np

from grisq.config import TrainConfig
from grisq.data.grefcoco import GRefCOCO
from grisq.data.loader import evenly
from grisq.data.scenarios import SCENARIOS, scenario_index
from grisq.runtime.errors import InputError
from grisq.runtime.seed import generator

_HOLDOUT_KEY = (854, 0)  # fixed, so that every seed of an experiment holds out the same pictures


@dataclass(frozen=True)
class TrainingRows:
    """Rows of the expression table, by what a training does with them."""

    train: np.ndarray  # (N,) trained on, ascending
    evaluation: np.ndarray  # (E,) of the periodic evaluation; empty: there is none
    chooses: bool  # whether the evaluation rows are held-out training pictures, which may choose `best`


def choose_rows(data: GRefCOCO, config: TrainConfig) -> TrainingRows:
    """Divide a data set's rows for a training.

    With `config.holdout` the periodic evaluation runs on held-out pictures of the train split. Without it, it runs on
    val and serves the curves only: a checkpoint chosen on val would be chosen on what is reported. A data set without
    val is trained on without periodic evaluation.

    Raises:
        InputError: if there is no train split, or if the share cannot be held out (see `hold_out`).
    """
    rows = data.rows("train")
    if config.holdout == 0:
        val = data.rows("val") if "val" in data.splits else rows[:0]
        return TrainingRows(rows, evenly(val, config.eval_samples), chooses=False)
    held = hold_out(data.image_ids[rows], data.target_counts[rows], config.holdout)
    by_scenario = np.argsort(scenario_index(data.target_counts[rows[held]]), kind="stable")  # thinned in proportion
    return TrainingRows(rows[~held], np.sort(evenly(rows[held][by_scenario], config.eval_samples)), chooses=True)


def hold_out(image_ids: np.ndarray, target_counts: np.ndarray, share: float) -> np.ndarray:
    """Choose pictures to hold out, with all of their expressions; a function of its arguments alone.

    Args:
        image_ids: (N,) picture of every expression of the train split.
        target_counts: (N,) targets of every expression.
        share: of the pictures, in (0, 1).

    Returns:
        (N,) bool, True where an expression's picture is held out. Both parts have expressions of every scenario.

    Raises:
        InputError: if the share is out of range, or no such choice has that share.
    """
    if not 0 < share < 1:
        raise InputError(f"train.holdout is a share of the train pictures, at least 0 and below 1, and not {share}.")
    scenarios = scenario_index(target_counts)
    order = generator(*_HOLDOUT_KEY).permutation(np.unique(image_ids))
    count = round(share * len(order))
    chosen = _covering(order, image_ids, scenarios)
    chosen += [picture for picture in order.tolist() if picture not in chosen][: max(0, count - len(chosen))]
    held = np.isin(image_ids, chosen)
    if len(chosen) > count or len(np.unique(scenarios[~held])) < len(SCENARIOS):
        raise InputError(
            f"train.holdout={share:g} holds out {count} of {len(order)} train pictures, which cannot leave expressions "
            f"without, with one and with several targets on both sides: give a share that holds out at least "
            f"{len(chosen)} and leaves enough to train on, or 0."
        )
    return held


def _covering(order: np.ndarray, image_ids: np.ndarray, scenarios: np.ndarray) -> list[int]:
    """The first pictures of the order that together have an expression of every scenario.

    Raises: InputError if the train split has none of a scenario.
    """
    place = dict(zip(order.tolist(), range(len(order))))
    places = np.array([place[image_id] for image_id in image_ids.tolist()])  # (N,) of each expression's picture
    chosen: list[int] = []
    for index, name in enumerate(SCENARIOS):
        candidates = places[scenarios == index]
        if len(candidates) == 0:
            raise InputError(
                f"The train split has no {name} expression, so no pictures with every scenario can be held out: "
                "use train.holdout=0."
            )
        if not np.isin(order[candidates], chosen).any():
            chosen.append(int(order[candidates.min()]))
    return chosen
