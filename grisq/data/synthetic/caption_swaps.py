"""Counts how often the caption of one picture fits another one: the false negatives of swapped captions (Sec. 3.3).

The paper assumes that a caption rarely applies to another picture. Where expressions have a computed meaning, every
expression can be evaluated in every other picture.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping

import pandas as pd

from grisq.data.grefcoco import GRefCOCO
from grisq.data.synthetic.expression_trees import leaves, shares_word
from grisq.data.synthetic.grammar import parse_tree
from grisq.data.synthetic.noun_phrases import Node
from grisq.data.synthetic.scene import Scene, read_scenes
from grisq.data.synthetic.wording import IN_PICTURE
from grisq.runtime.errors import InputError

OUTCOMES = ("fits", "unclear", "nothing")
_DIRECTIONS = (*IN_PICTURE, *IN_PICTURE.values())


def outcome(tree: Node, scene: Scene) -> str:
    """Classify what an expression means in a scene: "fits", "unclear" (people could disagree) or "nothing"."""
    meaning = tree.meaning(scene)
    if meaning is None:
        return "unclear"
    return "fits" if meaning else "nothing"


def conditions(tree: Node) -> int:
    """Count the nouns, colors, places, ranks, sizes and relations of an expression: how specific it is.

    "the dog" has one, "red dog on the left" three, "red dog left of the red car" five.
    """
    return len(leaves(tree))


def is_spatial(tree: Node) -> bool:
    """Return whether an expression names a place or an order in the picture, which changes in a mosaic.

    Relations ("left of the car") remain true, since both objects move together.
    """
    return any(name in ("place", "side") or (name == "which" and word in _DIRECTIONS) for name, word in leaves(tree))


def swapped(data: GRefCOCO, split: str) -> pd.DataFrame:
    """Evaluate every single-target expression of a split in the pictures of all other single-target expressions.

    If captions are swapped as in Sec. 3.3, within a large enough batch, the mean of `fits` is the share of synthetic
    no-target samples that do have a target. Every distinct expression is evaluated in every picture: seconds for 500
    of each, too slow for a large train split.

    Args:
        data: A set whose expressions have a computed meaning.
        split: Name of the split.

    Returns:
        One line per expression: text, form, conditions, spatial, and the shares of those pictures where it fits, is
        unclear, or means nothing, and of `near`, where it means nothing and still shares a noun or a color with the
        picture; nan where there is no other picture.

    Raises:
        InputError: If the expressions have no computed meaning.
    """
    rows = [int(row) for row in data.rows(split) if data.target_counts[row] == 1]
    texts, forms, stored = (data.expressions[name].take(rows).to_pylist() for name in ("text", "kind", "tree"))
    if not rows or None in stored:
        raise InputError(f"The {split} split of {data.root} has no single-target expressions with a computed meaning.")
    scenes, own = read_scenes(data.root), data.image_ids[rows].tolist()
    slots = Counter(own)  # how many single-target expressions each picture has
    trees = {text: parse_tree(json.loads(text)) for text in set(stored)}
    everywhere = {text: _outcomes(tree, scenes, slots) for text, tree in trees.items()}
    lines = []
    for text, form, tree, picture in zip(texts, forms, stored, own):
        elsewhere = everywhere[tree] - Counter({outcome(trees[tree], scenes[picture]): slots[picture]})
        total = sum(elsewhere[name] for name in OUTCOMES) or math.nan
        shares = {name: elsewhere[name] / total for name in (*OUTCOMES, "near")}
        known = {"conditions": conditions(trees[tree]), "spatial": is_spatial(trees[tree])}
        lines.append({"text": text, "form": form} | known | shares)
    return pd.DataFrame(lines)


def _outcomes(tree: Node, scenes: Mapping[int, Scene], slots: Mapping[int, int]) -> Counter[str]:
    """Count the slots where the expression fits, is unclear, or means nothing, and the near ones of the last."""
    found: Counter[str] = Counter()
    for picture, count in slots.items():
        name = outcome(tree, scenes[picture])
        found[name] += count
        found["near"] += count * (name == "nothing" and shares_word(tree, scenes[picture]))
    return found
