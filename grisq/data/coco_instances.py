"""Somebody's COCO instances file, looked at before anything is made of it: repaired where that is certain."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grisq.data.inspection import pictures
from grisq.data.inspection.annotations import repair_annotation
from grisq.data.inspection.file_names import PictureFolder
from grisq.data.inspection.findings import Findings
from grisq.data.inspection.orientation import CHOICES
from grisq.data.inspection.references import read_parts
from grisq.data.inspection.safe_paths import is_inside
from grisq.runtime.errors import InputError
from grisq.runtime.files import read_json

Record = dict[str, Any]


@dataclass
class Inspected:
    """A COCO document that every later step can rely on."""

    document: dict[str, Any]  # as the file has it, with repaired records and without pictures that cannot be used
    findings: Findings  # what was repaired and what was left out
    files: dict[int, str] = field(default_factory=dict)  # image id -> path in the folder, of annotated pictures
    stored: set[int] = field(default_factory=set)  # ids of pictures annotated as stored, against their EXIF turn


def read_instances(path: Path) -> dict[str, Any]:
    """Read a COCO instances file and repair its records; the pictures are not looked at.

    Raises:
        InputError: it is not COCO's format; the message names the place.
    """
    return inspect_document(read_json(path), path).document


def inspect_document(document: Any, path: Path) -> Inspected:
    """Look at a parsed document alone. Raises InputError naming the place in `path`."""
    findings = Findings()
    parts = read_parts(document, path, findings, sized=True)
    sizes = {}
    for index, image in enumerate(parts["images"]):
        sizes[image["id"]] = pictures.size_of(image)
        if sizes[image["id"]] is None:
            raise InputError(f"{path}: 'images[{index}]' has no usable width and height: write its pixels.")
    return _repair(document, parts, parts["annotations"], sizes, findings, boxes_as_masks=False)


def inspect_with_pictures(
    path: Path, folder: Path, *, boxes_as_masks: bool = False, orientation: str = "auto"
) -> Inspected:
    """Look at a COCO instances file and at the headers of its pictures.

    Args:
        path: the file.
        folder: the pictures, at or below it.
        boxes_as_masks: where an object has no outline, take its box for one.
        orientation: "upright" or "stored", for photographs whose own size and outlines leave open on which frame they
            were annotated; with "auto" they follow the others, and it is asked for where those do not agree.

    Raises:
        InputError: it is not COCO's format, a picture is missing, or a frame cannot be decided.
    """
    if orientation not in CHOICES:
        raise InputError(f"The orientation cannot be {orientation!r}: choose auto, upright or stored.")
    findings, document = Findings(), read_json(path)
    parts = read_parts(document, path, findings)
    images, annotations = parts["images"], parts["annotations"]
    annotated = {record["image_id"] for record in annotations}
    files = pictures.find_files(images, annotated, PictureFolder(folder), findings)
    images, annotations = pictures.unite_records(images, files, annotations, findings)
    findings.totals = {"annotations": len(annotations), "pictures": len(set(files.values()))}
    used = {image["id"]: files[image["id"]] for image in images if image["id"] in files}
    headers = pictures.read_headers(used, folder, findings)
    sizes, stored = pictures.fit_frames(images, headers, _by_image(annotations), orientation, findings)
    for image in images:  # without annotations no expression is about them, and their files are not needed
        if image["id"] not in used and is_inside(image["file_name"]) and (size := pictures.size_of(image)):
            sizes[image["id"]] = size
    parts["images"] = [_with_name(image, used.get(image["id"], image["file_name"])) for image in images]
    found = _repair(document, parts, annotations, sizes, findings, boxes_as_masks=boxes_as_masks)
    found.files = {image_id: file for image_id, file in used.items() if image_id in sizes}
    found.stored = stored
    return found


def _repair(
    document: Mapping[str, Any],
    parts: dict[str, list[Record]],
    annotations: list[Record],
    sizes: Mapping[int, tuple[int, int]],
    findings: Findings,
    *,
    boxes_as_masks: bool,
) -> Inspected:
    """The document with repaired records, of the pictures that have a size."""
    images = [_with_size(image, sizes[image["id"]]) for image in parts["images"] if image["id"] in sizes]
    kept = {image["id"] for image in images}
    findings.totals.setdefault("annotations", len(annotations))
    repaired = [
        repair_annotation(record, *sizes[record["image_id"]], findings, boxes_as_masks=boxes_as_masks)
        for record in annotations
        if record["image_id"] in kept
    ]
    whole = {**document, "images": images, "annotations": repaired, "categories": parts["categories"]}
    return Inspected(whole, findings)


def _with_size(image: Record, size: tuple[int, int]) -> Record:
    same = type(image.get("width")) is type(image.get("height")) is int
    if same and (image["width"], image["height"]) == size:
        return image
    return image | {"width": size[0], "height": size[1]}


def _with_name(image: Record, name: str) -> Record:
    return image if image["file_name"] == name else image | {"file_name": name}


def _by_image(annotations: list[Record]) -> dict[int, list[Record]]:
    found: dict[int, list[Record]] = {}
    for record in annotations:
        found.setdefault(record["image_id"], []).append(record)
    return found
