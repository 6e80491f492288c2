"""One annotation: its outline, and an area and a bbox that agree with it."""

from typing import Any

from grisq.data.inspection.findings import CUT_OFF, OTHER_AREA, OTHER_BOX, PARTS_LOST, Fault, Findings, box_as_mask
from grisq.data.inspection.outlines import Outline, read_outline
from grisq.data.inspection.values import flag, number

Box = tuple[float, float, float, float]  # x, y, width, height in pixels
_NOWHERE = [0.0, 0.0, 0.0, 0.0]
_SLACK = 4.0  # pixels by which boxes may differ from outlines, or leave the picture
_BOX_SHARE, _AREA_SHARE = 0.15, 0.25  # the same as a share of the box and of the area


def repair_annotation(
    record: dict[str, Any], width: int, height: int, findings: Findings, *, boxes_as_masks: bool = False
) -> dict[str, Any]:
    """Return the record with a readable outline and what follows from it; the same object where nothing is amiss.

    An object without outline keeps its record with `"segmentation": []` and area 0: it is no target, and the grammar
    says nothing about its category in that picture.

    Args:
        record: a COCO annotation.
        width: of its picture, in pixels.
        height: of its picture, in pixels.
        findings: gets what is amiss.
        boxes_as_masks: where there is no outline, take the box for one.
    """
    box, area = read_box(record.get("bbox")), number(record.get("area"))
    outline = read_outline(record.get("segmentation"), height, width)
    if isinstance(outline, Fault) and boxes_as_masks and box is not None and _is_inside(box, width, height):
        drawn = read_outline([_corners(box)], height, width)
        if isinstance(drawn, Outline):
            findings.add(box_as_mask(outline), record["id"])
            return _changed(record, drawn.segmentation, list(box), drawn.area)
    if isinstance(outline, Fault):
        findings.add(outline, record["id"])
        return _changed(record, [], list(box or _NOWHERE), 0.0)
    return _agreeing(record, outline, box, area, findings)


def read_box(value: Any) -> Box | None:
    """Read a bbox [x, y, width, height] with some extent as numbers; return None for anything else."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    numbers = [number(each) for each in value]
    if None in numbers or numbers[2] <= 0 or numbers[3] <= 0:
        return None
    return tuple(numbers)


def _agreeing(
    record: dict[str, Any], outline: Outline, box: Box | None, area: float | None, findings: Findings
) -> dict[str, Any]:
    if outline.lost:
        findings.add(PARTS_LOST, record["id"])
    if outline.beyond > max(_SLACK, _BOX_SHARE * max(outline.box[2:])):
        findings.add(CUT_OFF, record["id"])
    crowd = flag(record.get("iscrowd"))  # never a target, so its size is not used
    if box is None or not (crowd or _boxes_agree(box, outline.box)):
        findings.add(OTHER_BOX, record["id"])
        box = outline.box
    if area is None or area <= 0 or not (crowd or _areas_agree(area, outline.area)):
        findings.add(OTHER_AREA, record["id"])
        area = outline.area
    return _changed(record, outline.segmentation, list(box), area)


def _changed(record: dict[str, Any], segmentation: Any, box: list[float], area: float) -> dict[str, Any]:
    """The record with these fields, and unreadable values of optional fields replaced; itself if nothing changes."""
    fields = {"segmentation": segmentation, "bbox": box, "area": area}
    if type(record.get("iscrowd", 0)) is not int:
        fields["iscrowd"] = int(flag(record["iscrowd"]))
    changes = {name: value for name, value in fields.items() if name not in record or not _same(record[name], value)}
    dropped = {"attributes"} if not isinstance(record.get("attributes", {}), dict) else set()
    if not changes and not dropped:
        return record
    return {name: value for name, value in record.items() if name not in dropped} | changes


def _same(old: Any, new: Any) -> bool:
    """Whether a value can stay: equal, and of a type that JSON's readers take for a number, not true or "1"."""
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_same, old, new))
    return old is new or (old == new and type(old) in (int, float, dict))


def _boxes_agree(given: Box, found: Box) -> bool:
    """Whether no side differs by more than a few pixels and a share of the found box."""
    pairs = zip(_sides(given), _sides(found))
    slack = max(_SLACK, _BOX_SHARE * min(found[2:]))
    return all(abs(a - b) <= slack for a, b in pairs)


def _areas_agree(given: float, found: float) -> bool:
    return abs(given - found) <= max(_SLACK**2, _AREA_SHARE * found)


def _sides(box: Box) -> Box:
    return box[0], box[1], box[0] + box[2], box[1] + box[3]


def _corners(box: Box) -> list[float]:
    left, top, right, bottom = _sides(box)
    return [left, top, right, top, right, bottom, left, bottom]


def _is_inside(box: Box, width: int, height: int) -> bool:
    left, top, right, bottom = _sides(box)
    beyond = max(-left, -top, right - width, bottom - height)
    return beyond <= max(_SLACK, 0.05 * max(width, height))
