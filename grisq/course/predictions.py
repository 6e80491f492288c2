"""Rows of a data set chosen, given to a model, and its predictions next to the annotation."""

from collections.abc import Callable, Collection, Sequence

import numpy as np
from matplotlib.figure import Figure

from grisq.course.style import OKABE_ITO, rgb
from grisq.course.tiles import Tile, expression_tile, image_grid
from grisq.course.verdict import color_of, verdict
from grisq.data.grefcoco import GRefCOCO
from grisq.data.scenarios import rows_by_scenario
from grisq.inference.overlay import overlay
from grisq.inference.prediction import Prediction
from grisq.inference.segmenter import Segmenter
from grisq.runtime.errors import InputError

_IN_A_LINE = 6  # pictures side by side: more are too small to see
_EMPTY = Tile(np.full((1, 1, 3), 255, np.uint8), "")


def ask(segmenter: Segmenter, data: GRefCOCO, row: int) -> Prediction:
    """Predict a row's expression in its picture."""
    expression = data.expression(int(row))
    return segmenter(data.image_path(expression.image_id), expression.text)


def answer_tile(prediction: Prediction) -> Tile:
    """Draw a prediction under its expression, its answer and the probability of presence, in its kind's color."""
    title = f"{prediction.text}: {prediction.answer} ({prediction.presence:.2f})"
    return Tile(np.asarray(prediction.overlay()), title, color_of(prediction.answer))


def prediction_grid(segmenter: Segmenter, data: GRefCOCO, rows: Sequence[int], labels: tuple[str, str]) -> Figure:
    """Draw two lines of pictures: the annotation, and below it the prediction under its verdict; two more after six.

    Colors tell the kind, annotated above and answered below; marks tell right from wrong.

    Args:
        segmenter: the model.
        data: the data set.
        rows: of the data set, a column each.
        labels: of the two lines.
    """
    columns, tiles = min(len(rows), _IN_A_LINE), []
    for start in range(0, len(rows), columns):
        part = rows[start : start + columns]
        empty = [_EMPTY] * (columns - len(part))
        tiles += [expression_tile(data, row) for row in part] + empty
        tiles += [_judged(ask(segmenter, data, row), data, row) for row in part] + empty
    return image_grid(tiles, columns, rows=labels * (len(tiles) // columns // 2))


def _judged(said: Prediction, data: GRefCOCO, row: int) -> Tile:
    target = data.mask(row) if data.target_counts[row] else None
    title = verdict(said.answer, said.presence, said.mask, target)
    return Tile(np.asarray(said.overlay()), title, color_of(said.answer))


def asked_again_grid(predictions: Sequence[Prediction], changes: Sequence[str]) -> Figure:
    """Draw one picture asked several times: each mask under its words and its IoU with the first one's.

    Masks are drawn as they are before the presence decision: in the color of the kind that is answered, and in black
    where the answer is "nothing".

    Args:
        predictions: of one picture; the first is what the others are compared with.
        changes: what was done to the words, one for each prediction.
    """
    first = predictions[0].raw_mask
    tiles = []
    for said, change in zip(predictions, changes, strict=True):
        union = (said.raw_mask | first).sum()
        iou = (said.raw_mask & first).sum() / union if union else 1.0
        title = f"{change}:\n{said.text}\nIoU {iou:.2f}, presence {said.presence:.2f}"
        color = color_of(said.answer) if said.present else OKABE_ITO["black"]
        tiles.append(Tile(overlay(np.asarray(said.picture), said.raw_mask, rgb(color)), title))
    return image_grid(tiles, min(_IN_A_LINE, len(tiles)))


def rows_of_each_scenario(data: GRefCOCO, split: str, n: int, seed: int) -> list[int]:
    """Choose n random rows of each scenario, or all of them: no-target first, then single- and multi-target."""
    rng, rows = np.random.default_rng(seed), data.rows(split)
    by_scenario = rows_by_scenario(rows, data.target_counts[rows])
    return [int(row) for found in by_scenario for row in rng.choice(found, min(n, len(found)), replace=False)]


def first_row(
    segmenter: Segmenter,
    data: GRefCOCO,
    split: str,
    target_count: int,
    accept: Callable[[Prediction, np.ndarray], bool],
    *,
    tries: int = 500,
    shown: Collection[int] = (),
) -> int:
    """Find the first row whose prediction is accepted.

    Another model or data set may have none among the first `tries`: then the first row is taken and a message printed.

    Args:
        segmenter: the model.
        data: the data set.
        split: where to look.
        target_count: number of targets that the expression must have.
        accept: decides by the prediction and the annotated mask (H, W).
        tries: rows to look at.
        shown: rows whose pictures are left out, so that a figure shows each picture once.
    Raises:
        InputError: the split has no expression with that number of targets.
    """
    rows = data.rows(split)
    taken = data.image_ids[list(shown)]
    rows = rows[(data.target_counts[rows] == target_count) & ~np.isin(data.image_ids[rows], taken)]
    if not len(rows):
        raise InputError(f"The split {split} has no expression with {target_count} targets: look at another split.")
    for row in rows[:tries]:
        if accept(ask(segmenter, data, row), data.mask(row)):
            return int(row)
    print(f"No expression of {split} with {target_count} targets is answered as looked for: here is its first one.")
    return int(rows[0])
