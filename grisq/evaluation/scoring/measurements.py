"""Pixel counts of every expression that was scored: small, kept in a file, and merged exactly."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from grisq.data.grefcoco import GRefCOCO
from grisq.evaluation.outcomes import Outcomes
from grisq.evaluation.protocols import PixelCounts
from grisq.evaluation.scoring.pixel_counts import Counted
from grisq.runtime.errors import InputError
from grisq.runtime.files import atomic_file
from grisq.runtime.shard import WHOLE, Shard

ENDING = ".parquet"
_THE_SAME = {  # in all shards of one scoring
    "source": "predictions",
    "digest": "predictions",
    "data": "data",
    "splits": "splits",
    "rules": "rules",
}
_PARTS = ("predicted", "annotated", "both", "area")


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How predictions became pixel counts."""

    missing: str  # what an expression without prediction is taken for
    repeated: str  # what several predictions of an expression are
    unknown: str  # what is done with predictions about no expression
    resize: str  # how masks of other sizes are brought to the compared one
    squares: tuple[int | None, ...]  # sides at which masks were compared; None: the picture's own size


@dataclass(frozen=True)
class Measurements:
    """The pixel counts of N expressions."""

    data: str  # SHA-256 of the annotations
    source: str  # name of the predictions
    digest: str  # SHA-256 of the predictions, "" unless this is a shard
    splits: tuple[str, ...]
    rules: Rules
    row: np.ndarray  # (N,) of the data set's table of expressions, ascending
    presence: np.ndarray | None  # (N,) probability; None if predictions have none
    counts: np.ndarray  # (squares, N, 4) int64: predicted, annotated, both, pixels of the picture
    instance_pixels: list[tuple[int, ...]]  # of each annotated object, at the first square
    instance_covered: list[tuple[int, ...]]
    masks: np.ndarray  # (N,) predicted masks
    matched: np.ndarray  # (N,) annotated objects that are one of them; 0 unless several masks are instances
    matching: dict[str, int] = field(default_factory=dict)  # what was missing, repeated, unknown
    shard: Shard = WHOLE  # which part of the expressions this is

    def outcomes(self, square: int | None, chosen: np.ndarray, data: GRefCOCO) -> Outcomes:
        """Return the chosen expressions, (N,) bool, compared at one size."""
        counts = self.counts[self.rules.squares.index(square)][chosen]
        presence = None if self.presence is None else self.presence[chosen]
        return Outcomes(data.target_counts[self.row[chosen]].astype(np.int64), PixelCounts(*counts.T), presence)

    def write(self, path: Path) -> None:
        """Write a parquet file that `read` and `merge` take. Raises InputError if it cannot be written."""
        columns = {
            "row": self.row,
            "masks": self.masks,
            "matched": self.matched,
            "instance_pixels": pa.array(map(list, self.instance_pixels), pa.list_(pa.int64())),
            "instance_covered": pa.array(map(list, self.instance_covered), pa.list_(pa.int64())),
        }
        for square, values in zip(self.rules.squares, self.counts):
            columns |= {f"{part}@{square}": values[:, i] for i, part in enumerate(_PARTS)}
        if self.presence is not None:
            columns["presence"] = self.presence
        about = {name: getattr(self, name) for name in ("data", "source", "digest", "splits", "matching")}
        about["rules"] = msgspec.to_builtins(self.rules)
        about["shard"] = [self.shard.number, self.shard.total]
        table = pa.table(columns).replace_schema_metadata({"grisq": json.dumps(about)})
        with atomic_file(path) as partial:
            pq.write_table(table, partial)


def of_counted(
    counted: Iterable[Counted],
    presence: dict[int, float] | None,
    *,
    data: GRefCOCO,
    source: str,
    digest: str,
    splits: Sequence[str],
    rules: Rules,
    matching: dict[str, int],
    shard: Shard = WHOLE,
) -> Measurements:
    """Put counts into columns, by row. presence: probability by row, None if predictions have none."""
    found = sorted(counted, key=lambda each: each.row)
    counts = np.array([each.counts for each in found], dtype=np.int64).reshape(len(found), len(rules.squares), 4)
    return Measurements(
        data=data.content_hash,
        source=source,
        digest=digest,
        splits=tuple(splits),
        rules=rules,
        row=np.array([each.row for each in found], dtype=np.int64),
        presence=None if presence is None else np.array([presence[each.row] for each in found], dtype=float),
        counts=counts.transpose(1, 0, 2),
        instance_pixels=[each.instance_pixels for each in found],
        instance_covered=[each.instance_covered for each in found],
        masks=np.array([each.masks for each in found], dtype=np.int64),
        matched=np.array([each.matched for each in found], dtype=np.int64),
        matching=matching,
        shard=shard,
    )


def read(path: Path) -> Measurements:
    """Read a file of `Measurements.write`. Raises InputError if it is something else."""
    try:
        table = pq.read_table(path)
        about = json.loads(table.schema.metadata[b"grisq"])
        rules = msgspec.convert(about["rules"], Rules)
        columns = {name: table[name] for name in table.column_names}
        counts = [[columns[f"{part}@{square}"].to_numpy() for part in _PARTS] for square in rules.squares]
        return Measurements(
            data=about["data"],
            source=about["source"],
            digest=about["digest"],
            splits=tuple(about["splits"]),
            rules=rules,
            row=columns["row"].to_numpy(),
            presence=columns["presence"].to_numpy() if "presence" in columns else None,
            counts=np.array(counts, dtype=np.int64).transpose(0, 2, 1),
            instance_pixels=list(map(tuple, columns["instance_pixels"].to_pylist())),
            instance_covered=list(map(tuple, columns["instance_covered"].to_pylist())),
            masks=columns["masks"].to_numpy(),
            matched=columns["matched"].to_numpy(),
            matching=about["matching"],
            shard=Shard(*about["shard"]),
        )
    except FileNotFoundError:
        raise InputError(f"{path} is missing: write it with --out {path.name}.") from None
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError, msgspec.ValidationError) as error:
        raise InputError(f"{path} holds no pixel counts of grisq score ({error}): write it with --out.") from None


def counted_alike(one: Measurements, other: Measurements) -> bool:
    """Whether the rules of both give the same counts. What is done with missing predictions matters if some are."""

    def same(name: str) -> bool:
        idle = not one.matching[name] and not other.matching[name]
        return idle or getattr(one.rules, name) == getattr(other.rules, name)

    return one.rules.resize == other.rules.resize and same("missing") and same("repeated")


def merge(parts: Sequence[Measurements]) -> Measurements:
    """Put the shards of one scoring together.

    Raises:
        InputError: if they are of different predictions, data or rules, or if a shard is missing or there twice.
    """
    first = parts[0]
    for other in parts[1:]:
        for name, called in _THE_SAME.items():
            if getattr(other, name) != getattr(first, name):
                raise InputError(f"Two shards differ in their {called}: merge the shards of one scoring.")
        if (other.presence is None) != (first.presence is None):
            raise InputError(
                "Some shards have a probability of presence and others none: give all of them one, or none."
            )
    total = first.shard.total
    numbers = sorted(each.shard.number for each in parts)
    if any(each.shard.total != total for each in parts) or numbers != list(range(1, total + 1)):
        named = ", ".join(f"{each.shard.number}/{each.shard.total}" for each in parts)
        raise InputError(f"These are the shards {named}: give each of the {total} exactly once.")
    row = np.concatenate([each.row for each in parts])
    order = np.argsort(row, kind="stable")

    def joined(name: str, axis: int = 0) -> np.ndarray:
        return np.take(np.concatenate([getattr(each, name) for each in parts], axis), order, axis)

    def listed(name: str) -> list:
        whole = [value for each in parts for value in getattr(each, name)]
        return [whole[i] for i in order]

    return replace(
        first,
        row=row[order],
        presence=None if first.presence is None else joined("presence"),
        counts=joined("counts", 1),
        instance_pixels=listed("instance_pixels"),
        instance_covered=listed("instance_covered"),
        masks=joined("masks"),
        matched=joined("matched"),
        matching={name: sum(each.matching[name] for each in parts) for name in first.matching},
        shard=WHOLE,
    )
