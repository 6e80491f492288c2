"""Samples expressions about the pictures of a COCO instances document.

COCO annotates neither colors nor men and women, so these expressions use categories, hypernyms, positions, sizes,
counts, relations, "and" and "except". No expression mentions a category of which the picture holds a crowd region or an
instance too small to be counted.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from grisq.data.scenarios import MULTI_TARGET, NO_TARGET, SINGLE_TARGET
from grisq.data.synthetic.category_nouns import Words, name_categories
from grisq.data.synthetic.expression_sampler import Description, describe
from grisq.data.synthetic.refs import ref_record, wordings
from grisq.data.synthetic.scene import Scene, scenes_of
from grisq.data.synthetic.specs import SHARES
from grisq.data.synthetic.splits import assign_splits, fill_train_and_val
from grisq.data.synthetic.vocabulary import COCO_NAMES, HYPERNYMS, LEXICON, Lexicon, Vocabulary, is_human

EXPRESSIONS_PER_PICTURE = 4


class Described(NamedTuple):
    """A document with its expressions."""

    document: dict[str, Any]  # its categories have a `noun` where expressions do not use the name
    refs: list[dict[str, Any]]
    notes: tuple[str, ...]  # what was merged and what is left out, one sentence each


def describe_document(
    document: dict[str, Any], *, seed: int, val_share: float, words: Words | None = None, progress: bool = True
) -> Described:
    """Sample expressions about every picture; each picture has its own generator.

    Args:
        document: A parsed COCO instances file.
        seed: Another seed gives other expressions and splits.
        val_share: Share of the pictures for val.
        words: The user's own singular and plural by category name.
        progress: Whether to show a progress bar.

    Raises:
        InputError: If `words` do not fit the categories, or if no category has a name to use.
    """
    annotated = {record["category_id"] for record in document["annotations"]}
    names = name_categories(document["categories"], annotated, words)
    document = {**document, "categories": [_with_noun(c, names.noun_of[c["id"]]) for c in document["categories"]]}
    vocabulary = vocabulary_of([noun for noun in names.noun_of.values() if noun is not None], names.lexicon)
    scenes = scenes_of(document)
    splits = assign_splits(scenes, val_share, np.random.default_rng([seed, len(scenes)]))
    category_of = {record["id"]: record["category_id"] for record in document["annotations"]}
    owed = {split: Counter[str]() for split in SHARES}
    refs = []
    for image in tqdm(document["images"], desc="expressions", unit="picture", disable=not progress):
        split = splits[image["id"]]
        rng = np.random.default_rng([seed, len(scenes), image["id"]])
        for found in _describe_picture(scenes[image["id"]], split, owed[split], vocabulary, rng):
            sentences = wordings(found, 1, rng, vocabulary.lexicon)
            refs.append(ref_record(image, split, found, sentences, category_of))
    fill_train_and_val(refs, val_share)
    return Described(document, refs, (*names.notes, *_notes_on_splits(refs, val_share)))


def vocabulary_of(nouns: Iterable[str], lexicon: Lexicon = LEXICON) -> Vocabulary:
    """Collect the nouns of a set, and the hypernyms that its annotations decide.

    "Animal" needs every animal of COCO among the categories, and no category outside COCO, which could be one more.
    """
    own = tuple(dict.fromkeys(nouns))
    complete = [name for name, members in HYPERNYMS.items() if members <= set(own) <= COCO_NAMES]
    return Vocabulary((*own, *complete), lexicon=lexicon)


def _with_noun(category: dict[str, Any], noun: str | None) -> dict[str, Any]:
    return category if category["name"] == noun else {**category, "noun": noun}


def _describe_picture(
    scene: Scene, split: str, owed: Counter[str], vocabulary: Vocabulary, rng: np.random.Generator
) -> list[Description]:
    """Sample up to twice EXPRESSIONS_PER_PICTURE; what a picture cannot serve stays owed by the split's next ones."""
    if not scene.instances and not scene.unclear:
        return []
    shares = SHARES[split]
    for _ in range(EXPRESSIONS_PER_PICTURE):
        draw = rng.random()
        several = draw < shares.no_target + shares.multi
        owed[NO_TARGET if draw < shares.no_target else MULTI_TARGET if several else SINGLE_TARGET] += 1
    about = is_human if split == "testA" else None
    found: list[Description] = []
    for scenario in (MULTI_TARGET, SINGLE_TARGET, NO_TARGET):
        while owed[scenario] and len(found) < 2 * EXPRESSIONS_PER_PICTURE:
            known = [description.tree for description in found]
            description = describe(scene, scenario, vocabulary, rng, about=about, known=known)
            if description is None:
                break
            found.append(description)
            owed[scenario] -= 1
    return found


def _notes_on_splits(refs: list[dict[str, Any]], val_share: float) -> list[str]:
    """Explain why a set has no val although it should."""
    if val_share == 0 or len({ref["image_id"] for ref in refs}) != 1:
        return []
    return [
        f"Only one picture, {refs[0]['file_name']}, has expressions, so the set has no val: annotate a second one "
        "before training on it."
    ]
