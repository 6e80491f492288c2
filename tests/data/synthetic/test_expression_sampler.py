"""Drawn expressions keep what their scenario promises, in scenes that hypothesis makes up."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grisq.data.scenarios import MULTI_TARGET, NO_TARGET, SINGLE_TARGET
from grisq.data.synthetic import vocabulary
from grisq.data.synthetic.coco_expressions import describe_document
from grisq.data.synthetic.expression_sampler import describe
from grisq.data.synthetic.expression_trees import change_one_word, heads
from grisq.data.synthetic.grammar import And, Every, Except, One, Related
from grisq.data.synthetic.noun_phrases import Noun, With
from grisq.data.synthetic.scene import Instance, Scene
from grisq.data.synthetic.vocabulary import Vocabulary

CATEGORIES = ("cup", "dog", "cat", "car", "person")
COLORS = ("red", "blue", "green", "pink")
VOCABULARY = Vocabulary((*CATEGORIES, "man", "woman", "animal"), COLORS)


@st.composite
def scenes(draw):
    """Two to seven colored things and people, anywhere in a 100 x 80 picture."""
    instances = []
    for ann_id in range(10, 10 + draw(st.integers(2, 7))):
        category = draw(st.sampled_from(CATEGORIES))
        variant = draw(st.sampled_from(["man", "woman"])) if category == "person" else None
        side = draw(st.sampled_from([8, 12, 20]))
        box = draw(st.integers(0, 80)), draw(st.integers(0, 60)), side, side
        color = draw(st.sampled_from(COLORS))
        instances.append(Instance(ann_id, category, box, side * side, color, variant))
    return Scene(100, 80, tuple(instances))


@settings(max_examples=40, deadline=None)
@given(scenes(), st.sampled_from([SINGLE_TARGET, MULTI_TARGET, NO_TARGET]), st.integers(0, 10**6))
def test_the_meaning_is_the_targets_and_fits_the_scenario(scene, scenario, seed):
    found = describe(scene, scenario, VOCABULARY, np.random.default_rng(seed))
    if found is None:
        return
    assert found.tree.meaning(scene) == set(found.targets)
    low, high = {SINGLE_TARGET: (1, 1), MULTI_TARGET: (2, len(scene.instances)), NO_TARGET: (0, 0)}[scenario]
    assert low <= len(found.targets) <= high
    assert list(found.targets) == sorted(set(found.targets))
    assert (found.form in ("near", "far")) == (scenario == NO_TARGET)


@settings(max_examples=40, deadline=None)
@given(scenes(), st.integers(0, 10**6))
def test_near_shares_a_word_with_the_picture_and_far_shares_none(scene, seed):
    """Judged on the sentence's words, with the synonyms listed here once more."""
    found = describe(scene, NO_TARGET, VOCABULARY, np.random.default_rng(seed))
    sentence = found.tree.render(np.random.default_rng(seed))
    words = {_SINGULAR.get(word, word) for word in re.findall(r"[a-z]+", sentence)}
    there = {i.category for i in scene.instances} | {i.color for i in scene.instances}
    there |= {i.variant for i in scene.instances if i.variant}
    there |= {"animal"} if there & {"dog", "cat"} else set()
    assert bool(words & there) == (found.form == "near"), sentence


_SYNONYMS = {
    "cup": "cups mug mugs",
    "dog": "dogs puppy puppies doggy doggies",
    "cat": "cats kitty kitties",
    "car": "cars",
    "person": "people everyone everybody",
    "man": "men guy guys dude dudes",
    "woman": "women lady ladies",
    "animal": "animals",
}
_SINGULAR = {word: noun for noun, words in _SYNONYMS.items() for word in words.split()}


def test_most_no_targets_are_near():
    scene = Scene(100, 80, tuple(Instance(i, "dog", (25 * i, 10, 20, 20), 400, c) for i, c in enumerate(COLORS)))
    forms = [describe(scene, NO_TARGET, VOCABULARY, np.random.default_rng(seed)).form for seed in range(300)]
    assert 0.73 < forms.count("near") / 300 < 0.87  # 0.8, within three standard errors


def square(ann_id, category, x, color=None, variant=None):
    """An instance of 10 x 10 pixels centered at (x, 50)."""
    return Instance(ann_id, category, (x - 5, 45, 10, 10), 100, color, variant)


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


def test_all_but_one_of_two_is_not_a_single_target():
    """ "All planes except the left red one" asks for planes, and one plane is left."""
    scene = Scene(100, 100, (square(1, "airplane", 20, "red"), square(2, "airplane", 80, "blue")))
    drawn = (
        describe(scene, SINGLE_TARGET, Vocabulary(("airplane",), ("red", "blue")), np.random.default_rng(seed))
        for seed in range(300)
    )
    assert "except" not in {found.form for found in drawn if found}


@pytest.mark.parametrize(("places", "offered"), [((60, 75, 90), False), ((15, 50, 85), True)])
@pytest.mark.parametrize("phrase", ["far left", r"in the middle|in center"])
def test_the_far_left_is_on_the_left_and_the_middle_in_the_middle(places, offered, phrase):
    """ "The far left kid" of three in the right half stands in the right half."""
    assert any(re.search(phrase, sentence) for sentence in sentences_about_cats(*places)) == offered


@pytest.mark.parametrize(
    ("places", "offered"), [((58, 75, 92), False), ((10, 30, 40, 80), False), ((15, 35, 80), True)]
)
def test_two_on_the_left_are_the_two_on_the_left(places, offered):
    """ "Two cats on the left" are neither two of three there nor the first two of a row elsewhere."""
    pattern = r"(two|2|the two|the 2|both) (cat|kittie)s (on|at) (the )?left( side)?"
    assert any(re.fullmatch(pattern, sentence) for sentence in sentences_about_cats(*places)) == offered


def test_the_next_in_a_list_is_not_part_of_the_clothes():
    """ "The girl in white and red backpack" is one girl, to most readers."""
    girl, bag = square(1, "person", 20, "white", "girl"), square(2, "backpack", 80, "red")
    vocabulary = Vocabulary(("person", "girl", "backpack"), ("white", "red"))
    found = [
        describe(Scene(100, 100, (girl, bag)), MULTI_TARGET, vocabulary, np.random.default_rng(s)) for s in range(99)
    ]
    sentences = {each.tree.render(np.random.default_rng(seed)) for each in found if each for seed in range(20)}
    assert any(re.search("white", sentence) for sentence in sentences)
    assert not any(re.search(r"(in|wearing|with) white( shirt)?\b.*(and|&)", sentence) for sentence in sentences)


def test_the_generator_alone_decides():
    scene = Scene(100, 80, tuple(Instance(i, "dog", (25 * i, 10, 20, 20), 400, c) for i, c in enumerate(COLORS)))
    drawn = [describe(scene, SINGLE_TARGET, VOCABULARY, np.random.default_rng(seed)) for seed in (1, 1, *range(20))]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 5


def test_about_people_and_unknown_only():
    man = Instance(1, "person", (10, 10, 20, 20), 400, "red", "man")
    scene = Scene(100, 80, (man, Instance(2, "dog", (60, 10, 20, 20), 400, "blue")))
    known = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found = describe(scene, SINGLE_TARGET, VOCABULARY, rng, about=vocabulary.is_human, known=known)
        if found is not None:
            assert found.targets == (1,)
            assert found.tree not in known
            known.append(found.tree)
    assert len(known) > 3


@pytest.mark.parametrize(("scenario", "count"), [(SINGLE_TARGET, 0), (MULTI_TARGET, 1)])
def test_a_scene_with_too_little_in_it_gives_none(scenario, count):
    scene = Scene(100, 80, (Instance(1, "dog", (10, 10, 20, 20), 400, "red"),)[:count])
    assert describe(scene, scenario, VOCABULARY, np.random.default_rng(0)) is None


def test_an_empty_scene_still_has_far_expressions():
    found = describe(Scene(100, 80, ()), NO_TARGET, VOCABULARY, np.random.default_rng(0))
    assert found.form == "far"


def test_heads_leave_out_landmarks_and_exceptions():
    dog, car = Noun("dog"), Noun("car")
    assert heads(Related(dog, "left of", One(car))) == {"dog"}
    assert heads(Except(With(dog, "red"), One(car))) == {"dog"}
    assert heads(And((One(dog), Every(car)))) == {"dog", "car"}


def test_a_changed_word_changes_wherever_it_stands():
    tree = Except(Noun("dog"), One(With(Noun("dog"), "red")))
    changed = {change_one_word(tree, VOCABULARY, np.random.default_rng(seed)) for seed in range(60)}
    assert tree not in changed
    for other in changed:
        assert other.noun.name == other.left_out.noun.name
        assert (other.noun.name == "dog") != (other.left_out.noun.color == "red")
