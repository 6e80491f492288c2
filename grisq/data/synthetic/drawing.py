"""Draws one picture of a synthetic set with its annotations and its expressions.

Each picture has its own generator, seeded with (seed, image id), so it can be drawn again at any time, with the layers
that it was composed of.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from grisq.data.synthetic import sprites
from grisq.data.synthetic.compositor import Cast, Picture, compose
from grisq.data.synthetic.expression_sampler import Description, describe
from grisq.data.synthetic.refs import group_sentences, ref_record, wordings
from grisq.data.synthetic.scene import Scene, scene_of
from grisq.data.synthetic.specs import SplitSpec, SyntheticSpec
from grisq.data.synthetic.vocabulary import HYPERNYMS, PEOPLE, Vocabulary, is_human
from grisq.runtime.seed import chance

ANNOTATIONS_PER_IMAGE = 100  # annotation ids are image id * 100 + index from back to front
CATEGORY_NAMES = {category.id: category.name for category in sprites.CATEGORIES}
VOCABULARY = Vocabulary(
    nouns=(*(c.name for c in sprites.CATEGORIES), *PEOPLE, *HYPERNYMS),
    colors=tuple(sprites.PALETTE),
)


class Task(NamedTuple):
    """One picture to make."""

    image_id: int
    split: SplitSpec
    scenarios: tuple[str, ...]  # one for each of its expressions


class Drawing(NamedTuple):
    """One picture with its ground truth, before anything is written."""

    picture: Picture
    scene: Scene
    image: dict[str, Any]  # its COCO record
    annotations: list[dict[str, Any]]  # COCO records, from back to front
    descriptions: list[Description]
    refs: list[dict[str, Any]]  # one for each description


def draw(task: Task, spec: SyntheticSpec) -> Drawing:
    """Draw scenes until one has expressions of all the task's scenarios."""
    rng = np.random.default_rng([spec.seed, task.image_id])
    wanted = group_sentences(task.scenarios, rng)
    cast = Cast(spec.objects, task.split.people)
    while True:
        picture = compose(rng, *_draw_size(spec.sides, rng), cast)
        annotations = annotate(picture, task.image_id)
        scene = scene_in(picture, annotations)
        descriptions = _describe_all(scene, [scenario for scenario, _ in wanted], task.split, rng)
        if descriptions is not None:
            break
    image = image_record(picture, task.image_id)
    category_of = {annotation["id"]: annotation["category_id"] for annotation in annotations}
    refs = [
        ref_record(image, task.split.name, found, wordings(found, size, rng), category_of)
        for found, (_, size) in zip(descriptions, wanted)
    ]
    return Drawing(picture, scene, image, annotations, descriptions, refs)


def image_record(picture: Picture, image_id: int) -> dict[str, Any]:
    """Make the COCO record of a picture."""
    height, width = picture.pixels.shape[:2]
    return {"id": image_id, "file_name": f"COCO_train2014_{image_id:012d}.jpg", "width": width, "height": height}


def scene_in(picture: Picture, annotations: Sequence[dict[str, Any]]) -> Scene:
    """Make the scene of a picture with these annotations."""
    height, width = picture.pixels.shape[:2]
    return scene_of(width, height, annotations, CATEGORY_NAMES)


def save(picture: Picture, path: Path) -> None:
    """Write a picture as JPEG."""
    Image.fromarray(picture.pixels).save(path, quality=92, subsampling=0)


def annotate(picture: Picture, image_id: int, indices: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """Make COCO records of the visible pixels as compressed RLE, with color and variant as `attributes`.

    Args:
        picture: The picture.
        image_id: Its id.
        indices: A number below ANNOTATIONS_PER_IMAGE for each layer, the end of its annotation id; by default they
            are counted from back to front.
    """
    found = []
    for index, actor, mask in zip(
        range(len(picture.masks)) if indices is None else indices, picture.actors, picture.masks
    ):
        rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
        attributes = {"colour": actor.color, "variant": actor.variant}
        found.append(
            {
                "id": image_id * ANNOTATIONS_PER_IMAGE + index,
                "image_id": image_id,
                "category_id": actor.category.id,
                "iscrowd": 0,
                "area": int(coco_mask.area(rle)),
                "bbox": [int(side) for side in coco_mask.toBbox(rle)],
                "segmentation": {"size": list(mask.shape), "counts": rle["counts"].decode("ascii")},
                "attributes": {name: value for name, value in attributes.items() if value is not None},
            }
        )
    return found


def _describe_all(
    scene: Scene, scenarios: list[str], split: SplitSpec, rng: np.random.Generator
) -> list[Description] | None:
    """Sample a different expression for each scenario; None if one of them is not found."""
    about = is_human if split.about_people else None
    found: list[Description] = []
    for scenario in scenarios:
        known = [description.tree for description in found]
        description = describe(scene, scenario, VOCABULARY, rng, about=about, known=known)
        if description is None:
            return None
        found.append(description)
    return found


def _draw_size(sides: tuple[int, int], rng: np.random.Generator) -> tuple[int, int]:
    """Draw width and height: one is the longest side, the other a multiple of 8 within the bounds."""
    low, high = sides
    other = int(rng.integers(low // 8, high // 8 + 1)) * 8
    return (high, other) if chance(rng, 0.5) else (other, high)
