"""How often the words of one picture fit another: what swapping captions (Sec. 3.3) gets wrong, counted exactly.

The paper assumes that a caption rarely applies to another picture. Where expressions have a computed meaning, every
expression can be asked of every other picture.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping

import pandas as pd

from grisq.data.grefcoco import GRefCOCO
from grisq.data.synthetic.expression_sampler import leaves
from grisq.data.synthetic.grammar import parse_tree
from grisq.data.synthetic.noun_phrases import Node
from grisq.data.synthetic.scene import Scene, read_scenes
from grisq.runtime.errors import InputError

OUTCOMES = ("fits", "unclear", "nothing")
_DIRECTIONS = ("left", "right", "top", "bottom", "middle")


def outcome(tree: Node, scene: Scene) -> str:
    """What an expression means in a scene: it "fits" something, is "unclear" (people could disagree), or "nothing"."""
    meaning = tree.meaning(scene)
    if meaning is None:
        return "unclear"
    return "fits" if meaning else "nothing"


def conditions(tree: Node) -> int:
    """How specific an expression is: its nouns, colors, places, ranks, sizes and relations, counted.

    "the dog" has one, "red dog on the left" three, "red dog left of the red car" five.
    """
    return len(leaves(tree))


def is_spatial(tree: Node) -> bool:
    """Whether it speaks of a place or an order in the picture, which a mosaic's cell changes.

    Relations ("left of the car") stay true: both things move together.
    """
    return any(name in ("place", "side") or (name == "which" and word in _DIRECTIONS) for name, word in leaves(tree))


def swapped(data: GRefCOCO, split: str) -> pd.DataFrame:
    """Every single-target expression of a split, asked of the pictures of all its other single-target expressions.

    One line per expression: text, form, conditions, spatial, and the shares of those pictures where it fits, is
    unclear, or means nothing. With words drawn as in Sec. 3.3, from a batch large enough, the mean of `fits` is the
    share of synthetic no-target samples that have a target after all; nan where there is no other picture. Asks every
    distinct expression of every picture: seconds for 500 of each, too long for a large training split.
    Errors: InputError if the set's expressions have no computed meaning.
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
        total = elsewhere.total() or math.nan
        shares = {name: elsewhere[name] / total for name in OUTCOMES}
        known = {"conditions": conditions(trees[tree]), "spatial": is_spatial(trees[tree])}
        lines.append({"text": text, "form": form} | known | shares)
    return pd.DataFrame(lines)


def _outcomes(tree: Node, scenes: Mapping[int, Scene], slots: Mapping[int, int]) -> Counter[str]:
    """How many slots fit, are unclear, or mean nothing to the expression."""
    found: Counter[str] = Counter()
    for picture, count in slots.items():
        found[outcome(tree, scenes[picture])] += count
    return found
