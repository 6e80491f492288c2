"""Generates a synthetic data set: composed pictures and computed expressions in gRefCOCO's layout (Sec. 4.1).

Each picture has its own generator, seeded with (seed, image id), so the annotations are the same bytes on every
machine and for every number of workers. The shares of no-target and multi-target expressions are exact.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from functools import partial
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask
from tqdm import tqdm

from grisq.data import grefcoco_writer
from grisq.data.layout import IMAGES
from grisq.data.scenarios import MULTI_TARGET, NO_TARGET, SINGLE_TARGET
from grisq.data.synthetic import dataset_card, sprites
from grisq.data.synthetic.compositor import Cast, Picture, compose
from grisq.data.synthetic.expression_sampler import Description, describe
from grisq.data.synthetic.refs import group_sentences, ref_record, wordings
from grisq.data.synthetic.scene import Scene, scene_of
from grisq.data.synthetic.specs import SplitSpec, SyntheticSpec
from grisq.data.synthetic.vocabulary import HYPERNYMS, PEOPLE, Vocabulary, is_human
from grisq.runtime.distributed import available_cores
from grisq.runtime.errors import InputError
from grisq.runtime.files import atomic_folder
from grisq.runtime.seed import chance

FORMAT = 3  # increased whenever the same spec would give other annotations
ANNOTATIONS_PER_IMAGE = 100  # annotation ids are image id * 100 + index from back to front
MIN_PICTURES_FOR_WORKERS = 64  # below this, starting processes costs more than it saves
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


class Made(NamedTuple):
    """The records of one picture."""

    image: dict[str, Any]
    annotations: list[dict[str, Any]]
    refs: list[dict[str, Any]]


def generate(spec: SyntheticSpec, root: str | Path, *, workers: int | None = None, progress: bool = True) -> Path:
    """Make a set unless it is already there. The folder is written atomically.

    Args:
        spec: Which set.
        root: The folder to make.
        workers: Number of processes, by default one per available core; 1 stays in this process. A script that
            calls this with several workers needs `if __name__ == "__main__":`.
        progress: Whether to show a progress bar.

    Returns:
        The folder.

    Raises:
        InputError: If `root` holds anything but this very set.
    """
    root = Path(root)
    if _holds(root, spec):
        return root
    tasks = plan(spec)
    with atomic_folder(root, replace=False) as folder:
        (folder / IMAGES).mkdir(parents=True)
        bar = tqdm(total=len(tasks), desc=f"synthetic set '{spec.name}'", unit="picture", disable=not progress)
        with bar:
            made = []
            for one in _make_all(tasks, spec, folder / IMAGES, workers):
                made.append(one)
                bar.update()
        refs = [ref for one in made for ref in one.refs]
        instances = _instances(spec, made)
        grefcoco_writer.write(folder, refs, instances)
        (folder / "spec.json").write_text(json.dumps(_stamp(spec), indent=1) + "\n", encoding="utf-8")
        (folder / "README.md").write_text(dataset_card.text(_stamp(spec), refs), encoding="utf-8")
    return root


def plan(spec: SyntheticSpec) -> list[Task]:
    """List all pictures with their expressions' scenarios: exact shares in each split, shuffled among its pictures."""
    image_ids = count(1)
    tasks = []
    for index, split in enumerate(spec.splits):
        nobody, several = round(split.no_target * split.expressions), round(split.multi * split.expressions)
        labels = (
            [NO_TARGET] * nobody + [MULTI_TARGET] * several + [SINGLE_TARGET] * (split.expressions - nobody - several)
        )
        order = np.random.default_rng([spec.seed, index, 0]).permutation(len(labels))
        for share in np.array_split(order, split.pictures):
            tasks.append(Task(next(image_ids), split, tuple(labels[i] for i in share)))
    return tasks


def make(task: Task, spec: SyntheticSpec, folder: Path) -> Made:
    """Draw scenes until one has expressions of all the task's scenarios; write its picture into `folder`."""
    rng = np.random.default_rng([spec.seed, task.image_id])
    wanted = group_sentences(task.scenarios, rng)
    cast = Cast(spec.objects, task.split.people)
    while True:
        width, height = _draw_size(spec.sides, rng)
        picture = compose(rng, width, height, cast)
        annotations = _annotations(picture, task.image_id)
        scene = scene_of(width, height, annotations, CATEGORY_NAMES)
        descriptions = _describe_all(scene, [scenario for scenario, _ in wanted], task.split, rng)
        if descriptions is not None:
            break
    name = f"COCO_train2014_{task.image_id:012d}.jpg"
    Image.fromarray(picture.pixels).save(folder / name, quality=92, subsampling=0)
    image = {"id": task.image_id, "file_name": name, "width": width, "height": height}
    category_of = {annotation["id"]: annotation["category_id"] for annotation in annotations}
    refs = [
        ref_record(image, task.split.name, found, wordings(found, size, rng), category_of)
        for found, (_, size) in zip(descriptions, wanted)
    ]
    return Made(image, annotations, refs)


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


def _annotations(picture: Picture, image_id: int) -> list[dict[str, Any]]:
    """Make COCO records of the visible pixels as compressed RLE, with color and variant as `attributes`."""
    found = []
    for index, (actor, mask) in enumerate(zip(picture.actors, picture.masks)):
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


def _make_all(tasks: list[Task], spec: SyntheticSpec, folder: Path, workers: int | None) -> Iterator[Made]:
    """Make the pictures in this process or in several; yield them in the tasks' order."""
    workers = available_cores() if workers is None else workers
    job = partial(make, spec=spec, folder=folder)
    if workers <= 1 or len(tasks) < MIN_PICTURES_FOR_WORKERS:
        yield from map(job, tasks)
        return
    try:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            yield from pool.map(job, tasks, chunksize=16)
    except BrokenProcessPool as error:
        advice = "guard the script with `if __name__ == '__main__':` or call generate(..., workers=1)"
        raise InputError(f"The workers that make the synthetic set could not start: {advice}.") from error


def _instances(spec: SyntheticSpec, made: list[Made]) -> dict[str, Any]:
    return {
        "info": {"description": f"grisq synthetic set '{spec.name}', seed {spec.seed}"},
        "images": [one.image for one in made],
        "annotations": [annotation for one in made for annotation in one.annotations],
        "categories": [{"id": c.id, "name": c.name, "supercategory": c.supercategory} for c in sprites.CATEGORIES],
    }


def _stamp(spec: SyntheticSpec) -> dict[str, Any]:
    return json.loads(json.dumps({"format": FORMAT, **asdict(spec)}))


def _holds(root: Path, spec: SyntheticSpec) -> bool:
    """Return whether the folder holds this very set, complete."""
    stamp = root / "spec.json"
    return stamp.is_file() and json.loads(stamp.read_text(encoding="utf-8")) == _stamp(spec)
