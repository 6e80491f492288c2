"""Wordings that promise something else than their label, not mended yet: to mend them changes every expression drawn
after them, so the synthetic sets (and all that was trained on them) must then be made anew under another FORMAT."""

import re

import numpy as np
import pytest

from grisq.data.scenarios import MULTI_TARGET, SINGLE_TARGET
from grisq.data.synthetic.coco_expressions import describe_document
from grisq.data.synthetic.expression_sampler import describe
from grisq.data.synthetic.grammar import Extreme, One, Ordinal
from grisq.data.synthetic.noun_phrases import Noun, With
from grisq.data.synthetic.scene import Instance, Scene
from grisq.data.synthetic.vocabulary import Vocabulary

unmended = pytest.mark.xfail(strict=True, reason="changes the bytes of the synthetic sets")


def box_at(ann_id, category, x, y=50, side=10, color=None, variant=None):
    """A square instance centered at (x, y) of a picture of 100 x 100 pixels."""
    return Instance(ann_id, category, (x - side / 2, y - side / 2, side, side), side * side, color, variant)


def sentences_about_cats(*places):
    """Sample expressions about 40 pictures with cats at these horizontal places, in hundredths of the width."""
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 100, "height": 100} for i in range(1, 41)]
    boxes = [(image["id"], [x - 5, 45, 10, 10]) for image in images for x in places]
    annotations = [
        {"id": i, "image_id": image, "category_id": 1, "bbox": box, "area": 100, "iscrowd": 0}
        for i, (image, box) in enumerate(boxes, 1)
    ]
    document = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "cat"}]}
    refs = describe_document(document, seed=0, val_share=0.2, progress=False).refs
    return {sentence["sent"] for ref in refs if not ref["no_target"] for sentence in ref["sentences"]}


@unmended
def test_all_but_one_of_two_is_not_a_single_target():
    """ "All planes except the left red one" asks for planes, and one plane is left."""
    scene = Scene(100, 100, (box_at(1, "airplane", 20, color="red"), box_at(2, "airplane", 80, color="blue")))
    vocabulary = Vocabulary(("airplane",), ("red", "blue"))
    drawn = (describe(scene, SINGLE_TARGET, vocabulary, np.random.default_rng(seed)) for seed in range(300))
    assert "except" not in {found.form for found in drawn if found}


@unmended
def test_the_far_left_is_on_the_left():
    """ "The far left kid" of three in the right half stands in the right half."""
    sentences = sentences_about_cats(60, 75, 90)
    assert not any(
        phrase in sentence for sentence in sentences for phrase in ("far left", "in the middle", "in center")
    )


@unmended
def test_two_on_the_left_are_on_the_left():
    """ "Two people on the left" are the first two in a row, wherever the row is."""
    sentences = sentences_about_cats(58, 75, 92)
    assert not any(re.fullmatch(r"(two|2) (cat|kittie)s on (the )?left", sentence) for sentence in sentences)


@unmended
def test_the_next_in_a_list_is_not_part_of_the_clothes():
    """ "The girl in white and red backpack" is one girl, to most readers."""
    girl, bag = box_at(1, "person", 20, color="white", variant="girl"), box_at(2, "backpack", 80, color="red")
    vocabulary = Vocabulary(("person", "girl", "backpack"), ("white", "red"))
    found = [
        describe(Scene(100, 100, (girl, bag)), MULTI_TARGET, vocabulary, np.random.default_rng(s)) for s in range(99)
    ]
    sentences = {each.tree.render(np.random.default_rng(seed)) for each in found if each for seed in range(20)}
    assert not any(
        re.search(r"(in|wearing|with) white( shirt)? (and|&) (red )?(backpack|rucksack)", s) for s in sentences
    )


@unmended
def test_the_leftmost_begins_farthest_left():
    """By their centers 1 is left of 2, by their edges 2 is left of 1: people could disagree."""
    small, large = box_at(1, "donut", 11, side=20), box_at(2, "donut", 30, side=60)
    assert Extreme(Noun("donut"), "left").meaning(Scene(100, 100, (small, large))) is None


@unmended
def test_the_second_red_one_could_be_the_second_one_that_is_red():
    cups = [box_at(i, "cup", 20 * i, color=color) for i, color in enumerate(("blue", "red", "red", "blue"), 1)]
    assert Ordinal(With(Noun("cup"), "red"), 2, "left").meaning(Scene(100, 100, tuple(cups))) is None


@unmended
def test_many_would_call_a_woman_a_girl():
    woman = box_at(1, "person", 50, color="yellow", variant="woman")
    assert One(With(Noun("girl"), "yellow")).meaning(Scene(100, 100, (woman,))) is None
