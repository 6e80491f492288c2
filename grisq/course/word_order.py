"""The same words in another order: pictures with two objects that can be told apart, and where the masks then lie."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow.compute as pc
from matplotlib.figure import Figure

from grisq.course.style import OKABE_ITO
from grisq.data import masks
from grisq.data.grefcoco import Annotation, GRefCOCO
from grisq.data.synthetic.grammar import parse_tree
from grisq.data.synthetic.scene import read_scenes
from grisq.inference.segmenter import Segmenter
from grisq.runtime.errors import InputError

ANSWERS = ("on the left object", "on the right object", "elsewhere", "nothing")
_COLORS = (OKABE_ITO["reddish purple"], OKABE_ITO["yellow"], "0.8", "white")
_NORMAL_95 = 1.96  # standard errors to either side of a share
_WIDE = 12  # percent; the interval has no place in a bar that is narrower
_LEAST_IOU = 0.25  # with one of the two objects, for a mask to lie on it


@dataclass(frozen=True)
class ColoredPair:
    """Two objects of a picture, each the only one of its category, of different colors, side by side."""

    image_id: int
    left: np.ndarray  # (H, W) bool
    right: np.ndarray
    words: dict[str, str]  # A and its color a, on the left; B and its color b, on the right


def colored_pairs(data: GRefCOCO, splits: Sequence[str]) -> list[ColoredPair]:
    """Find one pair in each picture that has any: the box of the one ends before that of the other begins.

    Only synthetic sets know the colors of their objects. Persons are left out: their color is that of a shirt.

    Args:
        data: the data set.
        splits: whose pictures to look at.
    """
    rows = np.concatenate([data.rows(split) for split in splits])
    pairs = (_pair(data, int(image_id)) for image_id in np.unique(data.image_ids[rows]))
    return [pair for pair in pairs if pair]


def _pair(data: GRefCOCO, image_id: int) -> ColoredPair | None:
    objects = data.annotations_of(image_id)
    count = Counter(each.category_id for each in objects)
    alone = [
        each
        for each in objects
        if count[each.category_id] == 1 and "colour" in each.attributes and "variant" not in each.attributes
    ]
    for left, right in permutations(alone, 2):
        apart = left.bbox[0] + left.bbox[2] <= right.bbox[0]
        if apart and left.attributes["colour"] != right.attributes["colour"]:
            info = data.image(image_id)
            drawn = [masks.decode(masks.to_rle(each.segmentation, info.height, info.width)) for each in (left, right)]
            return ColoredPair(image_id, *drawn, _words(data, "Aa", left) | _words(data, "Bb", right))
    return None


def _words(data: GRefCOCO, letters: str, annotation: Annotation) -> dict[str, str]:
    return dict(zip(letters, (data.categories[annotation.category_id], annotation.attributes["colour"])))


def answers_by_order(
    segmenter: Segmenter, data: GRefCOCO, pairs: Sequence[ColoredPair], orders: Mapping[str, str]
) -> pd.DataFrame:
    """Ask about every pair in several orders of its words.

    A mask lies on the object with which its IoU is higher, if that is at least 0.25.

    Args:
        segmenter: the model.
        data: the data set of the pairs.
        pairs: see `colored_pairs`.
        orders: by name, sentences with the places {A}, {a}, {B} and {b}; see `ColoredPair.words`.

    Returns:
        A line for each order: the share in percent of each of `ANSWERS`.

    Raises:
        InputError: there are no pairs.
    """
    if not pairs:
        raise InputError("There is no pair of colored objects to ask about: take a synthetic set, or more splits.")
    found = pd.DataFrame(0.0, index=list(orders), columns=list(ANSWERS))
    for pair in pairs:
        sentences = [order.format(**pair.words) for order in orders.values()]
        for name, said in zip(orders, segmenter(data.image_path(pair.image_id), sentences)):
            found.loc[name, _place(said.mask, pair)] += 100 / len(pairs)
    return found


def _place(mask: np.ndarray, pair: ColoredPair) -> str:
    """Which of `ANSWERS` a mask is; an empty one is how a model says that nothing is meant."""
    if not mask.any():
        return "nothing"
    ious = [(mask & each).sum() / (mask | each).sum() for each in (pair.left, pair.right)]
    best = int(np.argmax(ious))
    return ANSWERS[best] if ious[best] >= _LEAST_IOU else "elsewhere"


def relations(data: GRefCOCO, split: str) -> dict[str, int]:
    """How often the relation of "dog left of the car" decides anything, in a split of a synthetic set.

    Args:
        data: the data set, with the trees of its expressions.
        split: whose expressions to count.

    Returns:
        Numbers of expressions: all; with a relation; with a target that the first phrase alone means as well; and
        without a target although the first phrase alone means something.
    """
    table = data.expressions.take(data.rows(split)).select(["tree", "image_id", "ann_ids"])
    related = table.filter(pc.starts_with(table["tree"], '["related"')).to_pylist()
    scenes = read_scenes(data.root)
    found = Counter({"all": len(table), "with a relation": len(related), "first phrase suffices": 0, "false": 0})
    for row in related:
        alone = parse_tree(json.loads(row["tree"])).noun.meaning(scenes[row["image_id"]])
        meant = frozenset(row["ann_ids"])
        found["first phrase suffices"] += bool(meant) and alone == meant
        found["false"] += bool(alone) and not meant
    return dict(found)


def answers_figure(answers: pd.DataFrame, pairs: int, right: Mapping[str, str], labels: Mapping[str, str]) -> Figure:
    """Draw the shares of the answers as a bar for each order, with half the width of their 95 % intervals.

    Args:
        answers: of `answers_by_order`.
        pairs: how many were asked about.
        right: the right one of `ANSWERS` for each order; it gets a tick.
        labels: of the orders.
    """
    figure, axis = plt.subplots(figsize=(11, 0.9 + 0.5 * len(answers)))
    start = np.zeros(len(answers))
    for (answer, shares), color in zip(answers.items(), _COLORS):
        bars = axis.barh(range(len(answers)), shares, left=start, color=color, edgecolor="black", linewidth=0.6)
        texts = [_text(share, pairs, right[order] == answer) for order, share in shares.items()]
        axis.bar_label(bars, texts, label_type="center", fontsize=8)
        bars.set_label(answer)
        start += shares.to_numpy()
    axis.set_yticks(range(len(answers)), [labels[order] for order in answers.index])
    axis.set(xlabel="% of the pairs", xlim=(0, 100), ylim=(len(answers) - 0.5, -0.5))
    figure.legend(loc="outside right center", frameon=False, title="the mask is")
    return figure


def _text(share: float, pairs: int, right: bool) -> str:
    """What is written in a bar: `88 ± 6 ✓`."""
    if share < 3:
        return ""
    half = _NORMAL_95 * (share * (100 - share) / pairs) ** 0.5
    return f"{share:.0f}" + (f" ± {half:.0f}" if share >= _WIDE else "") + (" ✓" if right else "")
