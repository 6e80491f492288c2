"""Areas and boxes that are missing or contradict the outline come from it, as pycocotools measures it."""

import json

import pytest
from pycocotools import mask as coco

from grisq.data.inspection.annotations import repair_annotation
from grisq.data.inspection.findings import (
    CUT_OFF,
    NO_OUTLINE,
    OTHER_AREA,
    OTHER_BOX,
    OUTSIDE,
    WRONG_RUNS,
    Findings,
    box_as_mask,
)

W, H = 160, 120
SQUARE = [30.0, 40.0, 90.0, 40.0, 90.0, 100.0, 30.0, 100.0]
SOUND = {"id": 7, "image_id": 1, "category_id": 2, "segmentation": [SQUARE], "bbox": [30.0, 40.0, 60.0, 60.0]}
SOUND |= {"area": 3600.0, "iscrowd": 0}
NAN = float("nan")


def repair(change, **options):
    findings = Findings({"annotations": 41})
    record = {**SOUND, **change}
    record = {name: value for name, value in record.items() if value != "absent"}
    return repair_annotation(record, W, H, findings, **options), findings


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"area": 3599},
        {"area": 3000.0},  # holes, rounding
        {"bbox": [31, 41, 58, 58]},
        {"attributes": {"occluded": True}, "note": [None, {}]},
        {"iscrowd": "absent"},
        {"iscrowd": 1, "area": 5.0},  # nobody measures crowds
    ],
)
def test_what_is_sound_stays_the_same_object(change):
    findings = Findings()
    record = {name: value for name, value in {**SOUND, **change}.items() if value != "absent"}
    assert repair_annotation(record, W, H, findings) is record
    assert findings.lines() == []


@pytest.mark.parametrize("area", [None, 0, -1, "absent", "x", "0", [], {}, NAN, True, 36.0, 36000.0, 1e300])
def test_an_area_that_is_missing_or_wrong(area):
    repaired, findings = repair({"area": area})
    assert repaired["area"] == float(coco.area(coco.frPyObjects([SQUARE], H, W))[0]) == 3600
    assert list(findings.found) == [OTHER_AREA]


@pytest.mark.parametrize(
    "bbox",
    [
        *(None, "absent", [], {}, {"x": 30, "y": 40, "w": 60, "h": 60}, [0, 0, 0, 0], [30, 40, 60], [NAN] * 4, "box"),
        [30, 40, 90, 100],  # x1 y1 x2 y2
        [40, 30, 60, 60],  # y x
        [60, 70, 60, 60],  # center
        [0.1875, 0.3333, 0.375, 0.5],  # shares of the picture
        [30, 40, 0, 60],
        [30, 40, -60, 60],
    ],
)
def test_a_box_that_is_missing_or_wrong(bbox):
    repaired, findings = repair({"bbox": bbox})
    assert repaired["bbox"] == SOUND["bbox"]
    assert list(findings.found) == [OTHER_BOX]


@pytest.mark.parametrize(
    "change", [{"area": "3600.0"}, {"bbox": ["30", "40", "60", "60"]}, {"iscrowd": False}, {"iscrowd": None}]
)
def test_other_types_of_the_same_value_are_read_without_a_word(change):
    repaired, findings = repair(change)
    assert repaired == SOUND
    assert [type(value) for value in repaired.values()] == [type(value) for value in SOUND.values()]
    assert findings.lines() == []


@pytest.mark.parametrize("value", [True, 1, "1", "true", 1.0])
def test_crowds_however_written(value):
    assert repair({"iscrowd": value})[0]["iscrowd"] == 1


@pytest.mark.parametrize("attributes", [None, [], [{"name": "occluded", "value": "no"}], "x"])
def test_attributes_that_are_no_object_are_dropped(attributes):
    assert repair({"attributes": attributes})[0] == SOUND


@pytest.mark.parametrize("segmentation", [[], [[]], None, "absent", [[30.0, 40.0, 60.0, 60.0]]])
def test_no_outline_is_counted_and_boxes_become_masks_only_when_asked(segmentation):
    repaired, findings = repair({"segmentation": segmentation})
    assert (repaired["segmentation"], repaired["area"], repaired["bbox"]) == ([], 0.0, SOUND["bbox"])
    assert list(findings.found) == [NO_OUTLINE]
    assert findings.lines()[0].startswith("1 of 41 annotations has no outline, it is 7: ")

    repaired, findings = repair({"segmentation": segmentation}, boxes_as_masks=True)
    mask = coco.decode(coco.merge(coco.frPyObjects(repaired["segmentation"], H, W)))
    assert mask[40:100, 30:90].all()
    assert mask.sum() == repaired["area"] == 3600
    assert findings.lines() == ["1 of 41 annotations has no outline, it is 7: its box is used as a mask."]


@pytest.mark.parametrize(
    ("segmentation", "fault"),
    [
        ([[x + 500 for x in SQUARE]], OUTSIDE),
        ({"size": [H, W], "counts": [0, 60]}, WRONG_RUNS),
        ({"size": [W, H], "counts": [0, W * H]}, WRONG_RUNS),
    ],
)
def test_an_outline_that_is_wrong_is_not_reported_as_missing(segmentation, fault):
    for boxes_as_masks, expected in ((False, fault), (True, box_as_mask(fault))):
        findings = repair({"segmentation": segmentation}, boxes_as_masks=boxes_as_masks)[1]
        assert list(findings.found) == [expected]
        assert "no outline" not in findings.lines()[0]


@pytest.mark.parametrize("bbox", [[30, 40, 300, 60], [-50, 40, 60, 60], [0, 0, 0, 0], None, [30, 40, 60, 300]])
def test_a_box_that_is_none_of_the_picture_is_no_mask(bbox):
    repaired, findings = repair({"segmentation": [], "bbox": bbox}, boxes_as_masks=True)
    assert repaired["segmentation"] == []
    assert list(findings.found) == [NO_OUTLINE]
    json.dumps(repaired, allow_nan=False)


def test_what_reaches_beyond_the_picture_is_said():
    repaired, findings = repair({"segmentation": [[30.0, 40.0, 250.0, 40.0, 250.0, 100.0, 30.0, 100.0]]})
    assert set(findings.found) == {CUT_OFF, OTHER_AREA, OTHER_BOX}
    assert repaired["bbox"] == [30.0, 40.0, 130.0, 60.0]
    assert repaired["area"] == 130 * 60


def test_sentences_count_and_name_the_first():
    findings = Findings({"annotations": 41})
    for example in range(7, 45):
        findings.add(NO_OUTLINE, example)
    assert findings.lines()[0].startswith(
        "38 of 41 annotations have no outline, the first is 7: no expression mentions their category in these pictures;"
    )


def test_a_sentence_about_one_record_is_in_the_singular_throughout():
    findings = Findings({"annotations": 41})
    findings.add(WRONG_RUNS, 7)
    assert findings.lines() == [
        "1 of 41 annotations has run lengths that do not fit its picture, it is 7: "
        "no expression mentions its category in this picture."
    ]
