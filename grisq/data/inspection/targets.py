"""The reader's look at a set in gRefCOCO's layout: only what its expressions mean, so that it stays quick."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from grisq.data.inspection.findings import Fault
from grisq.data.inspection.outlines import has_pixel, read_outline
from grisq.data.inspection.run_lengths import measure_texts
from grisq.data.inspection.safe_paths import is_inside
from grisq.runtime.errors import InputError


class _Record(Protocol):
    id: int


class _Runs(msgspec.Struct):
    size: list[int]
    counts: str  # compressed


def unique_records(records: Iterable[_Record], part: str, path: Path) -> dict[int, Any]:
    """The records by id; equal copies count once. Raises InputError where one id stands for two things."""
    found: dict[int, Any] = {}
    for record in records:
        other = found.setdefault(record.id, record)
        if other is not record and other != record:
            raise InputError(
                f"{path}: the id {record.id} stands for two different records in '{part}', so masks would be those of "
                "other objects: number them again, in both files."
            )
    return found


def prepare_targets(
    expressions: pa.Table,
    images: dict[int, Any],
    annotations: dict[int, Any],
    categories: dict[int, Any],
    path: Path,
) -> None:
    """Check the pictures and annotations that expressions are about, and rewrite outlines in other forms in place.

    Args:
        expressions: the table of `annotation_parser`.
        images: records by id, with width, height and file_name.
        annotations: records by id, with image_id, category_id and the raw JSON of a segmentation.
        categories: records by id.
        path: instances.json, for messages.

    Raises:
        InputError: a picture without size or with an unsafe name, a target of an unknown category, or one that cannot
            have a pixel.
    """
    for image_id in pc.unique(expressions["image_id"]).to_pylist():
        _check_image(images[image_id], path)
    targets = pc.unique(pc.list_flatten(expressions["ann_ids"])).to_pylist()
    for ann_id in targets:
        if annotations[ann_id].category_id not in categories:
            raise InputError(
                f"{path}: annotation {ann_id} has the category {annotations[ann_id].category_id}, which 'categories' "
                "does not have: add it there, or correct the annotation."
            )
    empty = _without_pixel([annotations[ann_id] for ann_id in targets], images)
    if empty:
        first = empty[0]
        raise InputError(
            f"{path}: {len(empty):,} of {len(targets):,} targets have no outline that gives a pixel of their picture, "
            f"the first is annotation {first.id} of image {first.image_id}: give them outlines, or make the set again "
            "with `grisq data expressions`."
        )


def _check_image(image: Any, path: Path) -> None:
    if image.width < 1 or image.height < 1:
        raise InputError(f"{path}: image {image.id} has the size {image.width}x{image.height}: write its pixels.")
    if not is_inside(image.file_name):
        raise InputError(
            f"{path}: image {image.id} has the file_name {image.file_name!r}: it must stay in the folder of pictures."
        )


def _without_pixel(targets: list[Any], images: dict[int, Any]) -> list[Any]:
    """The targets that cannot have a pixel; run lengths as text, the form of synthetic sets, are measured at once."""
    decode = msgspec.json.Decoder(list[list[float]] | _Runs).decode
    empty, texts = [], []
    for record in targets:
        image = images[record.image_id]
        try:
            segmentation = decode(record.segmentation)
        except msgspec.MsgspecError:  # a flat list, pairs, null, run lengths as a list, ...
            segmentation = []
        if isinstance(segmentation, _Runs):
            texts.append((record, segmentation, image.height * image.width, [image.height, image.width]))
        elif not has_pixel(segmentation, image.height, image.width) and not _rewrite(record, image):
            empty.append(record)
    totals, areas = measure_texts([runs.counts for _, runs, _, _ in texts])
    for (record, runs, pixels, size), total, area in zip(texts, totals.tolist(), areas.tolist()):
        if runs.size != size or total != pixels or not area:
            empty.append(record)
    return empty


def _rewrite(record: Any, image: Any) -> bool:
    outline = read_outline(msgspec.json.decode(record.segmentation), image.height, image.width)
    if isinstance(outline, Fault):
        return False
    record.segmentation = msgspec.Raw(msgspec.json.encode(outline.segmentation))
    return True
