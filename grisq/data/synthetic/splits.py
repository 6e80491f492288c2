"""Splits by picture for a set made from somebody's annotations."""

from typing import Any

import numpy as np

from grisq.data.synthetic.scene import Scene
from grisq.data.synthetic.vocabulary import is_human


def assign_splits(scenes: dict[int, Scene], val_share: float, rng: np.random.Generator) -> dict[int, str]:
    """Assign a split to every picture: val at random, then testA among those with people, testB among the others.

    Args:
        scenes: The scene of each picture by image id.
        val_share: Share of the pictures for val, at least one of two; half of it goes to testA and testB each.
        rng: Source of the order.

    Returns:
        The split of each picture by image id.
    """
    ids = sorted(scenes)
    order = [ids[i] for i in rng.permutation(len(ids))]
    held_out = round(val_share * len(order))
    if val_share > 0 and len(order) > 1:
        held_out = max(held_out, 1)
    val, rest = order[:held_out], order[held_out:]
    people = [i for i in rest if any(is_human(instance.category) for instance in scenes[i].instances)]
    others = [i for i in rest if scenes[i].instances and i not in set(people)]
    splits = dict.fromkeys(rest, "train") | dict.fromkeys(val, "val")
    splits |= dict.fromkeys(people[: min(held_out // 2, len(people) // 2)], "testA")
    return splits | dict.fromkeys(others[: min(held_out // 2, len(others) // 2)], "testB")


def fill_train_and_val(refs: list[dict[str, Any]], val_share: float) -> None:
    """Give train, and val unless its share is 0, a picture of another split where all of theirs stayed silent.

    Args:
        refs: The ref records of all pictures, changed in place.
        val_share: Share of the pictures for val.
    """
    for needed in ("train", "val") if val_share > 0 else ("train",):
        pictures: dict[str, set[int]] = {}
        for ref in refs:
            pictures.setdefault(ref["split"], set()).add(ref["image_id"])
        spare = {name: len(ids) - (name in ("train", "val")) for name, ids in pictures.items()}
        donor = max(spare, key=spare.get, default=None)
        if needed in pictures or donor is None or not spare[donor]:
            continue
        moved = max(pictures[donor])
        for ref in refs:
            if ref["image_id"] == moved:
                ref["split"] = needed
