import json
import re

import numpy as np
import pytest

from grisq.data import grefcoco
from grisq.data.synthetic import caption_swaps
from grisq.data.synthetic.expression_sampler import nouns_of
from grisq.data.synthetic.from_coco import expressions_from_coco
from grisq.data.synthetic.grammar import Extreme, One, Ordinal, Related, parse_tree
from grisq.data.synthetic.noun_phrases import Noun, Side, With
from grisq.data.synthetic.scene import read_scenes
from grisq.runtime.errors import InputError

DOG, RED_CAR = Noun("dog"), With(Noun("car"), "red")


@pytest.mark.parametrize(
    ("tree", "conditions", "spatial"),
    [
        (One(DOG), 1, False),
        (One(RED_CAR), 2, False),
        (One(Side(RED_CAR, "left")), 3, True),
        (Extreme(DOG, "biggest"), 2, False),
        (Extreme(DOG, "left"), 2, True),
        (Ordinal(DOG, 2, "left"), 3, True),
        (Related(DOG, "next to", One(RED_CAR)), 4, False),
        (Related(With(DOG, "red"), "next to", One(RED_CAR)), 5, False),
    ],
)
def test_conditions_count_the_words_that_narrow_it_down(tree, conditions, spatial):
    assert caption_swaps.conditions(tree) == conditions
    assert caption_swaps.is_spatial(tree) == spatial


def sees(tree, scene):
    """Whether a noun or a color of the stored tree is in the scene: looked up in the tree's text."""
    nouns = {name for each in scene.instances for name in nouns_of(each)}
    colors = {each.color for each in scene.instances}
    words = set(re.findall(r'"([^"]+)"', tree))
    return bool(words & nouns or words & colors)


def test_swapped_equals_asking_every_pair(mini, mini_root):
    """The naive double loop over expressions and slots of other pictures."""
    frame = caption_swaps.swapped(mini, "train")
    rows = [int(row) for row in mini.rows("train") if mini.target_counts[row] == 1]
    scenes, trees = read_scenes(mini_root), mini.expressions["tree"].to_pylist()
    assert len(frame) == len(rows)
    for position in range(0, len(rows), 7):
        row = rows[position]
        tree = parse_tree(json.loads(trees[row]))
        elsewhere = [int(mini.image_ids[other]) for other in rows if mini.image_ids[other] != mini.image_ids[row]]
        found = [tree.meaning(scenes[picture]) for picture in elsewhere]
        near = [not each and each is not None and sees(trees[row], scenes[p]) for each, p in zip(found, elsewhere)]
        line = frame.iloc[position]
        assert line["text"] == mini.expression(row).text
        assert line["unclear"] == pytest.approx(np.mean([meaning is None for meaning in found]))
        assert line["fits"] == pytest.approx(np.mean([bool(meaning) for meaning in found]))
        assert line["near"] == pytest.approx(np.mean(near))
    assert np.allclose(frame[list(caption_swaps.OUTCOMES)].sum(axis=1), 1)


def test_what_it_means_at_home_is_never_an_accident(mini, mini_root):
    """An expression fits its own picture, which is left out."""
    scenes = read_scenes(mini_root)
    for row in mini.rows("val"):
        expression = mini.expression(int(row))
        if expression.target_count == 1:
            tree = parse_tree(json.loads(mini.expressions["tree"][int(row)].as_py()))
            assert caption_swaps.outcome(tree, scenes[expression.image_id]) == "fits"


def test_a_set_without_meanings_is_told_so(tmp_path, mini_root):
    refs = json.loads((mini_root / "grefcoco" / "grefs(unc).json").read_text(encoding="utf-8"))
    for ref in refs:
        del ref["tree"]
    (tmp_path / "grefcoco").mkdir()
    (tmp_path / "images").symlink_to(mini_root / "images")
    (tmp_path / "grefcoco" / "grefs(unc).json").write_text(json.dumps(refs), encoding="utf-8")
    (tmp_path / "grefcoco" / "instances.json").write_text(
        (mini_root / "grefcoco" / "instances.json").read_text(encoding="utf-8"), encoding="utf-8"
    )
    with pytest.raises(InputError, match="no single-target expressions with a computed meaning"):
        caption_swaps.swapped(grefcoco.load(tmp_path), "val")


def test_expressions_made_from_coco_have_meanings_too(mini_root, tmp_path):
    made = expressions_from_coco(
        mini_root / "grefcoco" / "instances.json", mini_root / "images" / "train2014", tmp_path / "set", progress=False
    )
    data = grefcoco.load(made)
    split = max(data.splits, key=lambda name: len(data.rows(name)))
    assert 0 <= caption_swaps.swapped(data, split)["fits"].mean() < 0.5
