"""Counterfactual pairs: two expressions that differ in one respect, so that the first has a target and the second none.

A data set in gRefCOCO's layout holds such pairs if its folder has `pairs.json`:

{"pairs": [{"original": {"ref_id": 7, "sent_id": 12}, "edited": {"ref_id": 8, "sent_id": 13}, "edit": "recolored",
            "clause": "color"}, ...]}

`edit` is what was done to the picture and `clause` the part of the words that it makes false. Most no-target
expressions of gRefCOCO come from other pictures and are easy to deny; here one clause alone decides, and a model that
ignores it gives both expressions the same answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pandas as pd

from grisq.data import grefcoco
from grisq.data.grefcoco import GRefCOCO
from grisq.data.layout import COUNTERFACTUAL, PAIRS
from grisq.runtime.errors import InputError
from grisq.runtime.files import read_json

ALL = "all"  # the line of `cells` about every edit


class Pair(NamedTuple):
    """Two expressions as rows of the table."""

    original: int  # has a target
    edited: int  # has none
    image: int  # id of the original's picture
    edit: str  # kind of edit
    clause: str  # what is false in the second


class Answer(NamedTuple):
    """What a model answers to one expression."""

    score: float  # probability of presence; without a presence head the pixels of the mask
    present: bool  # the decision


class PairOutcomes(msgspec.Struct, forbid_unknown_fields=True):
    """The answers to every pair, column by column, as a result file stores them."""

    data: str  # SHA-256 of the annotations of the pairs' data set
    image: list[int]  # id of the original's picture
    edit: list[str]  # kind of edit
    clause: list[str]
    original: list[float]  # probability of presence; without a presence head the pixels of the mask
    edited: list[float]
    original_present: list[bool]  # the presence decision
    edited_present: list[bool]


@dataclass(frozen=True)
class Cells:
    """How many pairs got which answers."""

    pairs: int
    both_right: int  # present and absent, as annotated
    only_original: int  # both present: the edit went unnoticed
    only_edited: int  # both absent
    none_right: int  # absent and present
    ranking_accuracy: float  # percent of pairs whose original has the higher presence, ties counting half

    @property
    def accuracy(self) -> float:
        """Pair accuracy in percent; nan without a pair. A coin has 25, one answer for everything 0."""
        return 100 * self.both_right / self.pairs if self.pairs else float("nan")


def has_pairs(data: GRefCOCO) -> bool:
    """Return whether the folder of a data set has a file of pairs."""
    return (data.root / PAIRS).is_file()


def paired_set(data: GRefCOCO) -> GRefCOCO | None:
    """Open the set of pairs that lies beside a data set: of `tiny` that in `tiny-counterfactual`. None without one."""
    beside = data.root.with_name(data.root.name + COUNTERFACTUAL)
    return grefcoco.load(beside) if (beside / PAIRS).is_file() else None


def read_pairs(data: GRefCOCO) -> list[Pair]:
    """Read the pairs of a data set.

    Raises:
        InputError: if the file is missing or not of this form, if it names an expression that does not exist, or if an
            original has no target or an edited one has some.
    """
    path = data.root / PAIRS
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("pairs"), list):
        raise InputError(f'{path} has no list "pairs": make the data set again.')
    columns = (data.expressions[name].to_pylist() for name in ("ref_id", "sent_id"))
    row_of = {key: row for row, key in enumerate(zip(*columns))}
    pairs = [_pair(each, row_of, data, f"{path}: pair {number}") for number, each in enumerate(content["pairs"])]
    for number, pair in enumerate(pairs):
        if data.target_counts[pair.original] == 0 or data.target_counts[pair.edited] > 0:
            raise InputError(f"{path}: pair {number} must have a target in the original alone: make the set again.")
    return pairs


def _pair(stored: Any, row_of: dict[tuple[int, int], int], data: GRefCOCO, place: str) -> Pair:
    try:
        original, edited = (row_of[stored[name]["ref_id"], stored[name]["sent_id"]] for name in ("original", "edited"))
        return Pair(original, edited, int(data.image_ids[original]), str(stored["edit"]), str(stored.get("clause", "")))
    except (KeyError, TypeError, AttributeError):
        raise InputError(
            f"{place} does not name two expressions of the data set and an edit: make the set again."
        ) from None


def pair_outcomes(answers: Mapping[int, Answer], pairs: Sequence[Pair], data: str) -> PairOutcomes:
    """Look up the answers to pairs.

    Args:
        answers: to expressions, by row; `answers_kept` collects them.
        pairs: those without answers are left out, such as those of a split that was not evaluated.
        data: SHA-256 of the annotations.
    """
    seen = [pair for pair in pairs if pair.original in answers and pair.edited in answers]
    original, edited = ([answers[getattr(pair, side)] for pair in seen] for side in ("original", "edited"))
    return PairOutcomes(
        data,
        [pair.image for pair in seen],
        [pair.edit for pair in seen],
        [pair.clause for pair in seen],
        [answer.score for answer in original],
        [answer.score for answer in edited],
        [answer.present for answer in original],
        [answer.present for answer in edited],
    )


def answers_kept(records: Sequence[Mapping], protocol: str) -> dict[int, Answer]:
    """Collect the answers of samples that an `Evaluator` kept, decided by the rules of that protocol."""
    return {
        each["row"]: Answer(
            each["predicted"] if each["presence"] is None else each["presence"],
            bool(each["scores"][protocol]["predicted_present"]),
        )
        for each in records
    }


def cells(outcomes: PairOutcomes) -> dict[str, Cells]:
    """Count the answers to all pairs, under ALL, and to those of each kind of edit."""
    edits = np.array(outcomes.edit, dtype=object)
    groups = {ALL: np.ones(len(edits), dtype=bool)} | {edit: edits == edit for edit in sorted(set(outcomes.edit))}
    return {name: _count(outcomes, chosen) for name, chosen in groups.items()}


def _count(outcomes: PairOutcomes, chosen: np.ndarray) -> Cells:
    present, denied = (
        np.array(outcomes.original_present, bool)[chosen],
        ~np.array(outcomes.edited_present, bool)[chosen],
    )
    gain = np.array(outcomes.original)[chosen] - np.array(outcomes.edited)[chosen]
    answers = (present & denied, present & ~denied, ~present & denied, ~present & ~denied)
    ranking = 100 * float(np.mean((gain > 0) + 0.5 * (gain == 0))) if len(gain) else float("nan")
    return Cells(len(gain), *(int(each.sum()) for each in answers), ranking)


def table(outcomes: PairOutcomes) -> pd.DataFrame:
    """Make a table of the answers: a line for all pairs and one for each edit; percent but for the number of pairs."""
    lines = {}
    for name, found in cells(outcomes).items():
        total = max(found.pairs, 1)
        lines[name] = {
            "pairs": found.pairs,
            "pair accuracy": found.accuracy,
            "only the original": 100 * found.only_original / total,
            "only the edited": 100 * found.only_edited / total,
            "none": 100 * found.none_right / total,
            "ranking accuracy": found.ranking_accuracy,
        }
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("edit")


def ranking_interval(
    trainings: Sequence[PairOutcomes], edit: str, *, draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of the ranking accuracy of an edit's pairs, percent, with pictures and trainings drawn again.

    Args:
        trainings: outcomes of the same pairs, one for each training of a system.
        edit: which pairs.
        draws: bootstrap draws.
        seed: of the draws.
    """
    rng, chosen = np.random.default_rng(seed), np.array(trainings[0].edit, dtype=object) == edit
    gain = np.array([np.subtract(each.original, each.edited)[chosen] for each in trainings])
    right = (gain > 0) + 0.5 * (gain == 0)  # (trainings, pairs)
    _, picture = np.unique(np.array(trainings[0].image)[chosen], return_inverse=True)
    pictures = picture.max() + 1
    drawn = rng.multinomial(pictures, np.full(pictures, 1 / pictures), draws)[:, picture]  # (draws, pairs)
    again = rng.multinomial(len(right), np.full(len(right), 1 / len(right)), draws) / len(right)  # (draws, trainings)
    low, high = np.percentile(100 * ((again @ right) * drawn).sum(1) / drawn.sum(1), [2.5, 97.5])
    return float(low), float(high)
