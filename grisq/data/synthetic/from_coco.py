"""Turns any COCO instances file into a set in gRefCOCO's layout, with expressions from the synthetic sets' grammar."""

import os
import shutil
from pathlib import Path
from typing import Any

from grisq.data import layout
from grisq.data.coco_instances import read_instances
from grisq.data.layout import IMAGES
from grisq.data.synthetic import dataset_card
from grisq.data.synthetic.category_nouns import Words
from grisq.data.synthetic.coco_expressions import describe_document
from grisq.runtime.errors import InputError
from grisq.runtime.files import atomic_folder, refuse_if_taken


def expressions_from_coco(
    instances_file: str | Path,
    images_folder: str | Path,
    out: str | Path,
    *,
    seed: int = 0,
    val_share: float = 0.1,
    words: Words | None = None,
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
    described = describe_document(document, seed=seed, val_share=val_share, words=words, progress=progress)
    document, refs = described.document, described.refs
    if not refs:
        raise InputError(f"{instances_file} holds no picture about which anything clear can be said.")
    _write(out, document, refs, images_folder, dataset_card.coco_text(instances_file.name, seed, refs))
    for note in described.notes:
        print(note)
    return out


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
