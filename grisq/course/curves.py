"""Figures of a training run: curves from its history, and its predictions beside the annotation."""

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from grisq.augment.recipes import Recipe
from grisq.augment.render import RecipeDataset
from grisq.course.figures import Tile, expression_tile, wall
from grisq.course.style import OKABE_ITO, SCENARIO_COLORS, SCENARIO_MARKERS, rgb
from grisq.data.grefcoco import GRefCOCO
from grisq.data.masks import decode
from grisq.data.sample import open_annotated
from grisq.data.scenarios import rows_by_scenario, scenario_of
from grisq.experiments.results import Example
from grisq.inference.overlay import overlay
from grisq.inference.prediction import MASK_COLOR, Prediction
from grisq.inference.segmenter import Segmenter
from grisq.runtime.errors import InputError

_RIGHT, _WRONG = OKABE_ITO["blue"], OKABE_ITO["vermillion"]


def learning_curves(history: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Losses of Eq. 5 over the steps, val metrics over the steps, and the accuracy of both heads by kind.

    history: as `Result.history`, or `history_columns` of a run's folder.
    """
    train, evaluations = history["train"], history["eval"]
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3))
    for name in ("pixel", "presence", "plurality"):
        left.plot(train["step"], train[name], label=name)
    left.set(title="terms of Eq. 5, before λ", xlabel="step", yscale="log")
    left.legend(frameon=False)
    steps = evaluations["step"]
    looks = {
        "gIoU": ("o-", "blue"),
        "cIoU": ("s--", "sky blue"),
        "N-acc": ("X-", "vermillion"),
        "T-acc": ("^:", "black"),
    }
    for name, (line, color) in looks.items():
        middle.plot(steps, evaluations[name], line, color=OKABE_ITO[color], label=name)
    middle.set(title="val (part of it), %", xlabel="step", ylim=(0, 102))
    middle.legend(frameon=False)
    for kind, color in SCENARIO_COLORS.items():
        for head, line in (("presence", "--"), ("plurality", "-")):
            if f"{head} {kind}" in evaluations:
                look = {"color": color, "marker": SCENARIO_MARKERS[kind], "label": f"{head}, {kind}"}
                right.plot(steps, evaluations[f"{head} {kind}"], line, **look)
    right.set(title="accuracy of the heads, %", xlabel="step", ylim=(0, 102))
    right.legend(frameon=False, fontsize=7)
    return figure


def prediction_wall(segmenter: Segmenter, data: GRefCOCO, rows: Sequence[int], rows_label: tuple[str, str]) -> Figure:
    """Two lines: what is annotated, and what the model says, with a tick in blue where its presence is right."""
    tiles = [expression_tile(data, row) for row in rows]
    for row in rows:
        said = ask(segmenter, data, row)
        right = said.present == (data.target_counts[row] > 0)
        title = f"{'✓' if right else '✗'} {said.answer} ({said.presence:.2f})"
        tiles.append(Tile(np.asarray(said.overlay()), title, _RIGHT if right else _WRONG))
    return wall(tiles, len(rows), rows=rows_label)


def example_tile(example: Example, data: GRefCOCO) -> Tile:
    """A stored answer: its mask unless it says that nothing is meant; blue where it is right about presence."""
    picture = np.asarray(open_annotated(data, data.expression(example.row).image_id))
    mask, word = decode(example.mask), example.answer
    right = (word != "nothing") == (data.target_counts[example.row] > 0)
    shown = overlay(picture, mask if word != "nothing" else np.zeros_like(mask), MASK_COLOR)
    number = "" if example.presence is None else f" ({example.presence:.2f})"
    return Tile(shown, f"{'✓' if right else '✗'} {word}{number}", _RIGHT if right else _WRONG)


def ask(segmenter: Segmenter, data: GRefCOCO, row: int) -> Prediction:
    """What a model says of a row's expression in its picture."""
    expression = data.expression(int(row))
    return segmenter(data.image_path(expression.image_id), expression.text)


def answer_tile(said: Prediction) -> Tile:
    """A prediction drawn, titled by its expression, its answer and the probability of presence."""
    return Tile(np.asarray(said.overlay()), f"{said.text}: {said.answer} ({said.presence:.2f})")


def recipe_tile(painter: RecipeDataset, recipe: Recipe) -> Tile:
    """What a recipe of the augmentation plan looks like when it is drawn, in the color of its kind."""
    sample = painter.render(recipe)
    color = SCENARIO_COLORS[scenario_of(sample.target_count)]
    return Tile(overlay(sample.image, sample.mask, rgb(color)), sample.text, color)


def rows_of_each_scenario(data: GRefCOCO, split: str, each: int, seed: int) -> list[int]:
    """So many random rows without target, with one, and with several, in this order; fewer where there are fewer."""
    rng, rows = np.random.default_rng(seed), data.rows(split)
    of_kind = rows_by_scenario(rows, data.target_counts[rows])
    return [int(row) for found in of_kind for row in rng.choice(found, min(each, len(found)), replace=False)]


def first_row(
    segmenter: Segmenter,
    data: GRefCOCO,
    split: str,
    target_count: int,
    accept: Callable[[Prediction, np.ndarray], bool],
    *,
    tries: int = 500,
) -> int:
    """The first row with so many targets whose prediction, beside its annotated mask (H, W), is accepted.

    Where none of the first `tries` is, which another model or data set may bring about: the first row, with a printed
    word about it. Errors: InputError if the split has no expression with so many targets.
    """
    rows = data.rows(split)
    rows = rows[data.target_counts[rows] == target_count]
    if not len(rows):
        raise InputError(f"The split {split} has no expression with {target_count} targets: look at another split.")
    for row in rows[:tries]:
        if accept(ask(segmenter, data, row), data.mask(row)):
            return int(row)
    print(f"No expression of {split} with {target_count} targets is answered as looked for: here is its first one.")
    return int(rows[0])
