"""Somebody's COCO instances file, read with a look at everything that is used later."""

from pathlib import Path
from typing import Any

from grisq.runtime.errors import InputError
from grisq.runtime.files import read_json

_FIELDS = {
    "images": ("id", "file_name", "width", "height"),
    "annotations": ("id", "image_id", "category_id", "bbox", "area", "segmentation"),
    "categories": ("id", "name"),
}


def read_instances(path: Path) -> dict[str, Any]:
    """The parsed file, checked for every field that is read later; InputError says which one is missing."""
    document = read_json(path)
    for part, names in _FIELDS.items():
        entries = document.get(part) if isinstance(document, dict) else None
        if not isinstance(entries, list) or not entries:
            raise InputError(f"{path}: '{part}' must be a list that is not empty, as in COCO's instances files.")
        for index, entry in enumerate(entries):
            missing = [name for name in names if name not in entry]
            if missing:
                raise InputError(f"{path}: '{part}[{index}]' has no '{missing[0]}', which COCO's format demands.")
    _check_references(path, document)
    return document


def _check_references(path: Path, document: dict[str, Any]) -> None:
    """InputError for ids that are not whole numbers, occur twice, or point nowhere; and for unsafe file names."""
    known = {}
    for part in _FIELDS:
        ids = [entry["id"] for entry in document[part]]
        if len(set(ids)) < len(ids) or not all(isinstance(i, int) and i >= 0 for i in ids):
            raise InputError(f"{path}: 'id' in '{part}' must be whole numbers from 0 up, each only once.")
        known[part] = set(ids)
    for record in document["annotations"]:
        if record["image_id"] not in known["images"] or record["category_id"] not in known["categories"]:
            raise InputError(f"{path}: annotation {record['id']} names an image or category that is not there.")
    for image in document["images"]:
        name = Path(image["file_name"])
        if name.is_absolute() or ".." in name.parts:
            raise InputError(f"{path}: file_name '{name}' must be relative to the folder of images.")
