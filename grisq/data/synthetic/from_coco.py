"""Turns any COCO instances file into a gRefCOCO-format set by the same grammar: training data from your own boxes.

COCO says nothing of colors or of men and women, so these expressions speak of categories, hypernyms, positions,
sizes, counts, relations, "and" and "except". Nothing is said about a category of which a picture holds a crowd
region or an instance too small to be counted.
"""

import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from grisq.data import layout
from grisq.data.coco_instances import Inspected, inspect_with_pictures
from grisq.data.inspection.findings import NOTHING_CLEAR
from grisq.data.layout import IMAGES
from grisq.data.pictures import open_picture
from grisq.data.synthetic import dataset_card
from grisq.data.synthetic.expression_sampler import MULTI, NO_TARGET, SINGLE, Description, Vocabulary, describe
from grisq.data.synthetic.refs import ref_record, wordings
from grisq.data.synthetic.scene import Scene, scenes_of
from grisq.data.synthetic.vocabulary import HYPERNYMS, is_human
from grisq.runtime.errors import InputError
from grisq.runtime.files import appears_whole, refuse_if_taken

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
    boxes_as_masks: bool = False,
    orientation: str = "auto",
    progress: bool = True,
    report: Callable[[str], None] = print,
) -> Path:
    """Make a set from COCO annotations in the new folder `out`, which appears only when it is complete.

    Splits are by picture: `val_share` of them go to val, half as many each to testA (pictures and expressions
    about people) and testB (pictures without people), the rest to train. Pictures about which nothing clear can be
    said are left out, the others are hard-linked, or copied where links are impossible. Annotations that are sound are
    kept as they are, crowds included; what is amiss is mended or left out, and reported. The paper's shares of
    no-target and multi-target expressions are met as closely as the pictures allow.

    Args:
        instances_file: in COCO's format.
        images_folder: the pictures, at or below it.
        out: the folder to make.
        seed: another one makes other expressions.
        val_share: of the pictures, from 0 to 0.45.
        boxes_as_masks: where an object has no outline, take its box for one.
        orientation: "upright" or "stored", for photographs turned by EXIF of which nothing tells on which frame they
            were annotated; "auto" raises an error for those.
        progress: whether to draw a bar.
        report: called with one sentence for each fault that was mended and for what was left out.

    Returns:
        The folder `out`.

    Raises:
        InputError: the file is not COCO instances, a picture is missing, nothing can be said, or `out` is taken.
    """
    instances_file, images_folder, out = Path(instances_file), Path(images_folder), Path(out)
    if not 0 <= val_share <= 0.45:
        raise InputError(f"val_share must lie between 0 and 0.45, so that train is not empty, not {val_share}.")
    refuse_if_taken(out)
    found = inspect_with_pictures(instances_file, images_folder, boxes_as_masks=boxes_as_masks, orientation=orientation)
    try:
        refs = _describe_all(found.document, seed, val_share, progress)
        if all(ref["no_target"] for ref in refs):
            raise InputError(f"{instances_file} holds no picture about which anything clear can be said of an object.")
    except InputError as error:  # what was left out may be the reason
        raise InputError(" ".join([str(error), *found.findings.lines()])) from None
    for silent in sorted(set(found.files) - {ref["image_id"] for ref in refs}):
        found.findings.add(NOTHING_CLEAR, found.files[silent])
    _write(out, found, refs, images_folder, dataset_card.coco_text(instances_file.name, seed, refs))
    for line in found.findings.lines():
        report(line)
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


def _write(out: Path, found: Inspected, refs: list[dict[str, Any]], images_folder: Path, readme: str) -> None:
    used = {ref["image_id"] for ref in refs}
    images = [image for image in found.document["images"] if image["id"] in used]
    annotations = [record for record in found.document["annotations"] if record["image_id"] in used]
    with appears_whole(out) as folder:
        for image in images:
            source, target = images_folder / image["file_name"], folder / IMAGES / image["file_name"]
            if image["id"] in found.stored:
                _copy_as_stored(source, target)
            else:
                _link(source, target)
        layout.write(folder, refs, {**found.document, "images": images, "annotations": annotations})
        (folder / "README.md").write_text(readme, encoding="utf-8")


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def _copy_as_stored(source: Path, target: Path) -> None:
    """The pixels as stored, without the EXIF turn, so that every reader sees what was annotated."""
    target.parent.mkdir(parents=True, exist_ok=True)
    open_picture(source, upright=False).save(target, "PNG")  # lossless; readers go by content, not by the name
