"""The grammar against truths worked out by hand and against symmetries that any correct meaning has."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grisq.data.synthetic import wording
from grisq.data.synthetic.grammar import (
    FORMS,
    And,
    Count,
    Every,
    Except,
    Extreme,
    Group,
    One,
    Ordinal,
    Related,
    parse_tree,
)
from grisq.data.synthetic.noun_phrases import Noun, Side, With
from grisq.data.synthetic.scene import Instance, Scene
from grisq.runtime.errors import InputError

CUP, DOG, CAR, MAN, PERSON = Noun("cup"), Noun("dog"), Noun("car"), Noun("man"), Noun("person")


def box_at(ann_id, category, x, y, side=10, color=None, variant=None):
    """A square instance centered at (x, y)."""
    return Instance(ann_id, category, (x - side / 2, y - side / 2, side, side), side * side, color, variant)


#  y 20:  red cup 1 (x 10)   blue cup 2 (x 40)   red cup 3 (x 70, big)
#  y 80:  brown dog 4 (x 15)                      black car 5 (x 80)     man 6 (x 50), girl 7 (x 65)
TABLE = Scene(
    100,
    100,
    (
        box_at(1, "cup", 10, 20, color="red"),
        box_at(2, "cup", 40, 20, color="blue"),
        box_at(3, "cup", 70, 20, side=20, color="red"),
        box_at(4, "dog", 15, 80, color="brown"),
        box_at(5, "car", 80, 80, color="black"),
        box_at(6, "person", 50, 80, color="red", variant="man"),
        box_at(7, "person", 65, 80, color="green", variant="girl"),
    ),
)
UNCLEAR = None


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (One(DOG), {4}),
        (One(CUP), UNCLEAR),
        (One(With(CUP, "blue")), {2}),
        (One(With(CUP, "green")), set()),
        (One(Noun("cat")), set()),
        (One(MAN), {6}),
        (One(Noun("kid")), {7}),
        (One(Noun("woman")), set()),
        (One(Noun("animal")), {4}),
        (One(Side(DOG, "left")), {4}),
        (One(Side(DOG, "right")), set()),
        (One(Side(CUP, "left")), UNCLEAR),  # cups 1 and 2
        (One(Side(MAN, "left")), UNCLEAR),  # in the very middle
        (One(Side(CUP, "bottom")), UNCLEAR),  # some would take the lowest
        (Every(Side(CUP, "bottom")), set()),
        (Every(Side(CUP, "left")), {1, 2}),
        (Extreme(CUP, "left"), {1}),
        (Extreme(CUP, "middle"), {2}),
        (Extreme(CUP, "biggest"), {3}),
        (Extreme(CUP, "smallest"), UNCLEAR),  # 1 and 2 are equal
        (Extreme(CUP, "top"), UNCLEAR),  # all at one height
        (Extreme(CUP, "far left"), {1}),
        (Extreme(CUP, "far right"), {3}),
        (Extreme(With(CUP, "red"), "far left"), {1}),
        (Extreme(PERSON, "left"), {6}),
        (Extreme(PERSON, "far left"), UNCLEAR),  # in the very middle
        (Extreme(CUP, "center"), {2}),
        (Extreme(DOG, "left"), UNCLEAR),  # of one dog nobody says leftmost
        (Extreme(With(CUP, "red"), "right"), {3}),
        (Ordinal(CUP, 2, "left"), {2}),
        (Ordinal(CUP, 3, "right"), {1}),
        (Ordinal(CUP, 4, "left"), set()),
        (Group(CUP, 2, "right"), {2, 3}),
        (Group(CUP, 3, "right"), UNCLEAR),
        (Every(CUP), {1, 2, 3}),
        (Every(DOG), UNCLEAR),
        (Every(PERSON), {6, 7}),
        (Count(CUP, 3), {1, 2, 3}),
        (Count(CUP, 4), set()),
        (Count(CUP, 2), UNCLEAR),
        (Count(With(CUP, "red"), 2), {1, 3}),
        (Count(Side(CUP, "left"), 2), {1, 2}),
        (Count(Side(CUP, "right"), 2), UNCLEAR),  # some would take the two rightmost
        (Count(Side(CUP, "left"), 4), set()),
        (Count(Side(DOG, "right"), 2), set()),
        (Related(CUP, "next to", One(DOG)), UNCLEAR),  # none is within reach
        (Related(PERSON, "next to", One(CAR)), {7}),
        (Related(DOG, "left of", One(CAR)), {4}),
        (Related(CAR, "left of", One(DOG)), set()),
        (Related(DOG, "left of", One(Noun("cat"))), set()),
        (Related(With(CUP, "blue"), "above", One(MAN)), {2}),
        (Related(CUP, "above", One(MAN)), UNCLEAR),  # two of the cups lie diagonally
        (And((One(DOG), One(CAR))), {4, 5}),
        (And((One(DOG), One(Noun("cat")))), UNCLEAR),
        (And((One(Noun("bus")), One(Noun("cat")))), set()),
        (And((One(MAN), Every(PERSON))), UNCLEAR),  # the man twice
        (Except(CUP, One(With(CUP, "blue"))), {1, 3}),
        (Except(PERSON, One(MAN)), UNCLEAR),  # "people" are several, and one is left
        (Except(PERSON, One(DOG)), UNCLEAR),
        (Except(Noun("cat"), One(With(Noun("cat"), "red"))), set()),
    ],
    ids=lambda value: json.dumps(value.to_json()) if hasattr(value, "to_json") else "",
)
def test_meaning_in_a_scene_made_by_hand(tree, expected):
    assert tree.meaning(TABLE) == (None if expected is UNCLEAR else frozenset(expected))
    assert tree.denotes(TABLE) == frozenset(expected or ())


def test_nothing_is_said_about_what_is_not_annotated():
    """Without colors, without variants, beside a crowd or a teddy bear, meanings are unclear and never guessed."""
    plain = replace(TABLE, instances=tuple(replace(i, color=None, variant=None) for i in TABLE.instances))
    assert Every(CUP).meaning(plain) == {1, 2, 3}
    assert One(With(CUP, "blue")).meaning(plain) is None
    assert One(MAN).meaning(plain) is None
    crowded = replace(TABLE, unclear=frozenset({"cat"}))
    assert One(Noun("cat")).meaning(crowded) is None
    assert One(Noun("animal")).meaning(crowded) is None
    toy = replace(TABLE, instances=(*TABLE.instances, box_at(8, "teddy bear", 90, 20)))
    assert One(Noun("animal")).meaning(toy) is None
    assert One(DOG).meaning(toy) == {4}


def test_an_apple_is_not_left_of_its_bowl():
    bowl, apple = box_at(1, "bowl", 60, 50, side=60), box_at(2, "apple", 40, 50, side=20)
    scene = Scene(100, 100, (bowl, apple))
    assert Related(Noun("apple"), "left of", One(Noun("bowl"))).meaning(scene) is None


def test_the_leftmost_begins_farthest_left():
    """By their centers 1 is left of 2, by their edges 2 is left of 1: people could disagree."""
    small, large = box_at(1, "donut", 11, 50, side=20), box_at(2, "donut", 30, 50, side=60)
    assert Extreme(Noun("donut"), "left").meaning(Scene(100, 100, (small, large))) is None
    assert Extreme(Noun("donut"), "right").meaning(Scene(100, 100, (small, large))) == {2}


def test_the_second_red_one_could_be_the_second_one_that_is_red():
    def second(*colors):
        cups = (box_at(i, "cup", 20 * i, 50, color=color) for i, color in enumerate(colors, 1))
        return Ordinal(With(CUP, "red"), 2, "left").meaning(Scene(100, 100, tuple(cups)))

    assert second("blue", "red", "red", "blue") is None
    assert second("red", "red", "blue", "blue") == {2}
    assert second("red", "blue", "red", "blue") == {3}  # the second of all is blue
    assert second("blue", "red", "blue", "blue") is None  # one red cup, and it is second
    assert second("red", "blue", "blue", "blue") == set()


def test_the_middle_red_one_could_be_the_middle_one_that_is_red():
    def middle(*colors):
        cups = (box_at(i, "cup", 18 * i, 50, color=color) for i, color in enumerate(colors, 1))
        return Extreme(With(CUP, "red"), "middle").meaning(Scene(100, 100, tuple(cups)))

    assert middle("red", "red", "red", "blue", "blue") is None
    assert middle("blue", "red", "red", "red", "blue") == {3}
    assert middle("red", "red", "blue", "red", "blue") == {2}  # the middle of all is blue


def test_in_the_middle_of_a_row_and_of_the_picture():
    def center(*places):
        cups = tuple(box_at(i, "cup", x, 50) for i, x in enumerate(places, 1))
        return Extreme(CUP, "center").meaning(Scene(100, 100, cups)), Extreme(CUP, "middle").meaning(
            Scene(100, 100, cups)
        )

    assert center(20, 50, 80) == ({2}, {2})
    assert center(60, 75, 90) == (None, {2})  # all on the right
    assert center(46, 60, 90) == (None, {2})  # another one is nearer to the center


def test_many_would_call_a_woman_a_girl():
    woman = box_at(1, "person", 50, 50, color="yellow", variant="woman")
    scene = Scene(100, 100, (woman,))
    assert One(With(Noun("girl"), "yellow")).meaning(scene) is None
    assert One(Noun("boy")).meaning(scene) == set()
    with_girl = Scene(100, 100, (woman, box_at(2, "person", 20, 50, color="red", variant="girl")))
    assert One(Noun("girl")).meaning(with_girl) == {2}


BARE_NOUNS = st.sampled_from(["cup", "dog", "person", "man", "kid", "animal"]).map(Noun)
NOUNS = st.one_of(BARE_NOUNS, st.builds(With, BARE_NOUNS, st.sampled_from(["red", "blue"])))
SELECTORS = st.one_of(NOUNS, st.builds(Side, NOUNS, st.sampled_from(wording.PLACES)))
SIDES = st.sampled_from(["left", "right"])
ONES = st.builds(One, SELECTORS)
EXTREMES = st.builds(Extreme, NOUNS, st.sampled_from(wording.EXTREMES))
SIMPLE = st.one_of(
    ONES,
    EXTREMES,
    st.builds(Ordinal, NOUNS, st.integers(2, 4), SIDES),
    st.builds(Group, NOUNS, st.integers(2, 3), SIDES),
    st.builds(Every, SELECTORS),
    st.builds(Count, NOUNS, st.integers(2, 4)),
    st.builds(Related, NOUNS, st.sampled_from(wording.RELATIONS), ONES),
    st.builds(Except, NOUNS, st.one_of(ONES, EXTREMES)),
)
TREES = st.one_of(SIMPLE, st.builds(And, st.lists(SIMPLE, min_size=2, max_size=3).map(tuple)))


@st.composite
def scenes(draw):
    """Up to seven cups, dogs and people in a 100 x 100 picture; a quarter of a pixel off the grid, so that no center
    lies exactly on a border between left, middle and right, where a mirrored one may round to the other side."""
    instances = []
    for ann_id in range(1, draw(st.integers(0, 7)) + 1):
        category = draw(st.sampled_from(["cup", "dog", "person"]))
        variant = draw(st.sampled_from(["man", "boy"])) if category == "person" else None
        x, y, side = draw(st.integers(10, 90)) + 0.25, draw(st.integers(10, 90)), draw(st.sampled_from([8, 10, 16]))
        instances.append(box_at(ann_id, category, x, y, side, draw(st.sampled_from(["red", "blue", "pink"])), variant))
    return Scene(100, 100, tuple(instances))


MIRROR = {"left": "right", "far left": "far right", "left of": "right of"}
MIRROR |= {right: left for left, right in MIRROR.items()}


def mirrored_tree(tree):
    """The tree with left and right exchanged, by way of its JSON."""
    return parse_tree(_swap(tree.to_json()))


def _swap(part):
    return [_swap(p) for p in part] if isinstance(part, list) else MIRROR.get(part, part)


@settings(max_examples=150, deadline=None)
@given(TREES, scenes())
def test_a_mirrored_expression_means_the_same_in_the_mirrored_picture(tree, scene):
    flipped = [replace(i, box=(100 - i.box[0] - i.box[2], *i.box[1:])) for i in scene.instances]
    mirrored = replace(scene, instances=tuple(flipped))
    assert mirrored_tree(tree).meaning(mirrored) == tree.meaning(scene)


@settings(max_examples=100, deadline=None)
@given(TREES, scenes(), st.sampled_from([2, 4, 8]))  # powers of two: margins are met exactly or not at all
def test_meaning_is_free_of_scale_and_of_the_order_of_annotations(tree, scene, scale):
    larger = [
        replace(i, box=tuple(scale * side for side in i.box), area=scale**2 * i.area) for i in reversed(scene.instances)
    ]
    assert tree.meaning(Scene(100 * scale, 100 * scale, tuple(larger))) == tree.meaning(scene)


@settings(max_examples=100, deadline=None)
@given(NOUNS, scenes())
def test_nouns_against_a_naive_filter(noun, scene):
    """`One`, `Every` and `Count` follow from how many instances a plain comparison of words finds."""
    base, color = (noun.base, noun.color) if isinstance(noun, With) else (noun, None)
    names = {"animal": {"dog"}, "man": {"man"}, "kid": {"boy"}}.get(base.name, {base.name})
    fitting = frozenset(
        i.ann_id for i in scene.instances if names & {i.category, i.variant} and (color is None or i.color == color)
    )
    assert One(noun).denotes(scene) == (fitting if len(fitting) == 1 else frozenset())
    assert Every(noun).denotes(scene) == (fitting if len(fitting) >= 2 else frozenset())
    assert Count(noun, 3).denotes(scene) == (fitting if len(fitting) == 3 else frozenset())


@settings(max_examples=100, deadline=None)
@given(NOUNS, scenes(), SIDES)
def test_ranks_and_groups_agree_with_counting_from_the_other_side(noun, scene, side):
    total = len(noun.denotes(scene))
    for rank in range(1, total):
        if Ordinal(noun, rank, side).denotes(scene):
            assert Ordinal(noun, rank, side) != Ordinal(noun, total + 1 - rank, MIRROR[side])
            from_there = Ordinal(noun, total + 1 - rank, MIRROR[side]).meaning(scene)
            assert from_there in (None, Ordinal(noun, rank, side).meaning(scene))  # unclear if other edges disagree
    first, two = Extreme(noun, side).meaning(scene), Group(noun, 2, side).meaning(scene)
    if first and two:
        assert first < two
    if two and Ordinal(noun, 2, side).meaning(scene):
        assert two == first | Ordinal(noun, 2, side).meaning(scene)


@settings(max_examples=100, deadline=None)
@given(TREES, st.integers(0, 1000))
def test_trees_survive_json_and_render_cleanly(tree, seed):
    assert parse_tree(json.loads(json.dumps(tree.to_json()))) == tree
    sentence = tree.render(np.random.default_rng(seed))
    assert sentence == tree.render(np.random.default_rng(seed))
    assert sentence == " ".join(sentence.split())
    assert sentence.isascii()
    assert "{" not in sentence


def test_every_form_is_tried_above():
    seen = {tree.__class__ for tree in _examples()}
    assert seen == set(FORMS)


def _examples():
    mark = next(m for m in test_meaning_in_a_scene_made_by_hand.pytestmark if m.name == "parametrize")
    return [tree for tree, _ in mark.args[1]]


def test_wording_varies_and_colors_of_people_are_clothes():
    rng = np.random.default_rng(0)
    cups = {Extreme(With(CUP, "red"), "left").render(rng) for _ in range(200)}
    assert {"left red mug", "the leftmost red cup", "red cup furthest left"} <= cups
    far = {Extreme(With(CUP, "red"), "far left").render(rng) for _ in range(200)}
    assert {"far left red mug", "red cup on the far left"} <= far
    men = {One(With(MAN, "black")).render(rng) for _ in range(200)}
    assert "man in black" in men
    assert not any("black man" in sentence or "black guy" in sentence for sentence in men)
    assert {"two dogs", "both dogs"} <= {Count(DOG, 2).render(rng) for _ in range(200)}
    assert "all dogs except the white one" in {Except(DOG, One(With(DOG, "white"))).render(rng) for _ in range(800)}


@pytest.mark.parametrize("tree", [[], ["nobody"], ["one"], ["one", 1, 2, 3], [["one"]], None, "one", 3])
def test_a_tree_that_is_none_is_refused(tree):
    with pytest.raises(InputError, match="expression"):
        parse_tree(tree)
