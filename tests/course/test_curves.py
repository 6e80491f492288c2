import matplotlib.pyplot as plt
import numpy as np
import pytest

from grisq.augment.recipes import Mosaic, NoTarget, Plain
from grisq.augment.render import RecipeDataset
from grisq.course import curves
from grisq.course.style import SCENARIO_COLORS
from grisq.data.masks import encode
from grisq.data.sample import open_picture
from grisq.experiments.results import Example
from grisq.inference.segmenter import Segmenter
from grisq.models.grisq import GRISQ
from grisq.runtime.errors import InputError


def test_the_first_row_that_is_accepted(mini, model_config, reader, capsys):
    segmenter = Segmenter(GRISQ(model_config), reader.tokenizer, device="cpu")
    asked = []

    def third(said, target):
        assert target.shape == said.mask.shape
        asked.append(said.text)
        return len(asked) == 3

    singles = [int(row) for row in mini.rows("val") if mini.target_counts[row] == 1]
    assert curves.first_row(segmenter, mini, "val", 1, third) == singles[2]
    assert curves.first_row(segmenter, mini, "val", 1, lambda said, target: False, tries=2) == singles[0]
    assert "here is its first one" in capsys.readouterr().out
    with pytest.raises(InputError, match="val has no expression with 50 targets"):
        curves.first_row(segmenter, mini, "val", 50, third)


def test_recipes_are_drawn_in_the_color_of_what_they_became(mini, reader):
    painter = RecipeDataset(reader, 80)
    a, b, *_ = (int(row) for row in mini.rows("train") if mini.target_counts[row] == 1)
    tiles = [curves.recipe_tile(painter, recipe) for recipe in (Plain(a), NoTarget(a, b), Mosaic(((0, a), (3, b))))]
    assert [tile.color for tile in tiles] == [
        SCENARIO_COLORS[kind] for kind in ("single-target", "no-target", "multi-target")
    ]
    assert tiles[1].title == mini.expression(b).text
    assert " and " in tiles[2].title
    assert np.array_equal(tiles[1].image, painter.render(Plain(a)).image)  # nothing is outlined


def test_kinds_of_which_there_are_few_give_what_there_is(mini):
    rows = curves.rows_of_each_scenario(mini, "val", 1000, seed=0)
    assert sorted(rows) == sorted(int(row) for row in mini.rows("val"))
    assert [mini.target_counts[row] > 0 for row in rows] == sorted(mini.target_counts[row] > 0 for row in rows)


def test_a_stored_answer_is_drawn_and_judged(mini):
    """A denied target is drawn without mask and in the color of a mistake; the same answer for nothing is right."""
    single = next(int(row) for row in mini.rows("val") if mini.target_counts[row] == 1)
    nothing = next(int(row) for row in mini.rows("val") if mini.target_counts[row] == 0)
    picture = np.asarray(open_picture(mini.image_path(mini.expression(single).image_id)))
    said = Example(single, "text", encode(mini.mask(single)), presence=0.2, plurality=0.9)
    denied = curves.example_tile(said, mini)
    assert denied.title == "✗ nothing (0.20)"
    drawn = curves.example_tile(Example(single, "text", encode(mini.mask(single)), 0.7, 0.9), mini)
    assert drawn.title == "✓ several (0.70)"
    assert not np.array_equal(drawn.image, denied.image)
    assert drawn.image.shape == picture.shape
    empty = encode(np.zeros_like(mini.mask(nothing)))
    assert curves.example_tile(Example(nothing, "text", empty, 0.2, None), mini).title == "✓ nothing (0.20)"
    assert curves.example_tile(Example(nothing, "text", empty, None, None), mini).title == "✓ nothing"


def test_curves_come_from_stored_history():
    train = {"step": [10, 20], "pixel": [0.5, 0.4], "presence": [0.6, 0.5], "plurality": [0.6, 0.1]}
    evaluations = {"step": [20], "gIoU": [30.0], "cIoU": [40.0], "N-acc": [0.0], "T-acc": [100.0]}
    evaluations |= {"presence no-target": [0.0], "plurality single-target": [99.0]}
    figure = curves.learning_curves({"train": train, "eval": evaluations})
    losses, metrics, heads = figure.axes
    assert [line.get_label() for line in losses.lines] == ["pixel", "presence", "plurality"]
    assert [line.get_label() for line in metrics.lines] == ["gIoU", "cIoU", "N-acc", "T-acc"]
    assert [line.get_label() for line in heads.lines] == ["presence, no-target", "plurality, single-target"]
    plt.close(figure)
