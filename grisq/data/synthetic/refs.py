"""Ref records in gRefCOCO's format, and the sentences of each ref."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from grisq.data.layout import NOBODY
from grisq.data.scenarios import SINGLE_TARGET
from grisq.data.synthetic.expression_sampler import Description
from grisq.data.synthetic.vocabulary import LEXICON, Lexicon

MAX_SENTENCES = 3  # for one single-target ref, as in RefCOCO


def group_sentences(scenarios: Sequence[str], rng: np.random.Generator) -> list[tuple[str, int]]:
    """Group the sentences of a picture into refs.

    Args:
        scenarios: The scenario of each sentence.
        rng: Source of the sizes of the groups.

    Returns:
        (scenario, number of sentences) of each ref; only single-target refs have more than one sentence.
    """
    refs = [(scenario, 1) for scenario in scenarios if scenario != SINGLE_TARGET]
    left = sum(scenario == SINGLE_TARGET for scenario in scenarios)
    while left:
        size = int(rng.integers(1, min(MAX_SENTENCES, left) + 1))
        refs.append((SINGLE_TARGET, size))
        left -= size
    return refs


def wordings(description: Description, count: int, rng: np.random.Generator, lexicon: Lexicon = LEXICON) -> list[str]:
    """Word an expression `count` times, in different ways where the grammar has enough of them.

    Args:
        description: The expression.
        count: Number of sentences.
        rng: Source of the choice among wordings.
        lexicon: The words for its nouns.
    """
    found: list[str] = []
    for _ in range(20 * count):
        sentence = description.tree.render(rng, lexicon)
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
    """Make a ref record without its running numbers.

    `tree` and `kind` are additions to gRefCOCO's fields; `kind` holds the expression's form ("ordinal", "and", ...) or,
    for a no-target expression, "near" or "far".

    Args:
        image: The COCO record of the picture.
        split: Name of the split.
        description: The expression with its targets.
        sentences: Its wordings.
        category_of: Category id by annotation id.
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
