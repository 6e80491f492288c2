"""Writes a folder in gRefCOCO's own format: records of refs and instances."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from grisq.data.describe import SINGLE, Description
from grisq.data.layout import NOBODY
from grisq.data.nouns import Instance, Scene

SPECK = 0.002  # of the picture: instances smaller than this are not counted by everybody
WORDINGS = 3  # at most so many sentences for one single-target ref, as in RefCOCO


def scene_of(width: int, height: int, annotations: Sequence[dict[str, Any]], categories: dict[int, str]) -> Scene:
    """What the grammar sees of one picture's COCO annotation records; `categories`: names by category id.

    A category with a crowd region or with an instance of less than SPECK of the picture is unclear as a whole:
    nobody could say how many there are.
    """
    instances, unclear = [], set()
    for record in annotations:
        category = categories[record["category_id"]]
        if record.get("iscrowd") or record["area"] < SPECK * width * height:
            unclear.add(category)
        attributes = record.get("attributes", {})
        box, colour, variant = tuple(record["bbox"]), attributes.get("colour"), attributes.get("variant")
        instances.append(Instance(record["id"], category, box, record["area"], colour, variant))
    clear = tuple(instance for instance in instances if instance.category not in unclear)
    return Scene(width, height, clear, frozenset(unclear))


def scenes_of(document: dict[str, Any]) -> dict[int, Scene]:
    """The scene of every picture of a parsed COCO instances file, by image id."""
    categories = {category["id"]: category["name"] for category in document["categories"]}
    annotations: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in document["images"]}
    for record in document["annotations"]:
        annotations[record["image_id"]].append(record)
    return {
        image["id"]: scene_of(image["width"], image["height"], annotations[image["id"]], categories)
        for image in document["images"]
    }


def read_scenes(root: Path) -> dict[int, Scene]:
    """The scene of every picture of a set on disk, by image id, so that any expression can be evaluated in it."""
    return scenes_of(json.loads((root / "grefcoco" / "instances.json").read_text(encoding="utf-8")))


def group_sentences(pluralities: Sequence[str], rng: np.random.Generator) -> list[tuple[str, int]]:
    """Which refs to make: (plurality, number of sentences); single-target refs share out theirs, others have one."""
    refs = [(plurality, 1) for plurality in pluralities if plurality != SINGLE]
    left = sum(plurality == SINGLE for plurality in pluralities)
    while left:
        size = int(rng.integers(1, min(WORDINGS, left) + 1))
        refs.append((SINGLE, size))
        left -= size
    return refs


def wordings(description: Description, count: int, rng: np.random.Generator) -> list[str]:
    """So many sentences that mean the same, all different where the grammar has so many."""
    found: list[str] = []
    for _ in range(20 * count):
        sentence = description.tree.render(rng)
        if sentence not in found:
            found.append(sentence)
        if len(found) == count:
            return found
    return [found[i % len(found)] for i in range(count)]


def ref_record(
    image: dict[str, Any],
    split: str,
    description: Description,
    sentences: Sequence[str],
    category_of: dict[int, int],
) -> dict[str, Any]:
    """A ref without its running numbers; `tree` and `kind` are ours, the rest is gRefCOCO's.

    `kind` is the form of the expression ("ordinal", "and", ...) or, of a no-target one, "near" or "far".
    """
    targets = list(description.targets)
    return {
        "image_id": image["id"],
        "file_name": image["file_name"],
        "split": split,
        "ann_id": targets or NOBODY,
        "category_id": [category_of[target] for target in targets] or NOBODY,
        "no_target": not targets,
        "sentences": [{"raw": s, "sent": s.lower(), "tokens": s.lower().split()} for s in sentences],
        "tree": description.tree.to_json(),
        "kind": description.form,
    }
