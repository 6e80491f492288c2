"""Which prediction answers which expression: what is missing, there twice, or about nothing in the data set."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from grisq.data.grefcoco import GRefCOCO
from grisq.evaluation.scoring.entries import Entry, Key, Predictions
from grisq.runtime.errors import InputError

Missing = Literal["refuse", "nothing", "skip"]
"""An expression without prediction: refuse the file, take "nothing" for its answer, or leave it out."""
Repeated = Literal["refuse", "merge", "instances", "first", "last"]
"""Several predictions of an expression: refuse the file, unite the masks, unite them and match each with the annotated
objects, or take the first or the last one."""
Unknown = Literal["refuse", "ignore"]
"""A prediction for an expression that the data set does not have."""

CHOICES = {"missing": get_args(Missing), "repeated": get_args(Repeated), "unknown": get_args(Unknown)}
_EXAMPLES = 3  # that a message names


class Keys:
    """The rows of a data set's table of expressions by the names that predictions use."""

    def __init__(self, data: GRefCOCO):
        self.size = len(data)
        pairs = zip(data.expressions["ref_id"].to_pylist(), data.expressions["sent_id"].to_pylist())
        self._rows: dict[tuple[int, int], int] = {}
        self._others: dict[tuple[int, int], list[int]] = {}  # further rows with the same ids
        for row, pair in enumerate(pairs):
            if self._rows.setdefault(pair, row) != row:
                self._others.setdefault(pair, []).append(row)

    def row(self, entry: Entry) -> int | None:
        """The row that a prediction is about, None if there is none. Raises InputError if its name has two meanings."""
        row, ids = entry.key
        if ids is None:
            return row if 0 <= row < self.size else None
        if ids not in self._rows:
            return None
        named = [self._rows[ids], *self._others.get(ids, [])]
        if row is None and len(named) > 1:
            raise InputError(
                f"{entry.place}: the data set has several expressions with {entry.key.describe()}; give row as well, "
                "the place in its table of expressions."
            )
        if row is not None and row not in named:
            raise InputError(
                f"{entry.place}: its row is {row}, and {entry.key.describe()} is row {' or '.join(map(str, named))}; "
                "give one of both."
            )
        return named[0] if row is None else row


@dataclass
class Matching:
    """How predictions and expressions belong together, known before any mask is read."""

    predictions: np.ndarray  # (T,) number of predictions of every row of the table
    scored: bool  # whether predictions have a probability of presence
    unknown: int  # predictions about no expression of the data set
    examples: tuple[str, ...]  # places of some of these
    repeated: tuple[str, ...]  # places of some predictions that are not their expression's first

    def splits(self, data: GRefCOCO) -> list[str]:
        """The splits that predictions are about."""
        return [split for split in data.splits if self.predictions[data.rows(split)].any()]


def match(predictions: Predictions, keys: Keys) -> Matching:
    """Look through all predictions. Raises InputError if some have a score and others none."""
    found = Matching(np.zeros(keys.size, dtype=np.int32), False, 0, (), ())
    for number, entry in enumerate(predictions):
        row = keys.row(entry)
        if number == 0:
            found.scored = entry.score is not None
        if (entry.score is not None) != found.scored:
            raise InputError(
                f"{entry.place} has {'no' if found.scored else 'a'} score, unlike those before it: give every "
                "prediction its probability of presence, or none."
            )
        if row is None:
            found.unknown += 1
            if len(found.examples) < _EXAMPLES:
                found.examples += (f"{entry.place} ({entry.key.describe()})",)
            continue
        found.predictions[row] += 1
        if found.predictions[row] > 1 and len(found.repeated) < _EXAMPLES:
            found.repeated += (f"{entry.place} ({entry.key.describe()})",)
    return found


def check(
    found: Matching, data: GRefCOCO, splits: Sequence[str], *, missing: Missing, repeated: Repeated, unknown: Unknown
) -> None:
    """Raise InputError for what is to be refused, naming how many, examples, and the choices."""
    for name, value in {"missing": missing, "repeated": repeated, "unknown": unknown}.items():
        if value not in CHOICES[name]:
            raise InputError(f"{name} cannot be {value!r}: choose {' or '.join(CHOICES[name])}.")
    if not found.predictions.any():
        where = f", for example {found.examples[0]}" if found.examples else ""
        raise InputError(
            f"No prediction is about an expression of {data.root}{where}: give the data set that they were made for."
        )
    if found.unknown and unknown == "refuse":
        raise InputError(
            f"Predictions about no expression of {data.root}: {found.unknown:,}, for example "
            f"{', '.join(found.examples)}: give the data set that they were made for, or --unknown ignore."
        )
    rows = np.concatenate([data.rows(split) for split in splits])
    counts = found.predictions[rows]
    if (counts > 1).any() and repeated == "refuse":
        raise InputError(
            f"{int((counts > 1).sum()):,} expressions have several predictions, for example "
            f"{', '.join(found.repeated)}: give --repeated merge or instances if each is a part of the "
            "answer, else first or last."
        )
    if (counts == 0).any() and missing == "refuse":
        absent = [data.expression(int(row)) for row in rows[counts == 0][:_EXAMPLES]]
        named = ", ".join(Key(ids=(each.ref_id, each.sent_id)).describe() for each in absent)
        raise InputError(
            f"{int((counts == 0).sum()):,} of {len(rows):,} expressions of {', '.join(splits)} have no prediction, for "
            f'example {named}: give --missing nothing to take "nothing" for their answer, skip to leave them out, '
            "or name the splits to score with --split."
        )


def groups(
    predictions: Predictions, keys: Keys, found: Matching, wanted: np.ndarray, repeated: Repeated
) -> Iterator[tuple[int, list[Entry]]]:
    """Yield each wanted row with its predictions, as soon as all of them were read.

    Only parts of an answer that wait for the others are in memory.

    wanted: (T,) bool, the rows of interest.
    """
    waiting: dict[int, list[Entry]] = {}
    seen: Counter[int] = Counter()  # of rows that are answered by one of several predictions
    for entry in predictions:
        row = keys.row(entry)
        if row is None or not wanted[row]:
            continue
        total = int(found.predictions[row])
        if total == 1:
            yield row, [entry]
        elif repeated in ("first", "last"):
            seen[row] += 1
            if seen[row] == (1 if repeated == "first" else total):
                yield row, [entry]
        else:
            parts = waiting.setdefault(row, [])
            parts.append(entry)
            if len(parts) == total:
                del waiting[row]
                yield row, parts
