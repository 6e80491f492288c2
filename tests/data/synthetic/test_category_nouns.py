"""Names of categories as people write them, and the nouns that expressions use for them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grisq.data.synthetic.category_nouns import name_categories, read_words
from grisq.runtime.errors import InputError


def named(*names, words=None, annotated=None, parents=None):
    categories = [
        {"id": i, "name": name, "supercategory": (parents or {}).get(name, "")} for i, name in enumerate(names, 1)
    ]
    return name_categories(categories, range(1, len(names) + 1) if annotated is None else annotated, words)


def nouns(*names, **options):
    return list(named(*names, **options).noun_of.values())


@pytest.mark.parametrize(
    ("name", "noun", "forms"),
    [
        ("Person", "person", ("person", "people")),
        ("PERSON", "person", ("person", "people")),
        ("people", "person", ("person", "people")),
        ("persons", "person", ("person", "people")),
        ("BUS", "bus", ("bus", "buses")),
        ("Wine Glass", "wine glass", ("wine glass", "wine glasses")),
        ("traffic_light", "traffic light", ("traffic light", "traffic lights")),
        ("stop-sign", "stop sign", ("stop sign", "stop signs")),
        ("vehicle.truck", "vehicle truck", ("vehicle truck", "vehicle trucks")),
        ("StopSign", "stop sign", ("stop sign", "stop signs")),
        ("T-shirt", "t-shirt", ("t-shirt", "t-shirts")),
        (" cat\n", "cat", ("cat", "cats")),
        ("cats", "cat", ("cat", "cats")),
        ("glasses", "glasses", ("pair of glasses", "pairs of glasses")),
        ("person (adult)", "person", ("person", "people")),
        ("hard hat/helmet", "hard hat or helmet", ("hard hat or helmet", "hard hats or helmets")),
        ("head w/o helmet", "head without helmet", ("head without helmet", "heads without helmet")),
        ("jalapeño", "jalapeño", ("jalapeño", "jalapeño")),
    ],
)
def test_a_name_becomes_words(name, noun, forms):
    found = named(name, "car")
    assert found.noun_of == {1: noun, 2: "car"}
    assert found.lexicon.forms_of(noun)[0] == forms
    assert found.notes == ()


@settings(deadline=None)
@given(st.lists(st.text(max_size=12), max_size=4))
def test_any_names_become_words_or_are_left_out(names):
    found = named(*names, "cat")
    assert len(found.noun_of) == len(names) + 1
    for noun in found.noun_of.values():
        for word in found.lexicon.forms_of(noun)[0] if noun is not None else ():
            assert word
            assert word == " ".join(word.split())
            assert word.isprintable()
            assert "_" not in word


def test_invisible_characters_do_not_make_another_name():
    assert nouns("cat", "cat\u200b", "\ufeffcat", "c\u0061t", "ｃａｔ", "cat\u00a0") == ["cat"] * 6


def test_equal_names_are_one_noun_and_the_user_learns_it():
    found = named("cat", "cat ", "Cat", "cats", "car")
    assert list(found.noun_of.values()) == ["cat", "cat", "cat", "cat", "car"]
    assert found.notes == ("The categories 'cat', 'cat ', 'Cat', 'cats' are one in expressions: cat.",)


def test_a_gloss_stays_where_it_distinguishes():
    assert nouns("crane (bird)", "crane (machine)", "bat (animal)") == ["bird crane", "machine crane", "bat"]


@pytest.mark.parametrize(
    "name", ["__ignore__", "_background_", "background", "Other", "unknown", "DontCare", "", "0", "?"]
)
def test_placeholders_are_left_out_and_the_user_learns_it(name):
    found = named(name, "cat")
    assert found.noun_of == {1: None, 2: "cat"}
    (note,) = found.notes
    assert repr(name) in note


def test_a_root_category_without_annotations_is_left_out():
    parents = {"cat": "street-things-v3", "car": "street-things-v3", "street-things-v3": "none"}
    found = named("street-things-v3", "cat", "car", annotated={2, 3}, parents=parents)
    assert found.noun_of == {1: None, 2: "cat", 3: "car"}
    assert "street-things-v3" in found.notes[0]
    assert nouns("street-things-v3", "cat", annotated={1, 2}, parents=parents)[0] == "street things-v3"
    assert nouns("giraffe", "cat", annotated={2}, parents=parents) == ["giraffe", "cat"]  # looked for, not found


def test_names_that_are_not_english_are_used_as_they_are():
    found = named("Hund", "Kraftfahrzeug", "Straßenschild")
    assert found.lexicon.forms_of("hund") == (("Hund", "Hund"),)
    assert "do not look English" in found.notes[0]
    assert named("狗", "汽车").lexicon.forms_of("狗") == (("狗", "狗"),)


def test_words_take_precedence():
    words = {"Hund": ("dog", "dogs"), "0": ("zero", "zeros"), "mensch": ("person", "people")}
    found = named("Hund", "0", "Mensch", "Welpe", words=words)
    assert list(found.noun_of.values()) == ["dog", "zero", "person", "welpe"]
    assert found.lexicon.forms_of("dog") == (("dog", "dogs"),)
    assert found.notes == ()


def test_bad_words_are_named(tmp_path):
    with pytest.raises(InputError, match="'Hnud', which is no category: there are 'Hund'"):
        named("Hund", words={"Hnud": ("dog", "dogs")})
    with pytest.raises(InputError, match="must not be empty"):
        named("Hund", words={"Hund": ("dog", " ")})
    with pytest.raises(InputError, match="No category has a name"):
        named("__ignore__", "0")
    path = tmp_path / "words.json"
    for content in ([], {"Hund": "dogs"}, {"Hund": {"singular": "dog"}}, {"Hund": {"singular": "dog", "plural": 2}}):
        path.write_text(json.dumps(content), encoding="utf-8")
        with pytest.raises(InputError, match=r"words\.json must hold the words of each category"):
            read_words(path)
    path.write_text('{"Hund": {"singular": "dog", "plural": "dogs"}}', encoding="utf-8")
    assert read_words(path) == {"Hund": ("dog", "dogs")}


def test_a_synonym_is_left_to_the_category_of_that_name():
    words = named("couch", "sofa", "cup").lexicon
    assert words.forms_of("couch") == (("couch", "couches"),)
    assert words.forms_of("sofa") == (("sofa", "sofas"),)
    assert ("mug", "mugs") in words.forms_of("cup")
    assert named("sports ball", "ball").lexicon.forms_of("sports ball") == (("sports ball", "sports balls"),)


def test_everyone_needs_all_people_to_be_of_one_category():
    assert named("Person", "car").lexicon.everyone
    assert not named("Person", "rider").lexicon.everyone
    assert not named("person", "construction worker").lexicon.everyone
