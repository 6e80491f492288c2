"""InstanceVG's annotations, one JSON form for gRefCOCO, Ref-ZOM, R-RefCOCO and the RefCOCO family.

{split: [{image_id, file_name, width, height, expressions: {"raw": text or list}, annotations: [{bbox, segmentation}]}]}

An annotation without box and segmentation says that there is no target. Nothing has an id but the pictures, so objects
and expressions are numbered here; an outline that occurs twice in a picture is one object. gRefCOCO's records lack the
file's name, which is COCO's.

In R-RefCOCO's splits an item is a list of records. Which items of its val are one ref stands in a second file,
instance_index.json, as ranges [first, last) of items.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from grisq.data.coco_instances import inspect_document
from grisq.data.foreign.converted import Converted
from grisq.data.layout import NOBODY
from grisq.runtime.errors import InputError
from grisq.runtime.files import read_json

INDEX = "instance_index.json"
_OBJECT = {"id": 1, "name": "object", "supercategory": "thing"}  # the files do not say what an object is
_COCO_NAME = "COCO_train2014_{:012d}.jpg"


class _Object(msgspec.Struct):
    segmentation: Any = None
    bbox: list[float] | None = None


class _Record(msgspec.Struct):
    image_id: int
    width: int
    height: int
    expressions: Any
    annotations: list[_Object] | None = None
    file_name: str | None = None
    mask: Any = None  # in the RefCOCO family's files in place of annotations
    bbox: Any = None


def read_instancevg(path: Path) -> Converted:
    """Read one of its files, such as annotations/grefs/instance.json.

    Raises:
        InputError: the file is missing, damaged or of another form.
    """
    document, index = read_json(path), _read_index(path.with_name(INDEX))
    if not isinstance(document, dict) or not all(isinstance(each, list) for each in document.values()):
        raise InputError(f"{path} is not in InstanceVG's form: it must be an object of splits, each a list of records.")
    found = Converted([], {"images": [], "annotations": [], "categories": [_OBJECT]})
    images: dict[int, dict] = {}
    objects: dict[tuple[int, str], dict] = {}  # picture, outline -> annotation
    sentences = 0
    for split, items in document.items():
        refs = _refs(split, items, index, found)
        before = len(found.refs) + 1
        for place, item in enumerate(items):
            ref_id = before + refs[place]
            for record in _records(item, f"{path}, split {split!r}"):
                named = f"{path}, split {split!r}, image {record.image_id}"
                texts, targets = _texts(record, named), _targets(record, named)
                images.setdefault(record.image_id, _image(record))
                ann_ids = [_numbered(record, target, objects) for target in targets]
                found.refs.append(
                    {
                        "ref_id": ref_id,
                        "image_id": record.image_id,
                        "split": split,
                        "ann_id": ann_ids or NOBODY,
                        "no_target": not targets,
                        "sentences": [
                            {"sent_id": sentences + i, "raw": text, "sent": text, "tokens": text.split()}
                            for i, text in enumerate(texts, start=1)
                        ],
                    }
                )
                sentences += len(texts)
    if not found.refs:
        raise InputError(f"{path} holds no expression: give one of InstanceVG's annotation files.")
    found.instances |= {"images": list(images.values()), "annotations": list(objects.values())}
    inspected = inspect_document(found.instances, path)  # gives every object its box and its area
    found.instances, found.repairs = inspected.document, inspected.findings.lines()
    return found


def _read_index(path: Path) -> dict[str, list[list[int]]] | list[list[int]]:
    """Ranges of items that are one ref, by split or for all; none if there is no such file."""
    if not path.is_file():
        return []
    try:
        return msgspec.convert(read_json(path), dict[str, list[list[int]]] | list[list[int]])
    except msgspec.ValidationError as error:
        raise InputError(
            f"{path} must hold ranges of items, [[0, 3], [3, 7], ...], or these by split ({error})."
        ) from None


def _refs(split: str, items: list, index: dict | list, found: Converted) -> list[int]:
    """Number of each item's ref."""
    ranges = index.get(split, []) if isinstance(index, dict) else index if "rrefcoco" in split else []
    if not ranges:
        if "rrefcoco" in split and all(not isinstance(item, list) or len(item) == 1 for item in items):
            found.note(
                f"Items of {split} are taken for refs of their own, since {INDEX} is missing: r and rIoU need it"
            )
        return list(range(len(items)))
    refs = [number for number, (first, last) in enumerate(ranges) for _ in range(first, last)]
    if len(refs) != len(items) or any(first >= last for first, last in ranges):
        raise InputError(
            f"{INDEX} has ranges for {len(refs):,} items, and {split} has {len(items):,}: get both together."
        )
    return refs


def _records(group: Any, place: str) -> Iterator[_Record]:
    """A record, or the records of an item."""
    for each in group if isinstance(group, list) else [group]:
        try:
            yield msgspec.convert(each, _Record, strict=False)
        except msgspec.ValidationError as error:
            raise InputError(f"{place}: a record cannot be read ({error}).") from None


def _texts(record: _Record, place: str) -> list[str]:
    found = record.expressions.get("raw") if isinstance(record.expressions, dict) else record.expressions
    texts = [found] if isinstance(found, str) else found
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InputError(f"{place}: its expressions must be a text or a list of texts, or an object with 'raw'.")
    return texts


def _targets(record: _Record, place: str) -> list[_Object]:
    if record.annotations is None:
        found = [_Object(record.mask, record.bbox)] if record.mask or record.bbox else []
    else:
        found = [each for each in record.annotations if each.segmentation or each.bbox]
    if not all(each.segmentation for each in found):
        raise InputError(f"{place}: an object has a box and no segmentation; masks are needed.")
    return found


def _numbered(record: _Record, target: _Object, objects: dict[tuple[int, str], dict]) -> int:
    """The id of an object, which becomes an annotation where its outline is new in the picture."""
    key = record.image_id, json.dumps(target.segmentation, sort_keys=True)
    return objects.setdefault(key, _annotation(record, target, len(objects) + 1))["id"]


def _image(record: _Record) -> dict[str, Any]:
    file_name = record.file_name or _COCO_NAME.format(record.image_id)
    return {"id": record.image_id, "file_name": file_name, "width": record.width, "height": record.height}


def _annotation(record: _Record, target: _Object, ann_id: int) -> dict[str, Any]:
    return {
        "id": ann_id,
        "image_id": record.image_id,
        "category_id": _OBJECT["id"],
        "iscrowd": 0,
        "segmentation": target.segmentation,
        "bbox": target.bbox or [],
    }
