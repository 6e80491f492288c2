import numpy as np
import pytest

from grisq.augment.recipes import Mosaic, NoTarget, Plain
from grisq.augment.render import RecipeDataset
from grisq.errors import InputError
from grisq.model.network import GRISQ
from grisq.predict import Segmenter
from grisq.show import training
from grisq.show.style import KIND_COLOURS


def test_the_first_row_that_is_accepted(mini, model_config, reader, capsys):
    segmenter = Segmenter(GRISQ(model_config), reader.tokenizer, device="cpu")
    asked = []

    def third(said, target):
        assert target.shape == said.mask.shape
        asked.append(said.text)
        return len(asked) == 3

    singles = [int(row) for row in mini.rows("val") if mini.target_counts[row] == 1]
    assert training.first_row(segmenter, mini, "val", 1, third) == singles[2]
    assert training.first_row(segmenter, mini, "val", 1, lambda said, target: False, tries=2) == singles[0]
    assert "here is its first one" in capsys.readouterr().out
    with pytest.raises(InputError, match="val has no expression with 50 targets"):
        training.first_row(segmenter, mini, "val", 50, third)


def test_recipes_are_drawn_in_the_colour_of_what_they_became(mini, reader):
    painter = RecipeDataset(reader, 80)
    a, b, *_ = (int(row) for row in mini.rows("train") if mini.target_counts[row] == 1)
    tiles = [training.recipe_tile(painter, recipe) for recipe in (Plain(a), NoTarget(a, b), Mosaic(((0, a), (3, b))))]
    assert [tile.colour for tile in tiles] == [
        KIND_COLOURS[kind] for kind in ("single-target", "no-target", "multi-target")
    ]
    assert tiles[1].title == mini.expression(b).text
    assert " and " in tiles[2].title
    assert np.array_equal(tiles[1].image, painter.render(Plain(a)).image)  # nothing is outlined


def test_kinds_of_which_there_are_few_give_what_there_is(mini):
    rows = training.rows_of_each_kind(mini, "val", 1000, seed=0)
    assert sorted(rows) == sorted(int(row) for row in mini.rows("val"))
    assert [mini.target_counts[row] > 0 for row in rows] == sorted(mini.target_counts[row] > 0 for row in rows)
