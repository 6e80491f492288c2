"""The parts of a COCO document with ids that are whole numbers, occur once, and point to something."""

from pathlib import Path
from typing import Any

from grisq.data.inspection.findings import COPIES, IMAGE_COPIES, Fault, Findings
from grisq.data.inspection.values import whole_number
from grisq.runtime.errors import InputError

Record = dict[str, Any]
PARTS = ("images", "annotations", "categories")
_NEEDED = {
    "images": ("id", "file_name"),
    "annotations": ("id", "image_id", "category_id"),
    "categories": ("id", "name"),
}
_IDS = {"images": ("id",), "annotations": ("id", "image_id", "category_id"), "categories": ("id",)}
_TOO_LARGE = {"id": 2**53, "image_id": 2**53, "category_id": 2**31}
_COPIES: dict[str, Fault | None] = {"images": IMAGE_COPIES, "annotations": COPIES, "categories": None}


def read_parts(document: Any, path: Path, findings: Findings, *, sized: bool = False) -> dict[str, list[Record]]:
    """Read the records of images, annotations and categories; ids as text or 1.0 become whole numbers.

    Args:
        document: the parsed file.
        path: the file, for messages.
        findings: gets the copies that are left out.
        sized: whether images need a width and a height, since their files cannot be asked.

    Raises:
        InputError: a part or a field is missing, or ids are unreadable, occur twice, or point nowhere.
    """
    if not isinstance(document, dict):
        what = "a list" if isinstance(document, list) else f"a {type(document).__name__}"
        raise InputError(
            f"{path} holds {what}, not an object: 'images' must be a list in it, as must 'annotations', 'categories'."
        )
    parts = {part: _records(document, part, path, sized) for part in PARTS}
    for part, records in parts.items():
        records = [_with_ids(record, part, index, path) for index, record in enumerate(records)]
        parts[part] = _each_once(records, part, path, findings)
    _check_references(parts, path)
    return parts


def _records(document: dict, part: str, path: Path, sized: bool) -> list[Record]:
    entries = document.get(part)
    if isinstance(entries, dict) and entries and all(isinstance(entry, dict) for entry in entries.values()):
        entries = list(entries.values())  # by id, as some tools write it
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{path}: '{part}' must be a list that is not empty, as in COCO's instances files.")
    for name in ("", *_NEEDED[part], *(("width", "height") if sized and part == "images" else ())):
        lacking = [
            i for i, entry in enumerate(entries) if not isinstance(entry, dict) or (name and _empty(entry, name))
        ]
        if lacking:
            more = f" ({len(lacking):,} of {len(entries):,} have none)" if len(lacking) > 1 else ""
            what = f"has no '{name}'{more}: add it, for COCO's format demands it"
            what = what if name else f"is no object: give it the fields {', '.join(_NEEDED[part])}"
            raise InputError(f"{path}: '{part}[{lacking[0]}]' {what}.")
    return entries


def _empty(entry: Record, name: str) -> bool:
    value = entry.get(name)
    return value is None or isinstance(value, list | dict) or (name == "file_name" and not isinstance(value, str))


def _with_ids(record: Record, part: str, index: int, path: Path) -> Record:
    changes = {}
    for name in _IDS[part]:
        value = whole_number(record[name])
        if value is None or not 0 <= value < _TOO_LARGE[name]:
            raise InputError(
                f"{path}: '{part}[{index}]' has {record[name]!r} as '{name}': ids must be whole numbers from 0 to "
                f"{_TOO_LARGE[name] - 1:,}."
            )
        if type(record[name]) is not int:
            changes[name] = value
    if part == "categories":
        if not isinstance(record["name"], str):
            changes["name"] = str(record["name"])
        if not isinstance(record.get("supercategory", ""), str):
            changes["supercategory"] = ""
    return record | changes if changes else record


def _each_once(records: list[Record], part: str, path: Path, findings: Findings) -> list[Record]:
    """The records without equal copies. Raises InputError where one id stands for different records."""
    kept: dict[int, Record] = {}
    for index, record in enumerate(records):
        other = kept.setdefault(record["id"], record)
        if other is not record and other != record:
            count = sum(each["id"] == record["id"] for each in records)
            raise InputError(
                f"{path}: the id {record['id']} occurs {count:,} times in '{part}', for example in '{part}[{index}]': "
                "number the records again so that each id is there only once."
            )
        if other is not record and _COPIES[part]:
            findings.add(_COPIES[part], record["id"])
    return list(kept.values()) if len(kept) < len(records) else records


def _check_references(parts: dict[str, list[Record]], path: Path) -> None:
    for part, name in (("images", "image_id"), ("categories", "category_id")):
        known = {record["id"] for record in parts[part]}
        lost = [record for record in parts["annotations"] if record[name] not in known]
        if lost:
            more = f" ({len(lost):,} annotations do so)" if len(lost) > 1 else ""
            raise InputError(
                f"{path}: annotation {lost[0]['id']} names the {name.removesuffix('_id')} {lost[0][name]}, which "
                f"'{part}' does not have{more}: add it there, or correct '{name}'."
            )
