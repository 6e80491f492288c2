"""Reference rows without a model: what answers are worth that look at no pixel, scored by the same rules as models.

always nothing            presence 0 and an empty mask: gIoU is the share of no-target expressions
all objects               presence 1 and every annotated object of the picture: the words are ignored
named category            every annotated object of the categories that the words name (`NamedCategories`), all objects
                          where they name none; present if there is such an object
presence by words         all objects, with the presence that the words alone tell: a logistic regression on the bag of
                          words, fitted on train

The last three paint annotated objects, so they are oracles for outlines: a floor for what masks must beat, and a
measure of how much of the metric is outlines. Crowd regions are never painted.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from itertools import groupby
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from grisq.data.grefcoco import Annotation, Expression, GRefCOCO
from grisq.data.letterbox import Letterbox
from grisq.evaluation.bits import InstanceMasks, count, no_pixels
from grisq.evaluation.named_categories import NamedCategories
from grisq.evaluation.outcomes import Samples, round_down
from grisq.evaluation.protocols import PROTOCOLS
from grisq.runtime.errors import InputError

_SIDE = PROTOCOLS["rela"].square
_SIZE = (_SIDE, _SIDE)


class Painting(NamedTuple):
    """The answer of a reference row to one expression."""

    presence: float  # probability
    ann_ids: Sequence[int]  # annotated objects that its mask is made of


Painter = Callable[[Expression, Sequence[Annotation]], Painting]
"""Answers an expression, given the annotated objects of its picture."""


def paint_nothing(expression: Expression, objects: Sequence[Annotation]) -> Painting:
    """Answer "nothing"."""
    return Painting(0.0, ())


def paint_all(expression: Expression, objects: Sequence[Annotation]) -> Painting:
    """Answer with every object."""
    return Painting(1.0, [each.ann_id for each in objects])


def named_category_painter(data: GRefCOCO) -> Painter:
    """Make the row that answers with the objects of the named categories."""
    categories = NamedCategories(data.categories)

    def paint(expression: Expression, objects: Sequence[Annotation]) -> Painting:
        named = categories.find(expression.text)
        found = [each.ann_id for each in objects if each.category_id in named or not named]
        return Painting(float(bool(found)), found)

    return paint


def words_painter(data: GRefCOCO) -> Painter:
    """Make the row whose presence is told by the words alone.

    Raises: InputError if train is missing, or if all of its expressions have a target, or none.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    rows = data.rows("train")
    present = data.target_counts[rows] > 0
    if present.all() or not present.any():
        raise InputError(f"The train split of {data.root} does not show what presence is: it has one kind only.")
    texts = data.expressions["text"].take(rows).to_pylist()
    model = make_pipeline(CountVectorizer(token_pattern=r"[\w&]+"), LogisticRegression(max_iter=1000))
    model.fit(texts, present)

    def paint(expression: Expression, objects: Sequence[Annotation]) -> Painting:
        presence = float(model.predict_proba([expression.text])[0, 1])
        return Painting(round_down(presence), [each.ann_id for each in objects])

    return paint


def answer(data: GRefCOCO, split: str, painter: Painter, *, progress: bool = True) -> Samples:
    """Score a reference row on a split as `rela` compares masks: at 480x480 pixels, drawn as an evaluation draws them.

    Args:
        data: the data set; its pictures are not opened.
        split: of the data set.
        painter: the row.
        progress: whether to draw a bar.

    Returns:
        The predictions for every expression in the order of the table, objects included.

    Raises:
        InputError: for a split that does not exist.
    """
    rows = sorted(data.rows(split).tolist(), key=lambda row: (int(data.image_ids[row]), row))
    bar = tqdm(rows, unit="expression", desc=split, disable=not progress, leave=False)
    instances = InstanceMasks(data, limit=0)
    pictures = groupby(bar, lambda row: int(data.image_ids[row]))
    lines = [line for image, found in pictures for line in _lines(data, image, found, painter, instances)]
    lines.sort(key=lambda line: line["row"])
    columns = {name: [line[name] for line in lines] for name in lines[0]}
    return Samples(**columns, plurality=None)


def _lines(
    data: GRefCOCO, image: int, rows: Iterable[int], painter: Painter, instances: InstanceMasks
) -> Iterator[dict]:
    """What is stored of each expression about one picture, whose objects are drawn once."""
    objects = [each for each in data.annotations_of(image) if not each.iscrowd]
    info = data.image(image)
    ann_ids = tuple(each.ann_id for each in objects)
    drawn = dict(zip(ann_ids, instances.of(ann_ids, Letterbox(info.width, info.height, _SIDE), _SIZE)))
    for row in rows:
        expression = data.expression(row)
        painting = painter(expression, objects)
        predicted = _union(drawn[each] for each in painting.ann_ids)
        targets = [drawn[each] for each in expression.ann_ids]
        annotated = _union(targets)
        yield {
            "row": row,
            "image": image,
            "target_count": expression.target_count,
            "predicted": count(predicted),
            "annotated": count(annotated),
            "intersection": count(predicted & annotated),
            "presence": painting.presence,
            "instance_pixels": [count(each) for each in targets],
            "instance_covered": [count(each & predicted) for each in targets],
        }


def _union(drawn: Iterable[np.ndarray]) -> np.ndarray:
    """The union of packed masks."""
    return reduce(np.bitwise_or, drawn, no_pixels(_SIZE))
