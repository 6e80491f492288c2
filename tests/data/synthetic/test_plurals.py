"""Plurals against a list written by hand, and rules that hold for any name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grisq.data.synthetic.plurals import forms, head_of, singular
from grisq.data.synthetic.vocabulary import COCO_NAMES, SYNONYMS

NOUNS = """
box boxes, bus buses, dress dresses, lens lenses, gas gases, church churches, bench benches, brush brushes, fox
foxes, waltz waltzes, quiz quizzes, stomach stomachs, monarch monarchs, iris irises, cactus cactuses, virus viruses,
battery batteries, strawberry strawberries, fly flies, baby babies, toy toys, key keys, monkey monkeys, buoy buoys,
cookie cookies, pie pies, tie ties, movie movies, necktie neckties, leaf leaves, shelf shelves, bookshelf
bookshelves, knife knives, wolf wolves, thief thieves, scarf scarves, loaf loaves, roof roofs, chef chefs, reef
reefs, cliff cliffs, giraffe giraffes, safe safes, glove gloves, olive olives, valve valves, tomato tomatoes, potato
potatoes, photo photos, piano pianos, zoo zoos, shoe shoes, canoe canoes, goose geese, mongoose mongooses, child
children, grandchild grandchildren, person people, man men, woman women, policeman policemen, human humans, mouse
mice, foot feet, tooth teeth, ox oxen, sheep sheep, fish fish, goldfish goldfish, deer deer, aircraft aircraft,
species species, furniture furniture, rust rust, house houses, blouse blouses, size sizes, tree trees, shrub shrubs,
taxi taxis, cache caches, quiche quiches, crack cracks, car cars, cat cats, dog dogs, mushroom mushrooms, specimen
specimens, compass compasses, tv tvs
"""
PAIRS = [tuple(pair.split()) for pair in NOUNS.replace("\n", " ").split(",")]


@pytest.mark.parametrize(("one", "several"), PAIRS)
def test_singular_and_plural_are_found_from_either(one, several):
    assert forms(one) == forms(several) == (one, several)
    assert forms(f"old {one}") == forms(f"old {several}") == (f"old {one}", f"old {several}")
    assert singular(several) == one


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("glasses", ("pair of glasses", "pairs of glasses")),
        ("safety glasses", ("pair of safety glasses", "pairs of safety glasses")),
        ("wine glasses", ("wine glass", "wine glasses")),
        ("scissors", ("pair of scissors", "pairs of scissors")),
        ("stairs", ("flight of stairs", "flights of stairs")),
        ("cup of tea", ("cup of tea", "cups of tea")),
        ("person on bike", ("person on bike", "people on bike")),
        ("mother in law", ("mother in law", "mothers in law")),
        ("without mask", ("without mask", "without masks")),
        ("狗", ("狗", "狗")),
        ("café", ("café", "café")),
    ],
)
def test_names_of_several_words_and_other_languages(name, expected):
    assert forms(name) == expected


def test_head_is_what_the_rest_describes():
    assert [head_of(name) for name in ("red cups of tea", "people", "fire hydrant", "")] == [
        "cup",
        "person",
        "hydrant",
        "",
    ]


def test_the_names_of_coco_are_singular_already():
    assert [name for name in COCO_NAMES if singular(name) != name] == []
    written = {name: pairs for name, pairs in SYNONYMS.items() if name != "sports ball"}  # whose word is "ball"
    assert [name for name, pairs in written.items() if forms(name) not in pairs] == []


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Z"])))
def test_any_name_has_forms_without_new_letters_of_its_own(name):
    one, several = forms(name)
    assert one and several if name else one == ""
    assert forms(name) == (one, several)
