"""Counts of a data set by split, next to the paper's and the known releases' (Sec. 4.1; as in Tab. A4)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from grisq.data.grefcoco import GRefCOCO, table
from grisq.data.scenarios import SCENARIOS, count_scenarios

# Sec. 4.1 and Sec. 3.3 of the paper.
PAPER = {"images": 19_994, "expressions": 259_859, "masks": 83_513}
PAPER_TRAIN_SHARES = {"no-target": 9.14, "multi-target": 25.53}  # percent of the training expressions


@dataclass(frozen=True)
class Release:
    """A published state of gRefCOCO's annotations: expressions by split and target count, None where unknown."""

    name: str
    refs_sha256: str | None  # of grefs(unc).json
    splits: dict[str, tuple[int, int | None, int | None, int | None]]  # total, no, single, multi


CURRENT = Release(
    "gRefCOCO as distributed in 2025",
    "cc37c5ff95373c78a6a3f98b4c7bc67fde387ea8514752a1392db64223eb3366",
    {
        "train": (209_344, 19_140, 120_624, 69_580),
        "val": (14_229, 8_905, 0, 5_324),
        "testA": (19_200, 4_448, 5_917, 8_835),
        "testB": (16_063, 4_673, 5_646, 5_744),
    },
)
# Sums to the paper's 259,859; its val split still had single-target expressions.
EARLIER = Release(
    "gRefCOCO after its update of August 2023",
    None,
    {
        "train": (209_344, None, None, None),
        "val": (16_870, None, None, None),
        "testA": (18_712, None, None, None),
        "testB": (14_933, None, None, None),
    },
)
# Not a release: `grisq.data.foreign.join` adds RefCOCO's single-target expressions about val's pictures.
JOINED = Release(
    "no release: gRefCOCO as distributed in 2025, its val joined with RefCOCO's single-target val",
    None,
    CURRENT.splits | {"val": (25_063, 8_905, 10_834, 5_324)},
)
RELEASES = (CURRENT, EARLIER)
_KNOWN = (*RELEASES, JOINED)
_UNKNOWN = "none that is known"


def release_of(data: GRefCOCO) -> str:
    """Name the release, by its file's SHA-256 or else by its numbers of expressions."""
    sizes = {split: len(data.rows(split)) for split in data.splits}
    for release in _KNOWN:
        if data.refs_hash == release.refs_sha256:
            return release.name
    for release in _KNOWN:
        if sizes == {split: counts[0] for split, counts in release.splits.items()}:
            return f"{release.name} (by its counts; the file differs)"
    return f"{_UNKNOWN} (SHA-256 {data.refs_hash[:12]})"


def is_known(data: GRefCOCO) -> bool:
    """Whether the set's annotations are those of a known set, as their hash or their counts say."""
    return not release_of(data).startswith(_UNKNOWN)


def beside_known(data: GRefCOCO) -> pd.DataFrame:
    """Count expressions by split and scenario, each next to the count of the release that the data belong to.

    Without a known release it is the current one's; "?" where a number is not published.
    """
    known = next((each for each in _KNOWN if each.name == release_of(data).split(" (")[0]), CURRENT)
    lines = {}
    for split in data.splits:
        by_scenario = count_scenarios(data.target_counts[data.rows(split)])
        found = (sum(by_scenario.values()), *by_scenario.values())
        published = known.splits.get(split, (None,) * len(found))
        pairs = zip(("expressions", *SCENARIOS), found, published)
        lines[split] = {name: f"{count:,} ({_published(count, other)})" for name, count, other in pairs}
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("found (known)")


def _published(found: int, known: int | None) -> str:
    return "?" if known is None else "=" if known == found else f"{known:,}"


def counts(data: GRefCOCO) -> pd.DataFrame:
    """Count, for each split and "all", images, refs, expressions, masks and expressions by target count.

    Masks are distinct annotations that are meant; shares of the scenarios are in percent.
    """
    lines = {split: _line(table(data, split)) for split in data.splits}
    lines["all"] = _line(data.expressions)
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("split")


def _line(rows: pa.Table) -> dict[str, int | float]:
    targets = rows["target_count"].to_numpy()
    total = max(len(targets), 1)
    by_scenario = count_scenarios(targets)
    line = {
        "images": pc.count_distinct(rows["image_id"]).as_py(),
        "refs": pc.count_distinct(rows["ref_id"]).as_py(),
        "expressions": len(targets),
        "masks": pc.count_distinct(pc.list_flatten(rows["ann_ids"])).as_py(),
    }
    line |= by_scenario | {"two": int((targets == 2).sum()), "three or more": int((targets > 2).sum())}
    return line | {f"{name} %": round(100 * count / total, 2) for name, count in by_scenario.items()}


def per_expression(data: GRefCOCO) -> pd.DataFrame:
    """List split, scenario (column `kind`), targets and words of every expression, for histograms."""
    targets = data.target_counts
    return pd.DataFrame(
        {
            "split": data.expressions["split"].to_pylist(),
            "kind": np.array(SCENARIOS)[np.minimum(targets, 2)],
            "targets": targets,
            "words": [len(text.split()) for text in data.expressions["text"].to_pylist()],
        }
    )


def category_histogram(data: GRefCOCO, split: str | None = None) -> pd.Series:
    """Count how often an object of each category is meant, in all splits or in one, most frequent first."""
    rows = data.expressions if split is None else table(data, split)
    meant = pc.value_counts(pc.list_flatten(rows["category_ids"])).to_pylist()
    names = {data.categories[each["values"]]: each["counts"] for each in meant}
    return pd.Series(names, name="targets", dtype=int).sort_values(ascending=False, kind="stable")


class Ceiling(NamedTuple):
    """How well labels can be predicted from the text alone, at most."""

    expressions: int  # those whose text occurs at least twice
    right: float  # percent of them that the best function of the text predicts correctly
    from_others: float  # percent that the other expressions with the same text predict correctly
    always: float  # percent that the same answer every time predicts correctly


def text_ceiling(texts: Sequence[str], labels: np.ndarray) -> Ceiling:
    """Measure how well any function of the text alone can predict the labels of these very expressions.

    The best it can do is each text's most frequent label, which it has to know. `from_others` knows less: it predicts
    each label as the majority of the other expressions with that text, and as the most frequent label of all where they
    are divided. Texts that occur once decide nothing and are left out.

    Args:
        texts: N expressions; upper and lower case are the same.
        labels: (N,) bool.
    """
    frame = pd.DataFrame({"text": [text.lower().strip() for text in texts], "label": labels})
    groups = frame.groupby("text")["label"]
    frame = frame.assign(size=groups.transform("size"), sum=groups.transform("sum"))[groups.transform("size") > 1]
    if frame.empty:
        return Ceiling(0, math.nan, math.nan, math.nan)
    label, size = frame["label"].to_numpy(bool), frame["size"].to_numpy()
    mean, of_others = (frame["sum"] / size).to_numpy(), ((frame["sum"] - label) / (size - 1)).to_numpy()
    guess = np.where(of_others == 0.5, label.mean() > 0.5, of_others > 0.5)
    shares = np.maximum(mean, 1 - mean).mean(), (guess == label).mean(), max(label.mean(), 1 - label.mean())
    return Ceiling(len(frame), *(float(100 * share) for share in shares))
