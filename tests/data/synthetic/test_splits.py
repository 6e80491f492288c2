"""Splits by picture, of sets as small as two pictures."""

from collections import Counter

import numpy as np
import pytest

from grisq.data.synthetic.scene import Instance, Scene
from grisq.data.synthetic.splits import assign_splits, fill_train_and_val


def test_splits_are_by_picture():
    person = Instance(1, "person", (0, 0, 10, 10), 100)
    cat = Instance(1, "cat", (0, 0, 10, 10), 100)
    scenes = {i: Scene(50, 50, (person if i % 2 else cat,)) for i in range(100)}
    splits = assign_splits(scenes, 0.2, np.random.default_rng(0))
    assert Counter(splits.values()) == {"train": 60, "val": 20, "testA": 10, "testB": 10}
    assert all(scenes[i].instances == (person,) for i, split in splits.items() if split == "testA")
    assert all(scenes[i].instances == (cat,) for i, split in splits.items() if split == "testB")


def naive_splits(scenes, val_share, rng):
    """The rule without its lower bound, as it has always been for larger sets."""
    order = [sorted(scenes)[i] for i in rng.permutation(len(scenes))]
    held_out = round(val_share * len(order))
    splits = {i: "val" if place < held_out else "train" for place, i in enumerate(order)}
    for split, about_people in (("testA", True), ("testB", False)):
        fitting = [
            i for i in order if splits[i] == "train" and (scenes[i].instances[0].category == "person") == about_people
        ]
        splits |= dict.fromkeys(fitting[: min(held_out // 2, len(fitting) // 2)], split)
    return splits


@pytest.mark.parametrize("count", [6, 7, 20, 53])
def test_larger_sets_are_split_as_ever(count):
    names = ["person" if i % 3 else "cat" for i in range(count)]
    scenes = {i: Scene(50, 50, (Instance(1, name, (0, 0, 10, 10), 100),)) for i, name in enumerate(names)}
    found = assign_splits(scenes, 0.1, np.random.default_rng(count))
    assert found == naive_splits(scenes, 0.1, np.random.default_rng(count))


@pytest.mark.parametrize("count", range(1, 8))
@pytest.mark.parametrize("val_share", [0.01, 0.1, 0.2, 0.45])
def test_two_pictures_are_enough_for_train_and_val(count, val_share):
    cat = Instance(1, "cat", (0, 0, 10, 10), 100)
    scenes = {i: Scene(50, 50, (cat,)) for i in range(count)}
    splits = Counter(assign_splits(scenes, val_share, np.random.default_rng(0)).values())
    assert splits["train"] >= 1
    assert (splits["val"] >= 1) == (count > 1)


def refs_of(splits):
    return [{"image_id": i, "split": split} for i, split in splits.items() for _ in range(3)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({1: "train", 2: "train"}, {1: "train", 2: "val"}),
        ({1: "val", 2: "val", 3: "val"}, {1: "val", 2: "val", 3: "train"}),
        ({1: "val", 2: "testB"}, {1: "val", 2: "train"}),
        ({1: "testA", 2: "testA", 3: "testB"}, {1: "val", 2: "train", 3: "testB"}),
        ({1: "train", 2: "val", 3: "testB"}, {1: "train", 2: "val", 3: "testB"}),
        ({1: "train"}, {1: "train"}),
        ({}, {}),
    ],
)
def test_pictures_without_expressions_leave_no_split_empty(before, after):
    refs = refs_of(before)
    fill_train_and_val(refs, 0.1)
    assert refs == refs_of(after)


def test_no_val_is_made_where_none_is_wanted():
    refs = refs_of({1: "train", 2: "train"})
    fill_train_and_val(refs, 0.0)
    assert {ref["split"] for ref in refs} == {"train"}
