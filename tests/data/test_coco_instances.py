"""Whole sets from COCO files with one fault each: the pixels that are meant have the color of their category."""

import copy
import json
import math
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from pycocotools import mask as coco

from grisq.data import grefcoco
from grisq.data.check import check
from grisq.data.coco_instances import inspect_with_pictures, read_instances
from grisq.data.inspection.findings import Findings
from grisq.data.inspection.pictures import unite_records
from grisq.data.layout import IMAGES, INSTANCES
from grisq.data.sample import SampleReader, empty_canvas, open_annotated, place
from grisq.data.synthetic.from_coco import expressions_from_coco
from grisq.runtime.errors import InputError

COLORS = {1: (200, 40, 40), 2: (40, 60, 200), 3: (40, 160, 60)}
NAMES = {1: "cat", 2: "car", 3: "cup"}
SIZE = (160, 120)
NAN = float("nan")
BACK = {  # what turns an upright picture into the stored one
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def outline(x, y, rx, ry):
    corners = ((x + rx * math.cos(k * math.pi / 6), y + ry * math.sin(k * math.pi / 6)) for k in range(12))
    return [round(value, 1) for corner in corners for value in corner]


def draw(folder, size=SIZE, count=8):
    """`count` pictures with three ellipses each, in three bands from left to right, and their COCO document."""
    (folder / "photos").mkdir(parents=True)
    rng = np.random.default_rng(5)
    document = {
        "images": [],
        "annotations": [],
        "categories": [{"id": i, "name": name, "supercategory": ""} for i, name in NAMES.items()],
    }
    for number in range(1, count + 1):
        name = f"{number:03}.png"
        picture = Image.new("RGB", size, (120, 120, 120))
        for band in range(3):
            rx, ry = rng.uniform(0.09, 0.14) * size[0], rng.uniform(0.12, 0.2) * size[1]
            x, y = size[0] * (band + 0.5) / 3, rng.uniform(ry, size[1] - ry)
            category, part = int(rng.integers(1, 4)), outline(x, y, rx, ry)
            ImageDraw.Draw(picture).polygon(part, fill=COLORS[category])
            xs, ys = part[::2], part[1::2]
            box = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
            document["annotations"].append(
                {
                    "id": len(document["annotations"]) + 1,
                    "image_id": number,
                    "category_id": category,
                    "segmentation": [part],
                    "bbox": box,
                    "area": round(math.pi * rx * ry, 1),
                    "iscrowd": 0,
                }
            )
        picture.save(folder / "photos" / name)
        document["images"].append({"id": number, "file_name": name, "width": size[0], "height": size[1]})
    return document


def make(folder, document, **options):
    """The set, and the sentences that were reported."""
    (folder / "instances.json").write_text(json.dumps(document), encoding="utf-8")
    lines = []
    root = expressions_from_coco(
        folder / "instances.json", folder / "photos", folder / "set", progress=False, report=lines.append, **options
    )
    return grefcoco.load(root), lines


def colored(data, side=64):
    """Of every target's mask, as training sees it, the share of pixels with its category's color."""
    reader, shares = SampleReader(data, None, side, 20), []
    for row in np.flatnonzero(data.target_counts):
        expression = data.expression(int(row))
        picture, box = reader.picture(expression.image_id, side)
        image, valid = empty_canvas(side)
        place(image, valid, picture, box, 0, 0)
        mask = reader.target_mask(expression.ann_ids, box, side)
        assert mask.any()
        near = [np.abs(image.astype(int) - COLORS[c]).max(-1) < 70 for c in expression.category_ids]
        shares.append((np.any(near, axis=0) & mask).sum() / mask.sum())
    assert shares
    return shares


def sound(data):
    """Everything that is meant has its color, and the set passes its own check."""
    assert min(colored(data)) > 0.8
    assert check(data.root, progress=False).whole


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "mine"


def each(part, **changes):
    """A change of every record of a part; a function gets the record; ... removes the field."""

    def change(document):
        for record in document[part]:
            for name, value in changes.items():
                record[name] = value(record) if callable(value) else value
                if value is ...:
                    del record[name]
        return document

    return change


def pairs(record):
    (part,) = record["segmentation"]
    return [list(pair) for pair in zip(part[::2], part[1::2])]


def text_ids(document):
    for part in ("images", "annotations", "categories"):
        for record in document[part]:
            for name in ("id", "image_id", "category_id"):
                if name in record:
                    record[name] = str(record[name])
    return document


@pytest.mark.parametrize(
    "change",
    [
        each("categories", supercategory=None),
        each("categories", supercategory=...),
        each("annotations", iscrowd=False),
        each("annotations", iscrowd=None),
        each("annotations", iscrowd=...),
        *(each("annotations", area=value) for value in (None, 0, ..., NAN, "x", -5, lambda a: str(a["area"]), [])),
        *(each("annotations", bbox=value) for value in (None, [], ..., [0, 0, 0, 0], {"x": 1}, [NAN] * 4, "x")),
        each("annotations", bbox=lambda a: [*a["bbox"][:2], a["bbox"][0] + a["bbox"][2], a["bbox"][1] + a["bbox"][3]]),
        *(each("annotations", attributes=value) for value in (None, [], [{"name": "a"}], {"occluded": NAN}, "x")),
        each("annotations", segmentation=lambda a: a["segmentation"][0]),
        each("annotations", segmentation=pairs),
        each("annotations", segmentation=lambda a: [pairs(a)]),
        each("annotations", segmentation=lambda a: [[64.0, 64.0], *a["segmentation"]]),
        each("annotations", segmentation=lambda a: json.dumps(a["segmentation"])),
        each("images", width=lambda i: str(i["width"]), height=lambda i: float(i["height"])),
        each("images", width=None, height=None),
        each("images", width=..., height=...),
        each("images", width=0, height=-1),
        each("images", license=NAN, extra=[None]),
        text_ids,
        lambda d: d | {"images": {str(image["id"]): image for image in d["images"]}},
        lambda d: d | {"info": {"score": NAN}},
        lambda d: d | {"annotations": d["annotations"] + copy.deepcopy(d["annotations"][:5])},
        lambda d: d | {"images": d["images"] + copy.deepcopy(d["images"][:2])},
    ],
)
def test_faults_that_are_mended(folder, change):
    document = draw(folder)
    before = [(a["id"], a["category_id"]) for a in document["annotations"]]
    data, _ = make(folder, change(document))
    sound(data)
    found = read_instances(data.root / INSTANCES)["annotations"]
    assert {(a["id"], a["category_id"]) for a in found} <= set(before)
    truth = {a["id"]: a for a in draw(folder.with_name("again"))["annotations"]}
    for record in found:
        assert np.allclose(record["bbox"], truth[record["id"]]["bbox"], atol=1)
        assert record["area"] == pytest.approx(truth[record["id"]]["area"], rel=0.1)


@pytest.mark.parametrize(
    "segmentation", [[], [[]], None, ..., lambda a: [a["bbox"]], lambda a: a["segmentation"][0][:-1]]
)
def test_without_any_outline_it_is_refused_and_boxes_are_masks_when_asked(folder, segmentation):
    document = each("annotations", segmentation=segmentation)(draw(folder))
    with pytest.raises(InputError, match=r"24 of 24 annotations have no outline, the first is 1: .*--boxes-as-masks"):
        make(folder, document)
    assert not (folder / "set").exists()
    data, lines = make(folder, document, boxes_as_masks=True)
    assert lines[0].startswith("24 of 24 annotations have no outline, the first is 1: their boxes are used")
    assert np.mean(colored(data)) > 0.7  # an ellipse covers 0.79 of its box
    assert data.mask(int(np.flatnonzero(data.target_counts == 1)[0])).any()


def test_what_has_no_outline_is_never_meant_and_never_denied(folder):
    document = draw(folder)
    lost = {record["id"] for record in document["annotations"][::3]}
    for record in document["annotations"][::3]:
        record["segmentation"] = []
    data, lines = make(folder, document)
    sound(data)
    assert any(line.startswith("8 of 24 annotations have no outline, the first is 1") for line in lines)
    assert not lost & {i for ids in data.expressions["ann_ids"].to_pylist() for i in ids}
    silent = {}
    for record in document["annotations"][::3]:
        silent.setdefault(record["image_id"], set()).add(NAMES[record["category_id"]])
    for row in range(len(data)):
        expression = data.expression(row)
        for name in silent.get(expression.image_id, ()):
            assert name not in expression.text.split()


@pytest.mark.parametrize("orientation", sorted(BACK))
@pytest.mark.parametrize("size", [(120, 160), (160, 160)])
@pytest.mark.parametrize("stored_size", [False, True])
@pytest.mark.parametrize("form", ["jpg", "png"])
def test_photographs_turned_by_exif(folder, orientation, size, stored_size, form):
    document = draw(folder, size)
    turn(folder, document, orientation, form)
    if stored_size and orientation > 4:
        each("images", width=size[1], height=size[0])(document)
    data, lines = make(folder, document)
    sound(data)
    assert "are turned by EXIF" in lines[0]
    for image in read_instances(data.root / INSTANCES)["images"]:
        assert (image["width"], image["height"]) == size
        assert open_annotated(data, image["id"]).size == size


def turn(folder, document, orientation, form="png"):
    for image in document["images"]:
        path = folder / "photos" / image["file_name"]
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = Image.open(path).convert("RGB").transpose(BACK[orientation])
        path.unlink()
        image["file_name"] = path.with_suffix(f".{form}").name
        stored.save(path.with_suffix(f".{form}"), exif=exif, **({"quality": 95} if form == "jpg" else {}))


def runs(record, size):
    rle = coco.merge(coco.frPyObjects(record["segmentation"], size[1], size[0]))
    return {"size": [size[1], size[0]], "counts": rle["counts"].decode()}


@pytest.mark.parametrize("as_stored", [False, True])
def test_the_size_of_run_lengths_tells_the_frame(folder, as_stored):
    size = (160, 120) if as_stored else (120, 160)
    document = draw(folder, size)
    each("annotations", segmentation=lambda record: runs(record, size), bbox=None)(document)
    if as_stored:
        for image in document["images"]:
            path, exif = folder / "photos" / image["file_name"], Image.Exif()
            exif[0x0112] = 6
            Image.open(path).convert("RGB").save(path, exif=exif)
    else:
        turn(folder, document, 6)
    each("images", width=160, height=120)(document)
    sound(make(folder, document)[0])


@pytest.mark.parametrize("orientation", sorted(BACK))
@pytest.mark.parametrize("size", [(160, 120), (160, 160)])
def test_photographs_annotated_as_stored(folder, orientation, size):
    """A tool that ignores EXIF: the outlines are on the stored pixels, and viewers show another picture."""
    document = draw(folder, size)
    for image in document["images"]:
        path, exif = folder / "photos" / image["file_name"], Image.Exif()
        exif[0x0112] = orientation
        Image.open(path).convert("RGB").save(path, exif=exif)
    decided = size == (160, 120) and orientation > 4  # some outline lies right of where the upright picture ends
    data, lines = make(folder, document, orientation="auto" if decided else "stored")
    sound(data)
    assert "annotated as stored" in " ".join(lines)
    for image_id in set(data.image_ids.tolist()):
        plain = Image.open(data.image_path(image_id))
        assert plain.getexif().get(0x0112, 1) == 1  # every reader sees what was annotated
        original = Image.open(folder / "photos" / data.image(image_id).file_name)
        assert np.array_equal(np.asarray(plain), np.asarray(original))


def test_an_undecidable_frame_asks(folder):
    document = draw(folder, (120, 160), count=1)
    document["annotations"] = [a for a in document["annotations"] if a["bbox"][1] + a["bbox"][3] < 118][:1]
    assert document["annotations"]
    turn(folder, document, 6)
    each("images", width=160, height=120)(document)
    with pytest.raises(InputError, match="give --orientation upright"):
        make(folder, document)
    sound(make(folder, document, orientation="upright")[0])
    with pytest.raises(InputError, match="choose auto, upright or stored"):
        inspect_with_pictures(folder / "instances.json", folder / "photos", orientation="left")


def test_a_set_in_the_stored_frame_is_read_in_it(folder):
    """gRefCOCO's layout made by others: the size of instances.json decides, and prediction is upright."""
    data, _ = make(folder, draw(folder))
    name = data.image(int(data.image_ids[0])).file_name
    path, exif = data.root / IMAGES / name, Image.Exif()
    exif[0x0112] = 6
    pixels = Image.open(path).convert("RGB")
    path.unlink()
    pixels.save(path, exif=exif)
    assert min(colored(data)) > 0.8
    assert open_annotated(data, int(data.image_ids[0])).size == SIZE


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("images\\{}", "images/{}"),
        ("..\\..\\upload\\4\\{}", "{}"),
        ("https://host/upload/{}", "{}"),
        ("my%20photo%20{}", "my photo {}"),
        ("photos/{}", "{}"),
        ("café {}", "cafe\u0301 {}"),
        ("C:\\Users\\me\\{}", "{}"),
        ("UPPER {}", "upper {}"),
    ],
)
def test_file_names_of_other_systems(folder, name, file):
    document = draw(folder)
    for image in document["images"]:
        old = image["file_name"]
        new = folder / "photos" / file.format(old)
        new.parent.mkdir(exist_ok=True)
        (folder / "photos" / old).rename(new)
        image["file_name"] = name.format(old)
    data, lines = make(folder, document)
    sound(data)
    assert "8 of 8 pictures have another name in the folder" in lines[0]


def test_missing_pictures_are_counted(folder):
    document = draw(folder)
    for name in ("002.png", "005.png"):
        (folder / "photos" / name).unlink()
    with pytest.raises(
        InputError, match=r"002\.png is missing, and so is 1 other of 8\. .* holds 6 files, for example 001\.png"
    ):
        make(folder, document)
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] not in (2, 5)]
    sound(make(folder, document)[0])  # nothing is annotated there, so nothing is missed


def test_two_records_of_one_file_are_one_picture(folder):
    document = draw(folder)
    document["images"].append(document["images"][0] | {"id": 99})
    document["annotations"][0]["image_id"] = 99
    again = document["annotations"][1] | {"id": 500, "image_id": 99}  # drawn in both records
    document["annotations"].append(again)
    data, lines = make(folder, document)
    sound(data)
    assert "1 of 8 pictures has several records, it is 001.png" in lines[0]
    assert {a.ann_id for a in data.annotations_of(1)} in ({1, 2, 3}, {1, 3, 500})
    document["images"][-1]["width"] = 400
    (folder / "other").mkdir()
    with pytest.raises(InputError, match="images 1 and 99 are one file"):
        inspect_with_pictures(write(folder / "other", document), folder / "photos")


def test_overlapping_objects_of_one_record_stay_two_when_there_is_a_second_record():
    def annotation(number, image_id, left):
        return {"id": number, "image_id": image_id, "category_id": 1, "bbox": [left, 10, 50, 50]}

    images = [{"id": i, "file_name": "1.png", "width": 160, "height": 120} for i in (1, 2)]
    files = {1: "1.png", 2: "1.png"}
    couple = [annotation(1, 1, 10), annotation(2, 1, 12)]  # IoU 0.92
    for more, expected in [
        ([], [1, 2]),
        ([annotation(3, 2, 100)], [1, 2, 3]),
        ([annotation(3, 2, 12)], [1, 2]),
        ([annotation(3, 2, 10), annotation(4, 2, 12)], [1, 2]),
        ([annotation(3, 2, 10), annotation(4, 2, 12), annotation(5, 2, 11)], [1, 2, 5]),
    ]:
        kept, united = unite_records(images, files, couple + more, Findings())
        assert [image["id"] for image in kept] == [1]
        assert [(record["id"], record["image_id"]) for record in united] == [(number, 1) for number in expected]


def write(folder, document) -> Path:
    (folder / "instances.json").write_text(json.dumps(document), encoding="utf-8")
    return folder / "instances.json"


def test_pictures_that_cannot_be_used_are_left_out_and_named(folder):
    document = draw(folder)
    (folder / "photos" / "002.png").write_bytes(b"")
    Image.new("RGB", (50, 400)).save(folder / "photos" / "003.png")
    data, lines = make(folder, document)
    sound(data)
    assert not {2, 3} & set(data.image_ids.tolist())
    assert (
        "1 of 8 pictures cannot be used, it is 002.png (it cannot be read as a picture (the file is empty))" in lines[0]
    )
    assert "it is 003.png (50x400 instead of 160x120): left out" in lines[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (each("images", file_name=None), r"'images\[0\]' has no 'file_name' \(8 of 8 have none\): add it"),
        (each("images", file_name=5), r"'images\[0\]' has no 'file_name'"),
        (each("categories", name=None), r"'categories\[0\]' has no 'name'"),
        (each("images", id="IMG_1"), r"'images\[0\]' has 'IMG_1' as 'id': ids must be whole numbers"),
        (
            each("annotations", id=0),
            r"the id 0 occurs 24 times in 'annotations', for example in 'annotations\[1\]'.*once",
        ),
        (each("annotations", id=True), "whole numbers"),
        (each("annotations", id=-3), "whole numbers"),
        (each("annotations", id=1.5), "whole numbers"),
        (each("annotations", id=2**70), r"from 0 to 9,007,199,254,740,991"),
        (
            each("annotations", category_id=9),
            r"annotation 1 names the category 9, .*\(24 annotations do so\): add it there",
        ),
        (each("annotations", image_id=99), "annotation 1 names the image 99"),
        (each("annotations", category_id=2**31), r"as 'category_id': ids must be .* to 2,147,483,647"),
        (each("annotations", category_id=...), r"'annotations\[0\]' has no 'category_id' .*: add it"),
        (lambda d: d | {"annotations": []}, "'annotations' must be a list that is not empty"),
        (
            lambda d: d | {"annotations": [3]},
            r"'annotations\[0\]' is no object: give it the fields id, image_id, category_id",
        ),
        (lambda d: d | {"images": "x"}, "'images' must be a list"),
        (lambda d: [d], "holds a list, not an object"),
        (lambda d: "x", "holds a str, not an object"),
    ],
)
def test_what_cannot_be_mended_is_one_sentence(folder, change, message):
    document = change(draw(folder))
    with pytest.raises(InputError, match=message) as error:
        make(folder, document)
    assert not (folder / "set").exists()
    assert pickle.loads(pickle.dumps(error.value)).args == error.value.args


def test_without_pictures_the_size_must_be_there(folder):
    document = draw(folder)
    for name, value in (("width", None), ("height", ...), ("width", "wide")):
        with pytest.raises(InputError, match=r"'images\[0\]' has no"):
            read_instances(write(folder, each("images", **{name: value})(copy.deepcopy(document))))
    assert read_instances(write(folder, document)) == document
    document["images"] = [{"id": 1, "file_name": "001.png", "height": 120}]  # the width comes before the other images
    with pytest.raises(InputError, match=r"'images\[0\]' has no 'width': add it"):
        read_instances(write(folder, document))


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 200),
    st.floats(),
    st.sampled_from(["", "x", "1", "-1", "1e400", "nan", "\ud83d", "../x", "C:\\x", "0" * 300]),
    st.lists(st.none() | st.floats() | st.integers() | st.text(max_size=3), max_size=6),
    st.dictionaries(st.sampled_from(["size", "counts", "x", "id"]), st.integers() | st.lists(st.integers(0, 20000))),
)
FIELDS = {
    "images": ("id", "file_name", "width", "height", "license"),
    "annotations": ("id", "image_id", "category_id", "segmentation", "bbox", "area", "iscrowd", "attributes"),
    "categories": ("id", "name", "supercategory"),
}
CHANGES = st.sampled_from(sorted(FIELDS)).flatmap(
    lambda part: st.tuples(
        st.just(part), st.integers(0, 8), st.sampled_from(FIELDS[part]), JUNK, st.sampled_from(["set", "remove", "all"])
    )
)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("junk") / "mine"
    return folder, draw(folder, count=4)


@settings(deadline=None, max_examples=80)
@given(changes=st.lists(CHANGES, min_size=1, max_size=4))
def test_whatever_stands_in_a_field_the_set_can_be_read_or_one_sentence_says_why_not(drawn, changes):
    folder, document = drawn[0], copy.deepcopy(drawn[1])
    for part, index, name, value, way in changes:
        records = document[part] if way == "all" else [document[part][index % len(document[part])]]
        for record in records:
            record[name] = copy.deepcopy(value)
            if way == "remove":
                del record[name]
    shutil.rmtree(folder / "set", ignore_errors=True)
    try:
        data, _ = make(folder, document)
    except InputError:
        assert not (folder / "set").exists()
        return
    reader = SampleReader(data, None, 64, 20)
    for row in range(len(data)):
        expression = data.expression(row)
        _, box = reader.picture(expression.image_id, 64)
        assert reader.target_mask(expression.ann_ids, box, 64).any() == (expression.target_count > 0)
    for info in data.images():
        assert all(
            math.isfinite(value) for each in data.annotations_of(info.image_id) for value in (each.area, *each.bbox)
        )
