from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from grisq.course import word_order
from grisq.data.synthetic.scene import Instance, Scene
from grisq.runtime.errors import InputError

ORDERS = {"left": "the {a} {A}", "right": "the {b} {B}", "both": "the {A} and the {B}", "none": "nothing at all"}


@pytest.fixture(scope="module")
def pairs(mini):
    return word_order.colored_pairs(mini, ("train", "val"))


def test_a_pair_is_told_apart_by_category_color_and_side(mini, pairs):
    assert len({pair.image_id for pair in pairs}) == len(pairs) > 0
    for pair in pairs:
        objects = mini.annotations_of(pair.image_id)
        (left,), (right,) = (
            [each for each in objects if mini.categories[each.category_id] == pair.words[letter]] for letter in "AB"
        )
        assert [left.attributes["colour"], right.attributes["colour"]] == [pair.words["a"], pair.words["b"]]
        assert pair.words["a"] != pair.words["b"]
        assert np.nonzero(pair.left)[1].max() < np.nonzero(pair.right)[1].min()
        assert pair.left.sum() == left.area


def test_answers_are_counted_by_where_the_masks_lie(mini, pairs):
    """An oracle that knows the objects, paints both where both are named, and knows nothing of "nothing at all"."""
    by_path = {mini.image_path(pair.image_id): pair for pair in pairs}

    def oracle(path, texts):
        pair = by_path[path]
        masks = [pair.left, pair.right, np.ones_like(pair.left), np.zeros_like(pair.left)]
        assert texts == [order.format(**pair.words) for order in ORDERS.values()]
        return [SimpleNamespace(mask=mask) for mask in masks]

    answers = word_order.answers_by_order(oracle, mini, pairs, ORDERS)
    whole = [answers.loc[name].idxmax() for name in ("left", "right", "none")]
    assert whole == ["on the left object", "on the right object", "nothing"]
    np.testing.assert_allclose(answers.loc[["left", "right", "none"]].max(axis=1), 100)
    largest = [max(pair.left.mean(), pair.right.mean()) for pair in pairs]  # the IoU with a mask of the whole picture
    assert answers.loc["both", "elsewhere"] == pytest.approx(100 * np.mean(np.array(largest) < 0.25))
    np.testing.assert_allclose(answers.sum(axis=1), 100)


def test_relations_are_counted_by_what_the_first_phrase_means_alone(monkeypatch):
    """Five expressions about a dog and, to the right of it, a red and a blue cup, counted by hand."""
    boxes = {1: ("dog", None, 0), 2: ("cup", "red", 40), 3: ("cup", "blue", 80)}
    instances = tuple(Instance(i, name, (x, 50.0, 10.0, 10.0), 100.0, color) for i, (name, color, x) in boxes.items())
    monkeypatch.setattr(word_order, "read_scenes", lambda root: {7: Scene(100, 100, instances)})
    red, dog = '["with",["kind","cup"],"red"]', '["kind","dog"]'
    rows = [
        (f'["related",{dog},"left of",["one",{red}]]', [1]),  # the only dog: "dog" alone would do
        (f'["related",{dog},"right of",["one",{red}]]', []),  # false, and the dog is there
        ('["related",["kind","cup"],"closest to",["one",["kind","dog"]]]', [2]),  # "cup" alone may be either
        (f'["related",["kind","cat"],"left of",["one",{red}]]', []),  # no cat at all
        (f'["one",{dog}]', [1]),  # no relation
    ]
    table = pa.table({"tree": [tree for tree, _ in rows], "image_id": [7] * 5, "ann_ids": [ids for _, ids in rows]})
    data = SimpleNamespace(expressions=table, rows=lambda split: np.arange(5), root=None)
    expected = {"all": 5, "with a relation": 4, "first phrase suffices": 1, "false": 1}
    assert word_order.relations(data, "train") == expected


def test_without_pairs_there_is_one_sentence(mini):
    with pytest.raises(InputError, match="no pair of colored objects"):
        word_order.answers_by_order(None, mini, [], ORDERS)


def test_the_bars_add_up_and_the_right_answer_has_a_tick(mini, pairs):
    def blind(path, texts):
        return [SimpleNamespace(mask=np.zeros((2, 2), bool)) for _ in texts]

    answers = word_order.answers_by_order(blind, mini, pairs, ORDERS)
    right = dict.fromkeys(ORDERS, "elsewhere") | {"none": "nothing"}
    figure = word_order.answers_figure(answers, len(pairs), right, {name: name for name in ORDERS})
    (axis,) = figure.axes
    widths = np.array([bar.get_width() for bar in axis.patches]).reshape(4, -1)
    np.testing.assert_allclose(widths.sum(0), 100)
    assert [text.get_text() for text in axis.texts if text.get_text()] == ["100 ± 0"] * 3 + ["100 ± 0 ✓"]
    plt.close(figure)


def test_a_share_is_written_with_half_of_its_interval():
    answers = pd.DataFrame([[88.0, 2.0, 3.0, 7.0]], index=["order"], columns=word_order.ANSWERS)
    figure = word_order.answers_figure(answers, 100, {"order": "on the left object"}, {"order": "an order"})
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["88 ± 6 ✓", "", "3", "7"]  # 1.96 * sqrt(0.88 * 0.12 / 100) is 6.4 points
    plt.close(figure)
