"""Expressions about documents whose categories are one's own: targets are the annotations, names are what they say."""

from collections import Counter

import numpy as np
import pytest

from grisq.data.synthetic.coco_expressions import describe_document, vocabulary_of
from grisq.data.synthetic.expression_trees import children, heads
from grisq.data.synthetic.grammar import Every, One, parse_tree
from grisq.data.synthetic.noun_phrases import Noun
from grisq.data.synthetic.scene import scenes_of
from grisq.data.synthetic.vocabulary import COCO_NAMES


def document(*names, pictures=40, seed=0, **fields):
    """Pictures of two to four boxes of random categories."""
    rng = np.random.default_rng(seed)
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 160, "height": 120} for i in range(1, pictures + 1)]
    annotations = []
    for image in images:
        for _ in range(int(rng.integers(2, 5))):
            width, height = rng.integers(20, 45, 2).tolist()
            x, y = int(rng.integers(160 - width)), int(rng.integers(120 - height))
            record = {"id": len(annotations) + 1, "image_id": image["id"], "bbox": [x, y, width, height]}
            record |= {"category_id": int(rng.integers(len(names))), "area": width * height, "iscrowd": 0}
            annotations.append(record)
    categories = [{"id": i, "name": name, **fields} for i, name in enumerate(names)]
    return {"images": images, "annotations": annotations, "categories": categories}


def described(*names, words=None, **options):
    return describe_document(document(*names, **options), seed=0, val_share=0.2, words=words, progress=False)


def nouns_in(node):
    return {node.name} if isinstance(node, Noun) else set().union(*map(nouns_in, children(node)))


IS_A = {  # what a noun means in plain English, next to its own annotations
    "vehicle": {"car", "truck", "police car"},
    "animal": {"dog", "teddy bear"},
    "car": {"police car"},
    "bear": {"teddy bear"},
    "person": {"kid", "man", "woman"},
    "man": {"person"},
    "woman": {"person"},
    "kid": {"person"},
    "sofa": {"couch"},
    "couch": {"sofa"},
}


@pytest.mark.parametrize(
    "names",
    [
        ("vehicle", "animal"),
        ("man", "woman"),
        ("bag", "person", "kid"),
        ("vehicle", "car", "truck"),
        ("animal", "dog", "boy", "girl"),
        ("car", "police car"),
        ("bear", "teddy bear"),
        ("person", "man", "vehicle"),
        ("couch", "sofa", "cup"),
    ],
)
def test_names_mean_their_annotations_and_no_target_is_true_in_english(names):
    found = described(*names)
    scenes = scenes_of(found.document)
    name_of = {record["id"]: names[record["category_id"]] for record in found.document["annotations"]}
    spoken, scenarios = set(), Counter()
    for ref in found.refs:
        tree = parse_tree(ref["tree"])
        targets = set() if ref["no_target"] else set(ref["ann_id"])
        assert tree.meaning(scenes[ref["image_id"]]) == targets
        assert {name_of[i] for i in targets} <= heads(tree)
        scenarios[min(len(targets), 2)] += 1
        if targets:
            spoken |= heads(tree)
        elif isinstance(tree, One | Every) and isinstance(tree.noun, Noun):
            there = {instance.category for instance in scenes[ref["image_id"]].instances}
            assert not there & ({tree.noun.name} | IS_A.get(tree.noun.name, set())), (ref["sentences"], there)
    assert spoken == set(names)
    assert min(scenarios.values()) >= 10
    assert len(scenarios) == 3


def test_a_person_by_any_spelling_is_a_person():
    for name in ("Person", "PERSON", "people"):
        found = described(name, "car", pictures=60)
        tests = [ref for ref in found.refs if ref["split"] == "testA"]
        assert tests
        assert all(heads(parse_tree(ref["tree"])) == {"person"} for ref in tests)
        sentences = {sentence["sent"] for ref in found.refs for sentence in ref["sentences"]}
        assert sentences & {"everyone", "everybody"}
    sentences = {sentence["sent"] for ref in described("person", "kid").refs for sentence in ref["sentences"]}
    assert not any(word in sentence for sentence in sentences for word in ("everyone", "everybody"))


def test_equal_names_are_counted_together():
    found = described("cat", "cat ", "Cat", "car")
    scenes = scenes_of(found.document)
    assert {i.category for scene in scenes.values() for i in scene.instances} == {"cat", "car"}
    assert any(len(set(ref["category_id"])) > 1 for ref in found.refs if heads(parse_tree(ref["tree"])) == {"cat"})
    assert len(found.notes) == 1


def test_what_is_left_out_is_never_mentioned():
    found = described("__ignore__", "cat", "dog")
    mentioned = set().union(*(nouns_in(parse_tree(ref["tree"])) for ref in found.refs))
    assert mentioned == {"cat", "dog"}
    assert 0 not in {i for ref in found.refs for i in ref["category_id"]}


def test_words_of_the_user_are_used():
    found = described("Hund", "Auto", words={"Hund": ("dachshund", "dachshunds"), "Auto": ("car", "cars")})
    words = {word for ref in found.refs for sentence in ref["sentences"] for word in sentence["sent"].split()}
    assert {"dachshund", "dachshunds", "car", "cars"} <= words
    assert not words & {"hund", "hunds", "auto", "autos"}
    scenes = scenes_of(found.document)
    for ref in found.refs:
        assert parse_tree(ref["tree"]).meaning(scenes[ref["image_id"]]) == {i for i in ref["ann_id"] if i > 0}


def test_plurals_are_english():
    found = described("box", "leaf", "church", "goose")
    words = {word for ref in found.refs for sentence in ref["sentences"] for word in sentence["sent"].split()}
    assert {"boxes", "leaves", "churches", "geese"} <= words
    assert not words & {"boxs", "leafs", "churchs", "gooses"}


@pytest.mark.parametrize("pictures", [2, 3, 4, 5])
def test_few_pictures_give_train_and_val(pictures):
    found = described("cat", "car", pictures=pictures)
    assert {ref["split"] for ref in found.refs} == {"train", "val"}


def test_pictures_without_anything_leave_no_split_empty():
    empty = document("cat", "car", pictures=20)
    for kept in ([3, 4], [1, 20], [7, 8, 9]):
        few = {**empty, "annotations": [record for record in empty["annotations"] if record["image_id"] in kept]}
        refs = describe_document(few, seed=0, val_share=0.1, progress=False).refs
        assert {ref["split"] for ref in refs} >= {"train", "val"}
        assert {ref["image_id"] for ref in refs} == set(kept)


def test_one_picture_has_no_val_and_the_user_learns_it():
    alone = described("cat", "car", pictures=1)
    assert {ref["split"] for ref in alone.refs} == {"train"}
    assert "Only one picture, 1.jpg, has expressions, so the set has no val" in alone.notes[0]
    without_val = describe_document(document("cat", "car", pictures=1), seed=0, val_share=0, progress=False)
    assert without_val.notes == ()


def test_hypernyms_need_all_their_members_and_nothing_unknown():
    assert "animal" not in vocabulary_of(["dog", "cat"]).nouns
    assert "bag" in vocabulary_of(["backpack", "handbag", "suitcase"]).nouns
    assert "bag" not in vocabulary_of(["backpack", "handbag", "suitcase", "shopping bag"]).nouns
    assert {"animal", "vehicle", "bag"} < set(vocabulary_of(COCO_NAMES).nouns)
    assert vocabulary_of(["vehicle", "car"]).nouns == ("vehicle", "car")
    assert vocabulary_of(["dog"]).colors == ()
