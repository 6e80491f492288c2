"""Turns any COCO instances file into a set in gRefCOCO's layout, with expressions from the synthetic sets' grammar."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from grisq.data import grefcoco_writer
from grisq.data.coco_instances import Inspected, inspect_with_pictures
from grisq.data.inspection.findings import NOTHING_CLEAR
from grisq.data.layout import IMAGES
from grisq.data.pictures import open_picture
from grisq.data.synthetic import dataset_card
from grisq.data.synthetic.category_nouns import Words
from grisq.data.synthetic.coco_expressions import describe_document
from grisq.runtime.errors import InputError
from grisq.runtime.files import atomic_folder, link_or_copy, refuse_if_taken


def expressions_from_coco(
    instances_file: str | Path,
    images_folder: str | Path,
    out: str | Path,
    *,
    seed: int = 0,
    val_share: float = 0.1,
    words: Words | None = None,
    boxes_as_masks: bool = False,
    orientation: str = "auto",
    progress: bool = True,
    report: Callable[[str], None] = print,
) -> Path:
    """Make a set from COCO annotations in the new folder `out`, which appears only when it is complete.

    Splits are by picture: `val_share` of them go to val, half as many each to testA (pictures and expressions
    about people) and testB (pictures without people), the rest to train. Pictures about which nothing clear can be
    said are left out, the others are hard-linked, or copied where links are impossible. Annotations that are sound are
    kept as they are, crowds included; what is amiss is repaired or left out, and reported. The paper's shares of
    no-target and multi-target expressions are met as closely as the pictures allow.

    Args:
        instances_file: in COCO's format.
        images_folder: the pictures, at or below it.
        out: the folder to make.
        seed: another one makes other expressions.
        val_share: of the pictures, from 0 to 0.45.
        words: singular and plural by the name of a category, in place of those that its name gives; see `read_words`.
        boxes_as_masks: where an object has no outline, take its box for one.
        orientation: "upright" or "stored", for photographs turned by EXIF of which nothing tells on which frame they
            were annotated; "auto" raises an error for those.
        progress: whether to draw a bar.
        report: called with one sentence for each fault that was repaired, and for what was left out.

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
        described = describe_document(found.document, seed=seed, val_share=val_share, words=words, progress=progress)
        found.document, refs = described.document, described.refs
        if all(ref["no_target"] for ref in refs):
            raise InputError(f"{instances_file} holds no picture about which anything clear can be said of an object.")
    except InputError as error:  # what was left out may be the reason
        raise InputError(" ".join([str(error), *found.findings.lines()])) from None
    for silent in sorted(set(found.files) - {ref["image_id"] for ref in refs}):
        found.findings.add(NOTHING_CLEAR, found.files[silent])
    _write(out, found, refs, images_folder, dataset_card.coco_text(instances_file.name, seed, refs))
    for line in (*found.findings.lines(), *described.notes):
        report(line)
    return out


def _write(out: Path, found: Inspected, refs: list[dict[str, Any]], images_folder: Path, readme: str) -> None:
    used = {ref["image_id"] for ref in refs}
    images = [image for image in found.document["images"] if image["id"] in used]
    annotations = [record for record in found.document["annotations"] if record["image_id"] in used]
    with atomic_folder(out, replace=False) as folder:
        for image in images:
            source, target = images_folder / image["file_name"], folder / IMAGES / image["file_name"]
            if image["id"] in found.stored:
                _copy_as_stored(source, target)
            else:
                link_or_copy(source, target)
        grefcoco_writer.write(folder, refs, {**found.document, "images": images, "annotations": annotations})
        (folder / "README.md").write_text(readme, encoding="utf-8")


def _copy_as_stored(source: Path, target: Path) -> None:
    """The pixels as stored, without the EXIF turn, so that every reader sees what was annotated."""
    target.parent.mkdir(parents=True, exist_ok=True)
    open_picture(source, upright=False).save(target, "PNG")  # lossless; readers go by content, not by the name
