"""From a COCO `segmentation`, however it was written, to an outline that gives pixels."""

import json
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from pycocotools import mask as coco

from grisq.data.inspection.findings import NO_OUTLINE, OUTSIDE, WRONG_RUNS, Fault
from grisq.data.inspection.run_lengths import runs_of
from grisq.data.inspection.values import number, whole_number

MIN_CORNERS = 3
_FAR = 100_000  # pixels from the origin; drawing a line takes time in proportion to its length


class Outline(NamedTuple):
    """What is known of an object's pixels."""

    segmentation: list[list[float]] | dict  # polygons or run lengths, in COCO's form
    area: float  # pixels
    box: tuple[float, float, float, float]  # x, y, width, height around the outline, inside the picture
    lost: bool = False  # whether parts were left out because they could not be read
    beyond: float = 0.0  # pixels by which the outline leaves the picture


def read_outline(segmentation: Any, height: int, width: int) -> Outline | Fault:
    """The outline of an object in a picture of height x width pixels, or why there is none.

    Flat lists [x, y, ...], pairs [[x, y], ...], numbers as text and JSON in a string are read. Parts with fewer than
    three corners, which COCO's files have next to good ones, are dropped.
    """
    if isinstance(segmentation, str):
        segmentation = _from_text(segmentation)
    if isinstance(segmentation, dict):
        return _from_runs(segmentation, height, width)
    if not isinstance(segmentation, list):
        return NO_OUTLINE
    given = _parts(segmentation)
    parts = [_read_part(part) for part in given]
    good = [part for part in parts if part is not None and len(part) >= 2 * MIN_CORNERS]
    if not good:
        return NO_OUTLINE
    lost = any(part is None for part in parts)
    kept = segmentation if given is segmentation and not lost and _is_plain(given) else good
    return _from_polygons(good, kept, lost, height, width)


def corners_of(segmentation: Any) -> Iterator[tuple[float, float]]:
    """Every corner (x, y) of the readable parts of a polygon outline; none for run lengths."""
    if isinstance(segmentation, list):
        for part in filter(None, map(_read_part, _parts(segmentation))):
            yield from zip(part[::2], part[1::2])


def has_pixel(polygons: list[list[float]], height: int, width: int) -> bool:
    """Whether polygons can have a pixel in their picture: the reader's quick look.

    One needs three corners and a box that meets the picture. What is thinner than a pixel passes: drawn on a canvas it
    keeps one.
    """
    for part in polygons:
        if len(part) >= 2 * MIN_CORNERS and not len(part) % 2:
            x, y = part[::2], part[1::2]
            if _meets((min(x), min(y), max(x), max(y)), height, width):
                return True
    return False


def _meets(sides: tuple[float, float, float, float], height: int, width: int) -> bool:
    """Whether a box (left, top, right, bottom) meets the picture and does not reach absurdly far beyond it."""
    left, top, right, bottom = sides
    near = max(right, bottom, -left, -top) <= _FAR
    return near and left < width and right > 0 and top < height and bottom > 0


def _from_text(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _parts(segmentation: list) -> list:
    """The polygons of a list that may be one flat polygon, one of pairs, or several of either."""
    if segmentation and all(number(value) is not None for value in segmentation):
        return [segmentation]
    pairs = all(isinstance(each, list) and len(each) == 2 for each in segmentation)
    if pairs and all(number(value) is not None for each in segmentation for value in each):
        return [[value for each in segmentation for value in each]]
    return segmentation


def _read_part(part: Any) -> list[float] | None:
    """One polygon as numbers x, y, x, y, ...; None if it cannot be read."""
    if not isinstance(part, list):
        return None
    if part and all(isinstance(each, list) and len(each) == 2 for each in part):
        part = [value for each in part for value in each]
    if all(type(value) in (int, float) for value in part):
        numbers = part
    else:
        numbers = [number(value) for value in part]
    if len(numbers) % 2 or any(value is None or not math.isfinite(value) for value in numbers):
        return None
    return numbers


def _from_polygons(
    parts: list[list[float]], kept: list[list[float]], lost: bool, height: int, width: int
) -> Outline | Fault:
    x = [value for part in parts for value in part[::2]]
    y = [value for part in parts for value in part[1::2]]
    left, right, top, bottom = min(x), max(x), min(y), max(y)
    if not _meets((left, top, right, bottom), height, width):
        return OUTSIDE
    area = float(coco.area(coco.merge(coco.frPyObjects(parts, height, width))))
    if not area:
        area = _shoelace(parts)
        if area >= 1:  # it passes by the picture
            return OUTSIDE
    if not area:
        return NO_OUTLINE
    box = (max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
    beyond = max(-left, -top, right - width, bottom - height, 0.0)
    return Outline(kept, area, (box[0], box[1], box[2] - box[0], box[3] - box[1]), lost, beyond)


def _is_plain(given: list) -> bool:
    """Whether a segmentation is already in COCO's form: lists of numbers."""
    return all(isinstance(part, list) and all(type(value) in (int, float) for value in part) for part in given)


def _shoelace(parts: list[list[float]]) -> float:
    """Area of polygons that are too thin for a pixel."""
    total = 0.0
    for part in parts:
        x, y = part[::2], part[1::2]
        total += abs(sum(x[i - 1] * y[i] - x[i] * y[i - 1] for i in range(len(x)))) / 2
    return total


def _from_runs(segmentation: dict, height: int, width: int) -> Outline | Fault:
    size = segmentation.get("size")
    size = [whole_number(length) for length in size] if isinstance(size, list) else None
    runs = runs_of(segmentation.get("counts"))
    if segmentation.get("counts") is None or runs == []:
        return NO_OUTLINE
    if size != [height, width] or runs is None or sum(runs) != height * width:
        return WRONG_RUNS
    area = float(sum(runs[1::2]))
    if not area:
        return NO_OUTLINE
    compressed = coco.frPyObjects({"size": size, "counts": runs}, height, width)
    kept = segmentation if isinstance(segmentation["counts"], str) or segmentation["counts"] == runs else None
    if kept is None or kept["size"] != size:
        kept = {"size": size, "counts": runs}
    return Outline(kept, area, tuple(coco.toBbox(compressed).tolist()))
