"""The pictures that a COCO document is about: found in their folder, with the size that their file has."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grisq.data.inspection.annotations import read_box
from grisq.data.inspection.file_names import PictureFolder
from grisq.data.inspection.findings import Fault, Findings
from grisq.data.inspection.orientation import Photograph, find_stored
from grisq.data.inspection.outlines import corners_of
from grisq.data.inspection.values import whole_number
from grisq.data.pictures import Header, UnreadableError, has_shape, read_header
from grisq.runtime.errors import InputError

Record = dict[str, Any]
RENAMED = Fault("pictures", "{have} another name in the folder", "the folder's name is used")
SEVERAL_RECORDS = Fault(
    "pictures", "{have} several records", "{their} annotations are united, and equal ones counted once"
)
UNREADABLE = Fault("pictures", "cannot be used", "left out with {their} annotations")
OTHER_SHAPE = Fault(
    "pictures", "{have} another shape than 'width' and 'height' say", "left out with {their} annotations"
)
NO_SIZE = Fault("pictures", "{have} no usable 'width' and 'height'", "they are taken from the file")
SAME_OBJECT = 0.7  # IoU of two boxes of one category from which two records of a picture mean the same object


def find_files(images: list[Record], annotated: set[int], folder: PictureFolder, findings: Findings) -> dict[int, str]:
    """Return for every annotated image its file's path in the folder.

    Raises:
        InputError: a picture is not there; the message names what was looked for.
    """
    files, missing = {}, []
    for image in images:
        if image["id"] in annotated:
            found = folder.find(image["file_name"])
            if found is None:
                missing.append(image["file_name"])
            else:
                files[image["id"]] = found
                if found != image["file_name"]:
                    findings.add(RENAMED, f"{image['file_name']} ({found})")
    if missing:
        raise InputError(folder.describe_missing(missing[0], len(missing), len(annotated)))
    return files


def read_headers(files: Mapping[int, str], folder: Path, findings: Findings) -> dict[int, Header]:
    """Read size and orientation of every picture; one that cannot be read goes to the findings."""
    headers = {}
    for image_id, file in files.items():
        try:
            headers[image_id] = read_header(folder / file)
        except UnreadableError as error:
            findings.add(UNREADABLE, f"{file} (it {error.reason})")
    return headers


def size_of(image: Record) -> tuple[int, int] | None:
    """(width, height) as the record has it; None if it cannot be used."""
    width, height = whole_number(image.get("width")), whole_number(image.get("height"))
    return (width, height) if width and height and width > 0 and height > 0 else None


def fit_frames(
    images: list[Record],
    headers: Mapping[int, Header],
    annotations: Mapping[int, list[Record]],
    orientation: str,
    findings: Findings,
) -> tuple[dict[int, tuple[int, int]], set[int]]:
    """Return the annotated size (width, height) of every usable picture, and the ids of those annotated as stored."""
    sizes, turned = {}, {}
    for image in images:
        if image["id"] not in headers:
            continue
        header, size = headers[image["id"]], size_of(image)
        if size and not has_shape(size, *header.stored) and not has_shape(size, *header.upright):
            findings.add(
                OTHER_SHAPE, f"{image['file_name']} ({_size_text(header.upright)} instead of {_size_text(size)})"
            )
            continue
        if size is None:
            findings.add(NO_SIZE, image["file_name"])
        if header.turned:
            corners = tuple(corner for each in annotations[image["id"]] for corner in _corners(each))
            turned[image["id"]] = Photograph(image["file_name"], header, size, corners)
        sizes[image["id"]] = size or header.upright
    stored = find_stored(turned, orientation, findings)
    for image_id in turned:
        wanted = headers[image_id].stored if image_id in stored else headers[image_id].upright
        if not has_shape(sizes[image_id], *wanted):
            sizes[image_id] = sizes[image_id][::-1]
    return sizes, stored


def unite_records(
    images: list[Record], files: Mapping[int, str], annotations: list[Record], findings: Findings
) -> tuple[list[Record], list[Record]]:
    """Give each file one record, the first one, with the annotations of all.

    Without this a picture whose objects are spread over two records would be described as lacking half of them.
    Objects are compared across records only: within a record two that overlap are two objects.

    Raises:
        InputError: two records of a file differ in width and height.
    """
    first_of: dict[str, int] = {}
    same = {image_id: first_of.setdefault(file, image_id) for image_id, file in files.items()}
    again = {image_id for image_id, first in same.items() if first != image_id}
    if not again:
        return images, annotations
    record_of = {image["id"]: image for image in images}
    for image_id in sorted(again):
        if size_of(record_of[image_id]) != size_of(record_of[same[image_id]]):
            raise InputError(
                f"The images {same[image_id]} and {image_id} are one file, {files[image_id]}, but differ in width and "
                "height: keep one of the two records."
            )
    for file in dict.fromkeys(files[image_id] for image_id in sorted(again)):
        findings.add(SEVERAL_RECORDS, file)
    several = {same[image_id] for image_id in again}
    kept: dict[int, list[_Object]] = {image_id: [] for image_id in several}
    united = []
    for record in annotations:
        first = same.get(record["image_id"], record["image_id"])
        if first in several:
            others = [each for each in kept[first] if record["image_id"] not in each.records]
            nearest = max(others, key=lambda each: _overlap(record, each.annotation), default=None)
            if nearest and _overlap(record, nearest.annotation) >= SAME_OBJECT:
                nearest.records.add(record["image_id"])
                continue
            kept[first].append(_Object(record, {record["image_id"]}))
            record = record | {"image_id": first}
        united.append(record)
    return [image for image in images if image["id"] not in again], united


def _corners(record: Record) -> list[tuple[float, float]]:
    """What must fit into the frame: the outline's corners, the size of run lengths, or the box's far corner."""
    segmentation = record.get("segmentation")
    if isinstance(segmentation, dict) and isinstance(size := segmentation.get("size"), list) and len(size) == 2:
        height, width = map(whole_number, size)
        return [(width, height)] if width and height else []
    corners = list(corners_of(segmentation))
    box = None if corners else read_box(record.get("bbox"))
    return corners or ([(box[0] + box[2], box[1] + box[3])] if box else [])


@dataclass
class _Object:
    annotation: Record
    records: set[int]  # image ids of the records that have it


def _overlap(record: Record, other: Record) -> float:
    """IoU of two boxes of one category; 1 for equal outlines, 0 for other categories and unreadable boxes."""
    if record["category_id"] != other["category_id"]:
        return 0.0
    if record.get("segmentation") and record.get("segmentation") == other.get("segmentation"):
        return 1.0
    a, b = read_box(record.get("bbox")), read_box(other.get("bbox"))
    if a is None or b is None:
        return 0.0
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    union = a[2] * a[3] + b[2] * b[3] - shared
    return shared / union if union > 0 else 0.0  # products of tiny sides are 0


def _size_text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
