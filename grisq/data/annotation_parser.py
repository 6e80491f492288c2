"""gRefCOCO's two JSON files parsed into Arrow tables, with every trap of the released files handled.

Expressions: one row a sentence. A ref without targets has ann_id [-1]; a single target may be a bare number;
refs without sentences and refs whose targets are all crowd regions are left out and counted, and a target that its
ref names twice is one target. Refs that name an annotation or picture that does not exist, or an annotation of another
picture, ids that stand for two things, and targets that cannot have a pixel are errors. The picture's file name comes
from instances.json, because the refs' own file names may carry an annotation suffix.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from grisq.data.coco_instances import inspect_document
from grisq.data.grefcoco_writer import to_json
from grisq.data.inspection.targets import prepare_targets, unique_records
from grisq.data.layout import NOBODY
from grisq.runtime.errors import InputError
from grisq.runtime.files import read_utf8


class _Sentence(msgspec.Struct):
    sent_id: int
    raw: str | None = None
    sent: str | None = None


class _Ref(msgspec.Struct):
    ref_id: int
    image_id: int
    split: str
    ann_id: int | list[int]
    sentences: list[_Sentence]
    tree: Any = None  # ours: the expression's meaning, in synthetic sets
    kind: str | None = None  # ours: its form


class _Image(msgspec.Struct):
    id: int
    file_name: str
    width: int
    height: int


class _Annotation(msgspec.Struct):
    id: int
    image_id: int
    category_id: int
    segmentation: msgspec.Raw  # parsed when a mask is asked for
    bbox: list[float]
    area: float = 0.0
    iscrowd: int = 0
    attributes: msgspec.Raw = msgspec.Raw(b"")  # ours: color and the like


class _Category(msgspec.Struct):
    id: int
    name: str
    supercategory: str = ""


class _Instances(msgspec.Struct):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


@dataclass
class Tables:
    """What both files hold, as Arrow tables."""

    expressions: pa.Table  # one row a sentence, see EXPRESSIONS
    images: pa.Table  # by id
    annotations: pa.Table  # by image, then id
    categories: pa.Table
    skipped: dict[str, int]  # what was left out, counted by reason


EXPRESSIONS = pa.schema(
    [
        ("ref_id", pa.int64()),
        ("sent_id", pa.int64()),
        ("image_id", pa.int64()),
        ("split", pa.string()),
        ("text", pa.string()),
        ("ann_ids", pa.list_(pa.int64())),
        ("category_ids", pa.list_(pa.int32())),
        ("target_count", pa.int16()),
        ("presence", pa.bool_()),
        ("plurality", pa.bool_()),
        ("tree", pa.string()),
        ("kind", pa.string()),
    ]
)


def parse(refs_file: Path, instances_file: Path) -> Tables:
    """Read both files. Raises InputError naming the file, the place in it and the fix."""
    instances = _read_instances(instances_file)
    refs = _read_refs(refs_file)
    if not refs:
        raise InputError(f"{refs_file} is an empty list: get the annotations again, they hold about 60,000 refs.")
    images = unique_records(instances.images, "images", instances_file)
    annotations = unique_records(instances.annotations, "annotations", instances_file)
    categories = unique_records(instances.categories, "categories", instances_file)
    try:
        expressions, skipped = _expressions(refs, images, annotations, refs_file)
        prepare_targets(expressions, images, annotations, categories, instances_file)
        return Tables(
            expressions,
            _columns(sorted(images.values(), key=lambda image: image.id), ("id", "file_name", "width", "height")),
            _annotation_table(sorted(annotations.values(), key=lambda a: (a.image_id, a.id))),
            _columns(categories.values(), ("id", "name", "supercategory")),
            skipped,
        )
    except (pa.ArrowInvalid, OverflowError) as error:
        raise InputError(f"{instances_file}: an id is too large ({error}): number them again, in both files.") from None


def _columns(records: Iterable[msgspec.Struct], names: Sequence[str]) -> pa.Table:
    records = list(records)
    return pa.table({name: [getattr(record, name) for record in records] for name in names})


def _annotation_table(annotations: list[_Annotation]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array([a.id for a in annotations], pa.int64()),
            "image_id": pa.array([a.image_id for a in annotations], pa.int64()),
            "category_id": pa.array([a.category_id for a in annotations], pa.int32()),
            "iscrowd": pa.array([bool(a.iscrowd) for a in annotations], pa.bool_()),
            "area": pa.array([a.area for a in annotations], pa.float64()),
            "bbox": pa.array([a.bbox for a in annotations], pa.list_(pa.float64())),
            "segmentation": pa.array([bytes(a.segmentation) for a in annotations], pa.large_binary()),
            "attributes": pa.array([bytes(a.attributes).decode() or None for a in annotations], pa.string()),
        }
    )


def _expressions(
    refs: list[_Ref], images: dict[int, _Image], annotations: dict[int, _Annotation], where: Path
) -> tuple[pa.Table, dict[str, int]]:
    skipped: Counter[str] = Counter()
    rows: list[dict] = []
    for ref in refs:
        ann_ids = [ref.ann_id] if isinstance(ref.ann_id, int) else ref.ann_id
        named = [] if ann_ids == NOBODY else list(dict.fromkeys(ann_ids))
        _check_ids(ref, named, images, annotations, where)
        targets = [ann_id for ann_id in named if not annotations[ann_id].iscrowd]
        texts = [(sentence.sent_id, (sentence.raw or sentence.sent or "").strip()) for sentence in ref.sentences]
        if named and not targets:
            skipped["refs whose targets are all crowd regions"] += 1
            continue
        if not any(text for _, text in texts):
            skipped["refs without a sentence"] += 1
            continue
        shared = {
            "ref_id": ref.ref_id,
            "image_id": ref.image_id,
            "split": ref.split,
            "ann_ids": targets,
            "category_ids": [annotations[target].category_id for target in targets],
            "target_count": len(targets),
            "presence": bool(targets),
            "plurality": len(targets) > 1 if targets else None,
            "tree": None if ref.tree is None else json.dumps(ref.tree, separators=(",", ":")),
            "kind": ref.kind,
        }
        rows += [shared | {"sent_id": sent_id, "text": text} for sent_id, text in texts if text]
        skipped["empty sentences"] += sum(not text for _, text in texts)
        skipped["targets named twice by their ref"] += len(ann_ids) - len(named) if named else 0
    return pa.Table.from_pylist(rows, schema=EXPRESSIONS), {reason: n for reason, n in skipped.items() if n}


def _check_ids(
    ref: _Ref, named: list[int], images: dict[int, _Image], annotations: dict[int, _Annotation], where: Path
) -> None:
    if NOBODY[0] in named:
        raise InputError(
            f"{where}: ref {ref.ref_id} names {NOBODY[0]}, which stands for no target, next to annotations: write "
            f"{NOBODY} alone, or the annotations alone."
        )
    missing = [ann_id for ann_id in named if ann_id not in annotations]
    if missing:
        raise InputError(
            f"{where}: ref {ref.ref_id} names the annotations {missing}, which instances.json does not have: "
            "the two files belong to different releases, get both from the same one."
        )
    if ref.image_id not in images:
        raise InputError(
            f"{where}: ref {ref.ref_id} is about image {ref.image_id}, which instances.json does not have: "
            "the two files belong to different releases, get both from the same one."
        )
    for ann_id in named:
        owner = annotations[ann_id].image_id
        if owner != ref.image_id and not annotations[ann_id].iscrowd:
            raise InputError(
                f"{where}: ref {ref.ref_id} is about image {ref.image_id} but names annotation {ann_id}, which "
                f"instances.json has for image {owner}: ids were numbered again in one of the two files; get both from "
                "the same release."
            )


def _read_refs(path: Path) -> list[_Ref]:
    content = read_utf8(path)
    try:
        return msgspec.json.decode(content, type=list[_Ref])
    except msgspec.MsgspecError as error:
        document = to_json(_lenient(content, error, path))
    try:
        return msgspec.json.decode(document, type=list[_Ref], strict=False)  # ids as text
    except msgspec.ValidationError as error:
        raise InputError(f"{path} is not in gRefCOCO's format: {error}; see docs/data.md.") from None


def _read_instances(path: Path) -> _Instances:
    """The file at once if it is as it should be; else after the look that `grisq data expressions` takes."""
    content = read_utf8(path)
    try:
        return msgspec.json.decode(content, type=_Instances)
    except msgspec.MsgspecError as error:
        document = inspect_document(_lenient(content, error, path), path).document
    return msgspec.json.decode(to_json(document), type=_Instances)


def _lenient(content: bytes, error: Exception, path: Path) -> Any:
    """Parse what strict JSON refuses, for NaN, infinity or half a character, or what has fields of other types."""
    try:
        return json.loads(content, parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        raise InputError(f"{path} is damaged or cut short ({error}): download or copy it again.") from None
