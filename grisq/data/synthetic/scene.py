"""Scenes: what the grammar knows of an annotated picture."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from grisq.data.layout import INSTANCES
from grisq.data.synthetic.senses import wider_senses

SPECK = 0.002  # share of the picture: not everybody would count an instance smaller than this


@dataclass(frozen=True)
class Instance:
    """One annotated object."""

    ann_id: int
    category: str
    box: tuple[float, float, float, float]  # x, y, width, height in pixels
    area: float  # in pixels
    color: str | None = None  # None where it is not annotated
    variant: str | None = None  # of a person: man, woman, boy or girl; None where it is not annotated

    @property
    def center(self) -> tuple[float, float]:
        """Center (x, y) of the box in pixels."""
        x, y, width, height = self.box
        return x + width / 2, y + height / 2


@dataclass(frozen=True)
class Scene:
    """What the grammar knows of one picture."""

    width: int  # in pixels
    height: int
    instances: tuple[Instance, ...]
    unclear: frozenset[str] = frozenset()  # categories with a crowd or a speck, which no expression may mention
    wider: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)  # see `wider_senses`
    widened: bool = False  # whether nouns are taken in their wider senses

    @cached_property
    def in_wider_senses(self) -> "Scene":
        """The same scene with nouns taken in their wider senses."""
        return replace(self, widened=True)

    def pick(self, ids: frozenset[int]) -> list[Instance]:
        """Return the instances with these annotation ids, in the scene's order."""
        return [instance for instance in self.instances if instance.ann_id in ids]


def scene_of(
    width: int,
    height: int,
    annotations: Sequence[dict[str, Any]],
    nouns: Mapping[int, str | None],
    wider: Mapping[str, frozenset[str]] | None = None,
) -> Scene:
    """Make the scene of one picture.

    A category with a crowd region, or with an instance smaller than SPECK, is unclear as a whole: nobody could say
    how many there are.

    Args:
        width: Of the picture in pixels.
        height: Of the picture in pixels.
        annotations: COCO annotation records of the picture.
        nouns: What expressions call the instances of a category, by category id; None leaves them out.
        wider: See `wider_senses`.
    """
    instances, unclear = [], set()
    for record in annotations:
        category = nouns[record["category_id"]]
        if category is None:
            continue
        if record.get("iscrowd") or record["area"] < SPECK * width * height:
            unclear.add(category)
        attributes = record.get("attributes")
        attributes = attributes if isinstance(attributes, dict) else {}
        box, color, variant = tuple(record["bbox"]), attributes.get("colour"), attributes.get("variant")
        instances.append(Instance(record["id"], category, box, record["area"], color, variant))
    clear = tuple(instance for instance in instances if instance.category not in unclear)
    return Scene(width, height, clear, frozenset(unclear), wider or {})


def scenes_of(document: dict[str, Any]) -> dict[int, Scene]:
    """Make the scene of every picture of a parsed COCO instances file, by image id.

    Instances are called by their category's `noun`, where the file has this field, or else by its name.
    """
    nouns = {category["id"]: category.get("noun", category["name"]) for category in document["categories"]}
    wider = wider_senses(
        {noun: category.get("supercategory") for category in document["categories"] if (noun := nouns[category["id"]])}
    )
    annotations: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in document["images"]}
    for record in document["annotations"]:
        annotations[record["image_id"]].append(record)
    return {
        image["id"]: scene_of(image["width"], image["height"], annotations[image["id"]], nouns, wider)
        for image in document["images"]
    }


def read_scenes(root: Path) -> dict[int, Scene]:
    """Read the scene of every picture of a set on disk, by image id, so that expressions can be evaluated in it."""
    return scenes_of(json.loads((root / INSTANCES).read_text(encoding="utf-8")))
