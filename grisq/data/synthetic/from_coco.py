"""Turns any COCO instances file into a gRefCOCO-format set by the same grammar: training data from your own boxes.

COCO says nothing of colors or of men and women, so these expressions speak of categories, hypernyms, positions,
sizes, counts, relations, "and" and "except". Nothing is said about a category of which a picture holds a crowd
region or an instance too small to be counted.
"""

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from grisq.data import layout
from grisq.data.coco_instances import read_instances
from grisq.data.layout import IMAGES
from grisq.data.synthetic import dataset_card
from grisq.data.synthetic.expression_sampler import MULTI, NO_TARGET, SINGLE, Description, Vocabulary, describe
from grisq.data.synthetic.refs import ref_record, wordings
from grisq.data.synthetic.scene import Scene, scenes_of
from grisq.data.synthetic.vocabulary import HYPERNYMS, is_human
from grisq.runtime.errors import InputError
from grisq.runtime.files import atomic_folder, refuse_if_taken

EXPRESSIONS_PER_PICTURE = 4
SHARES = {  # no-target and multi-target share of a split's expressions, as in the synthetic set
    "train": (0.0914, 0.2553),
    "val": (0.41, 0.30),
    "testA": (0.232, 0.46),
    "testB": (0.291, 0.358),
}


def expressions_from_coco(
    instances_file: str | Path,
    images_folder: str | Path,
    out: str | Path,
    *,
    seed: int = 0,
    val_share: float = 0.1,
    progress: bool = True,
) -> Path:
    """Make the set in the new folder `out` and return it; the folder appears only when it is complete.

    Splits are by picture: `val_share` of them go to val, half as many each to testA (pictures and expressions
    about people) and testB (pictures without people), the rest to train. Pictures about which nothing clear can be
    said are left out, the others are hard-linked, or copied where links are impossible. Annotations are kept as
    they are, crowds included. The paper's shares of no-target and multi-target expressions are met as closely
    as the pictures allow.

    Raises: InputError for a file that is not COCO instances, a missing picture, or a folder that is taken.
    """
    instances_file, images_folder, out = Path(instances_file), Path(images_folder), Path(out)
    if not 0 <= val_share <= 0.45:
        raise InputError(f"val_share must lie between 0 and 0.45, so that train is not empty, not {val_share}.")
    refuse_if_taken(out)
    document = read_instances(instances_file)
    refs = _describe_all(document, seed, val_share, progress)
    if not refs:
        raise InputError(f"{instances_file} holds no picture about which anything clear can be said.")
    _write(out, document, refs, images_folder, dataset_card.coco_text(instances_file.name, seed, refs))
    return out


def _describe_all(document: dict[str, Any], seed: int, val_share: float, progress: bool) -> list[dict[str, Any]]:
    """The ref records of all pictures, in the order of the file; each picture has its own generator."""
    scenes = scenes_of(document)
    splits = assign_splits(scenes, val_share, np.random.default_rng([seed, len(scenes)]))
    vocabulary = vocabulary_of([category["name"] for category in document["categories"]])
    category_of = {record["id"]: record["category_id"] for record in document["annotations"]}
    owed = {split: Counter[str]() for split in SHARES}
    refs = []
    for image in tqdm(document["images"], desc="expressions", unit="picture", disable=not progress):
        split = splits[image["id"]]
        rng = np.random.default_rng([seed, len(scenes), image["id"]])
        for found in _describe_picture(scenes[image["id"]], split, owed[split], vocabulary, rng):
            sentences = wordings(found, 1, rng)
            refs.append(ref_record(image, split, found, sentences, category_of))
    return refs


def vocabulary_of(categories: list[str]) -> Vocabulary:
    """The categories, and the hypernyms all of whose members were looked for: "animal" needs every animal."""
    names = tuple(dict.fromkeys(categories))
    complete = [name for name, members in HYPERNYMS.items() if members <= set(names)]
    return Vocabulary(kinds=(*names, *complete))


def assign_splits(scenes: dict[int, Scene], val_share: float, rng: np.random.Generator) -> dict[int, str]:
    """A split for every image id: val at random, then testA among pictures with people, testB among the others."""
    ids = sorted(scenes)
    order = [ids[i] for i in rng.permutation(len(ids))]
    held_out = round(val_share * len(order))
    val, rest = order[:held_out], order[held_out:]
    people = [i for i in rest if any(instance.category == "person" for instance in scenes[i].instances)]
    others = [i for i in rest if scenes[i].instances and i not in set(people)]
    splits = dict.fromkeys(rest, "train") | dict.fromkeys(val, "val")
    splits |= dict.fromkeys(people[: min(held_out // 2, len(people) // 2)], "testA")
    return splits | dict.fromkeys(others[: min(held_out // 2, len(others) // 2)], "testB")


def _describe_picture(
    scene: Scene, split: str, owed: Counter[str], vocabulary: Vocabulary, rng: np.random.Generator
) -> list[Description]:
    """Up to EXPRESSIONS_PER_PICTURE expressions; what a picture cannot serve stays owed by the split's next ones."""
    if not scene.instances and not scene.unclear:
        return []
    nobody, several = SHARES[split]
    for _ in range(EXPRESSIONS_PER_PICTURE):
        draw = rng.random()
        owed[NO_TARGET if draw < nobody else MULTI if draw < nobody + several else SINGLE] += 1
    about = is_human if split == "testA" else None
    found: list[Description] = []
    for plurality in (MULTI, SINGLE, NO_TARGET):
        while owed[plurality] and len(found) < 2 * EXPRESSIONS_PER_PICTURE:
            known = [description.tree for description in found]
            description = describe(scene, plurality, vocabulary, rng, about=about, known=known)
            if description is None:
                break
            found.append(description)
            owed[plurality] -= 1
    return found


def _write(out: Path, document: dict[str, Any], refs: list[dict[str, Any]], images_folder: Path, readme: str) -> None:
    used = {ref["image_id"] for ref in refs}
    images = [image for image in document["images"] if image["id"] in used]
    annotations = [record for record in document["annotations"] if record["image_id"] in used]
    with atomic_folder(out, replace=False) as folder:
        for image in images:
            _link(images_folder / image["file_name"], folder / IMAGES / image["file_name"])
        layout.write(folder, refs, {**document, "images": images, "annotations": annotations})
        (folder / "README.md").write_text(readme, encoding="utf-8")


def _link(source: Path, target: Path) -> None:
    if not source.is_file():
        raise InputError(f"The picture {source} is missing: give the folder that 'file_name' is relative to.")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
