"""gRefCOCO's two JSON files parsed into Arrow tables, with every trap of the released files handled.

Expressions: one row a sentence. A ref without targets has ann_id [-1]; a single target may be a bare number;
refs without sentences and refs whose targets are all crowd regions are left out and counted; a ref that names
an annotation or picture that does not exist is an error. The picture's file name comes from instances.json,
because the refs' own file names may carry an annotation suffix.
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from grisq.runtime.errors import InputError


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
    """expressions, images, annotations, categories as Arrow tables; skipped: counts of what was left out."""

    expressions: pa.Table
    images: pa.Table
    annotations: pa.Table
    categories: pa.Table
    skipped: dict[str, int]


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
    """Read both files. Errors: InputError naming the file, the place in it and the fix."""
    instances = _decode(instances_file, _Instances)
    refs = _decode(refs_file, list[_Ref])
    if not refs:
        raise InputError(f"{refs_file} is an empty list: get the annotations again, they hold about 60,000 refs.")
    expressions, skipped = _expressions(refs, instances, refs_file)
    annotations = sorted(instances.annotations, key=lambda a: (a.image_id, a.id))
    images = sorted(instances.images, key=lambda image: image.id)
    return Tables(
        expressions,
        pa.table({name: [getattr(image, name) for image in images] for name in ("id", "file_name", "width", "height")}),
        pa.table(
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
        ),
        pa.table({name: [getattr(c, name) for c in instances.categories] for name in ("id", "name", "supercategory")}),
        skipped,
    )


def _expressions(refs: list[_Ref], instances: _Instances, where: Path) -> tuple[pa.Table, dict[str, int]]:
    category = {a.id: a.category_id for a in instances.annotations}
    crowd = {a.id for a in instances.annotations if a.iscrowd}
    known_images = {image.id for image in instances.images}
    skipped: Counter[str] = Counter()
    rows: list[dict] = []
    for ref in refs:
        ann_ids = [ref.ann_id] if isinstance(ref.ann_id, int) else ref.ann_id
        named = [] if ann_ids == [-1] else ann_ids
        _check_ids(ref, named, category, known_images, where)
        targets = [ann_id for ann_id in named if ann_id not in crowd]
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
            "category_ids": [category[target] for target in targets],
            "target_count": len(targets),
            "presence": bool(targets),
            "plurality": len(targets) > 1 if targets else None,
            "tree": None if ref.tree is None else json.dumps(ref.tree, separators=(",", ":")),
            "kind": ref.kind,
        }
        rows += [shared | {"sent_id": sent_id, "text": text} for sent_id, text in texts if text]
        skipped["empty sentences"] += sum(not text for _, text in texts)
    return pa.Table.from_pylist(rows, schema=EXPRESSIONS), {reason: n for reason, n in skipped.items() if n}


def _check_ids(ref: _Ref, named: list[int], category: dict[int, int], images: set[int], where: Path) -> None:
    missing = [ann_id for ann_id in named if ann_id not in category]
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


def _decode(path: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.ValidationError as error:  # the JSON is whole but says something else
        raise InputError(f"{path} is not in gRefCOCO's format: {error}; see README, section data.") from None
    except msgspec.DecodeError as error:
        raise InputError(f"{path} is damaged or cut short ({error}): download or copy it again.") from None
