"""Writes a folder in gRefCOCO's own format: records of refs and instances."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from grisq.data.layout import NOBODY
from grisq.data.synthetic.expression_sampler import SINGLE, Description

WORDINGS = 3  # at most so many sentences for one single-target ref, as in RefCOCO


def group_sentences(pluralities: Sequence[str], rng: np.random.Generator) -> list[tuple[str, int]]:
    """Which refs to make: (plurality, number of sentences); single-target refs share out theirs, others have one."""
    refs = [(plurality, 1) for plurality in pluralities if plurality != SINGLE]
    left = sum(plurality == SINGLE for plurality in pluralities)
    while left:
        size = int(rng.integers(1, min(WORDINGS, left) + 1))
        refs.append((SINGLE, size))
        left -= size
    return refs


def wordings(description: Description, count: int, rng: np.random.Generator) -> list[str]:
    """So many sentences that mean the same, all different where the grammar has so many."""
    found: list[str] = []
    for _ in range(20 * count):
        sentence = description.tree.render(rng)
        if sentence not in found:
            found.append(sentence)
        if len(found) == count:
            return found
    return [found[i % len(found)] for i in range(count)]


def ref_record(
    image: dict[str, Any],
    split: str,
    description: Description,
    sentences: Sequence[str],
    category_of: dict[int, int],
) -> dict[str, Any]:
    """A ref without its running numbers; `tree` and `kind` are ours, the rest is gRefCOCO's.

    `kind` is the form of the expression ("ordinal", "and", ...) or, of a no-target one, "near" or "far".
    """
    targets = list(description.targets)
    return {
        "image_id": image["id"],
        "file_name": image["file_name"],
        "split": split,
        "ann_id": targets or NOBODY,
        "category_id": [category_of[target] for target in targets] or NOBODY,
        "no_target": not targets,
        "sentences": [{"raw": s, "sent": s.lower(), "tokens": s.lower().split()} for s in sentences],
        "tree": description.tree.to_json(),
        "kind": description.form,
    }
