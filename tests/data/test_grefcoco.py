import copy
import json
import pickle
from multiprocessing import get_context

import numpy as np
import pytest

from grisq.data import cache, grefcoco, grefcoco_writer, layout, masks
from grisq.runtime.errors import InputError

SQUARE = [[2.0, 2.0, 8.0, 2.0, 8.0, 6.0, 2.0, 6.0]]


def annotation(ann_id, segmentation=SQUARE, image_id=7, iscrowd=0, category_id=1):
    return {
        "id": ann_id,
        "image_id": image_id,
        "category_id": category_id,
        "iscrowd": iscrowd,
        "area": 24.0,
        "bbox": [2.0, 2.0, 6.0, 4.0],
        "segmentation": segmentation,
    }


def ref(ref_id, ann_id, *texts, split="train", image_id=7, **more):
    sentences = [
        {"raw": text, "sent": text.lower(), "sent_id": 10 * ref_id + i, "tokens": []} for i, text in enumerate(texts)
    ]
    return {
        "ref_id": ref_id,
        "image_id": image_id,
        "file_name": f"COCO_train2014_000000000007_{ref_id}.jpg",  # with the suffix that real files have
        "split": split,
        "ann_id": ann_id,
        "category_id": -1,
        "no_target": ann_id == [-1],
        "sent_ids": [],
        "sentences": sentences,
    } | more


INSTANCES = {
    "images": [
        {"id": 9, "file_name": "nine.jpg", "width": 30, "height": 20},
        {"id": 7, "file_name": "COCO_train2014_000000000007.jpg", "width": 30, "height": 20},
    ],
    "annotations": [
        annotation(300, image_id=9),
        annotation(101, [[10.0, 10.0, 14.0, 10.0, 14.0, 14.0, 10.0, 14.0], SQUARE[0], [1.0, 2.0, 3.0, 4.0]]),
        annotation(100),
        annotation(200, {"size": [20, 30], "counts": [0, 600]}, iscrowd=1, category_id=2),
    ],
    "categories": [{"id": 1, "name": "cat", "supercategory": "animal"}, {"id": 2, "name": "dog"}],
}
REFS = [
    ref(1, [100], "The left cat", "cat b;ack"),
    ref(2, [-1], "a zebra"),
    ref(3, 101, "right cat"),  # a bare number, as some releases have it
    ref(4, [100, 101], "both cats", split="val"),
    ref(5, [101, 200], "cat and the crowd"),  # the crowd region is no target
    ref(6, [200], "the crowd"),
    ref(7, [100]),  # no sentence at all
    ref(8, [100], " ", "one cat"),  # an empty one among others
]


def write(root, refs=REFS, instances=INSTANCES):
    (root / "grefcoco").mkdir(parents=True, exist_ok=True)
    (root / layout.REFS).write_text(json.dumps(refs), encoding="utf-8")
    (root / layout.INSTANCES).write_text(json.dumps(instances), encoding="utf-8")
    return root


@pytest.fixture
def data(tmp_path):
    return grefcoco.load(write(tmp_path))


def test_one_row_a_sentence_with_the_raw_text(data):
    texts = data.expressions["text"].to_pylist()
    assert texts == ["The left cat", "cat b;ack", "a zebra", "right cat", "both cats", "cat and the crowd", "one cat"]
    assert data.expression(1).sent_id == 11


def test_targets_presence_and_plurality(data):
    table = data.expressions.to_pydict()
    assert table["ann_ids"] == [[100], [100], [], [101], [100, 101], [101], [100]]
    assert table["category_ids"] == [[1], [1], [], [1], [1, 1], [1], [1]]
    assert table["target_count"] == [1, 1, 0, 1, 2, 1, 1]
    assert table["presence"] == [True, True, False, True, True, True, True]
    assert table["plurality"] == [False, False, None, False, True, False, False]


def test_what_is_left_out_is_counted(data):
    assert data.skipped == {
        "refs whose targets are all crowd regions": 1,
        "refs without a sentence": 1,
        "empty sentences": 1,
    }


def test_the_file_name_comes_from_the_pictures_table(data):
    assert data.image_path(7) == data.root / "images/train2014/COCO_train2014_000000000007.jpg"
    assert data.image(9)[1:] == ("nine.jpg", 30, 20)


def test_masks_are_unions_of_all_parts(data):
    assert data.mask(0).sum() == 24
    assert data.mask(2).sum() == 0
    assert data.mask(3).sum() == 24 + 16  # two parts, and one of two corners that is dropped
    assert np.array_equal(data.mask(4), data.mask(3) | data.mask(0))
    (crowd,) = data.segmentations((200,))
    assert masks.decode(masks.to_rle(crowd, 20, 30)).all()


def test_annotations_of_a_picture_crowds_included(data):
    assert [(each.ann_id, each.iscrowd) for each in data.annotations_of(7)] == [(100, False), (101, False), (200, True)]
    assert data.annotations_of(8) == []
    assert data.categories == {1: "cat", 2: "dog"}


def test_splits_in_the_usual_order_and_an_unknown_one(data):
    assert data.splits == ("train", "val")
    assert data.rows("val").tolist() == [4]
    with pytest.raises(InputError, match="it has train, val"):
        data.rows("test")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ([ref(1, [100, 555], "x")], r"ref 1 names the annotations \[555\]"),
        ([ref(1, [100], "x", image_id=12)], "is about image 12"),
        ([], "empty list"),
        ([{"ref_id": 1}], "not in gRefCOCO's format"),
        ({"refs": 1}, "not in gRefCOCO's format"),
    ],
)
def test_refs_that_do_not_fit_are_named(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        grefcoco.load(write(tmp_path, refs=change))


def test_a_truncated_file_is_named_with_the_place(tmp_path):
    path = write(tmp_path) / layout.INSTANCES
    path.write_text(path.read_text(encoding="utf-8")[:300], encoding="utf-8")
    with pytest.raises(InputError, match=r"instances\.json is damaged or cut short .*download"):
        grefcoco.load(tmp_path)


def test_a_missing_folder_and_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="There is no folder"):
        grefcoco.load(tmp_path / "none")
    with pytest.raises(InputError, match=r"grefs\(unc\)\.json is missing"):
        grefcoco.load(tmp_path)


def test_a_pickle_alone_is_not_opened(tmp_path):
    write(tmp_path)
    (tmp_path / layout.REFS).rename((tmp_path / layout.REFS).with_suffix(".p"))
    with pytest.raises(InputError, match="opening a pickle can run anything"):
        grefcoco.load(tmp_path)


@pytest.mark.parametrize("what", ["image", "annotation"])
def test_ids_that_do_not_exist(data, what):
    with pytest.raises(InputError, match=f"has no {what} 555"):
        data.image(555) if what == "image" else data.segmentations((555,))


def test_meaning_and_form_of_synthetic_sets_are_kept(mini):
    rows = mini.expressions.to_pylist()
    assert all(json.loads(row["tree"]) for row in rows)
    assert {row["kind"] for row in rows if not row["presence"]} == {"near", "far"}
    assert {a.attributes["colour"] for a in mini.annotations_of(int(mini.image_ids[0]))}


def test_a_data_set_pickles_small_and_opens_the_same_tables(data):
    packed = pickle.dumps(data)
    assert len(packed) < 1000
    assert pickle.loads(packed).expressions.equals(data.expressions)


def test_the_second_read_does_not_parse(tmp_path, monkeypatch):
    write(tmp_path)
    first = grefcoco.load(tmp_path)
    monkeypatch.setattr(grefcoco.annotation_parser, "parse", None)
    assert grefcoco.load(tmp_path).expressions.equals(first.expressions)
    assert grefcoco.load(tmp_path).skipped == first.skipped


def test_changed_files_are_parsed_again(tmp_path):
    write(tmp_path)
    before = grefcoco.load(tmp_path)
    write(tmp_path, refs=REFS[:2])
    after = grefcoco.load(tmp_path)
    assert len(after) == 3
    assert after.content_hash != before.content_hash


@pytest.mark.parametrize("damage", ["expressions.arrow", "skipped.json"])
def test_a_damaged_cache_is_made_again(tmp_path, damage):
    write(tmp_path)
    grefcoco.load(tmp_path)
    (file,) = (tmp_path / ".grisq-cache").glob(f"*/{damage}")
    file.write_bytes(b"not arrow")
    assert len(grefcoco.load(tmp_path)) == 7


def test_a_folder_that_cannot_be_written_uses_the_users_cache(tmp_path, monkeypatch):
    write(tmp_path / "data")
    (tmp_path / "data" / ".grisq-cache").write_text("a file in the way", encoding="utf-8")
    monkeypatch.setenv("GRISQ_CACHE", str(tmp_path / "mine"))
    assert len(grefcoco.load(tmp_path / "data")) == 7
    assert list((tmp_path / "mine").glob("*/expressions.arrow"))


def test_no_place_to_write_is_one_sentence(tmp_path, monkeypatch):
    write(tmp_path)
    blocked = tmp_path / "blocked"
    blocked.write_text("", encoding="utf-8")
    monkeypatch.setattr(cache, "_places", lambda root: [blocked / "a", blocked / "b"])
    with pytest.raises(InputError, match="set GRISQ_CACHE"):
        grefcoco.load(tmp_path)


def _count(root, out):
    out.put(len(grefcoco.load(root)))


def test_two_processes_may_build_the_cache_at_the_same_time(tmp_path):
    write(tmp_path)
    context = get_context("fork")
    out = context.Queue()
    processes = [context.Process(target=_count, args=(tmp_path, out)) for _ in range(2)]
    for process in processes:
        process.start()
    assert [out.get(timeout=60) for _ in processes] == [7, 7]
    for process in processes:
        process.join()
    assert [path.name.count(".") for path in (tmp_path / ".grisq-cache").iterdir()] == [0]  # no partial folder left


def changed(**changes):
    """INSTANCES with changes to the annotation 100, or to what the change's name says."""
    document = copy.deepcopy(INSTANCES)
    for name, value in changes.items():
        if name in ("images", "annotations", "categories"):
            document[name] = document[name] + [value]
        else:
            document["annotations"][2][name] = value
    return document


LINE = [[1.0, 1.0, 9.0, 1.0]]
EMPTY = {"size": [20, 30], "counts": [600]}


@pytest.mark.parametrize(
    ("refs", "instances", "message"),
    [
        ([ref(1, [100], "x")], changed(annotations=annotation(100, image_id=9)), "id 100 stands for two"),
        ([ref(1, [100], "x")], changed(annotations=annotation(100, [[3.0] * 6])), "id 100 stands for two"),
        ([ref(1, [100], "x")], changed(images=INSTANCES["images"][0] | {"id": 7}), "id 7 stands for two"),
        ([ref(1, [100], "x")], changed(categories={"id": 1, "name": "car"}), "id 1 stands for two"),
        ([ref(1, [300], "x")], INSTANCES, r"about image 7 but names annotation 300, .* for image 9"),
        ([ref(1, [100, 300], "x")], INSTANCES, "names annotation 300"),
        ([ref(1, [-1, 100], "x")], INSTANCES, r"ref 1 names -1, which stands for no target"),
        ([ref(1, [100, -1], "x")], INSTANCES, r"ref 1 names -1, which stands for no target"),
        ([ref(1, [100], "x")], changed(category_id=9), "annotation 100 has the category 9"),
        ([ref(1, [100], "x")], changed(categories={"id": 2**31, "name": "x"}, category_id=2**31), "too large"),
        ([ref(1, [2**70], "x")], changed(id=2**70), "too large"),
        ([ref(2**70, [100], "x")], INSTANCES, "too large"),
        *[
            ([ref(1, [100], "x"), ref(2, [101], "y")], changed(segmentation=outline), "1 of 2 targets have no outline")
            for outline in (
                *([], [[]], None, LINE, [2.0, 2.0, 6.0, 4.0], [[2.0, 2.0]], SQUARE[0][:-1], [SQUARE[0][:-1]], EMPTY),
                [[102.0, 2.0, 108.0, 2.0, 108.0, 6.0]],
                {"size": [30, 20], "counts": [0, 600]},
                {"size": [20, 30], "counts": [0, 60]},
                {"size": [20, 30], "counts": "PP"},
                {"size": [20, 30], "counts": "0"},
                {"counts": [0, 600]},
            )
        ],
    ],
)
def test_files_that_would_give_wrong_masks_are_refused(tmp_path, refs, instances, message):
    with pytest.raises(InputError, match=message) as error:
        grefcoco.load(write(tmp_path, refs=refs, instances=instances))
    assert str(tmp_path) in str(error.value)
    assert not list((tmp_path / ".grisq-cache").glob("*/*.arrow"))


@pytest.mark.parametrize(
    "outline", [SQUARE[0], [SQUARE[0][i : i + 2] for i in (0, 2, 4, 6)], [*SQUARE, [1.0, 2.0, 3.0]], [[3], *SQUARE]]
)
def test_targets_in_other_forms_are_read(tmp_path, outline):
    data = grefcoco.load(write(tmp_path, refs=[ref(1, [100], "x")], instances=changed(segmentation=outline)))
    assert data.mask(0).sum() == 24


def test_equal_copies_count_once_and_so_does_a_target_named_twice(tmp_path):
    document = changed(annotations=annotation(101, INSTANCES["annotations"][1]["segmentation"]))
    data = grefcoco.load(
        write(tmp_path, refs=[ref(1, [100, 101, 100], "x"), ref(2, [100, 100], "y")], instances=document)
    )
    assert data.expressions["ann_ids"].to_pylist() == [[100, 101], [100]]
    assert data.expressions["plurality"].to_pylist() == [True, False]
    assert data.skipped == {"targets named twice by their ref": 2}
    assert len(data.annotations_of(7)) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"area": None},
        {"area": "24.0"},
        {"area": float("nan")},
        {"bbox": None},
        {"bbox": [float("nan")] * 4},
        {"iscrowd": False},
        {"iscrowd": None},
        {"attributes": None},
        {"attributes": []},
        {"id": "100"},
        {"id": 100.0},
        {"image_id": "7"},
    ],
)
def test_fields_of_other_types_are_mended_on_reading(tmp_path, change):
    data = grefcoco.load(write(tmp_path, refs=[ref(1, [100], "x")], instances=changed(**change)))
    (found,) = (each for each in data.annotations_of(7) if each.ann_id == 100)
    assert (found.area, found.bbox, found.iscrowd, found.attributes) == (24.0, (2.0, 2.0, 6.0, 4.0), False, {})
    assert data.mask(0).sum() == 24


@pytest.mark.parametrize("ids", ["100", 100.0, ["100"], [100.0]])
def test_ids_in_refs_as_text_or_floats(tmp_path, ids):
    data = grefcoco.load(write(tmp_path, refs=[ref(1, ids, "null", image_id="7")]))
    assert data.expressions["ann_ids"].to_pylist() == [[100]]
    assert data.expression(0).image_id == 7


def test_nan_and_half_characters_in_texts(tmp_path):
    refs = [ref(1, [100], "a \ud83d cat 🐈", note=float("nan"))]
    data = grefcoco.load(write(tmp_path, refs=refs, instances=changed(attributes={"a": float("inf"), "b": "\ud83d"})))
    assert data.expression(0).text == "a \ufffd cat 🐈"
    (found,) = (each for each in data.annotations_of(7) if each.ann_id == 100)
    assert found.attributes == {"a": None, "b": "\ufffd"}


def test_supercategories_that_are_null(tmp_path):
    document = changed(categories={"id": 3, "name": "cup", "supercategory": None})
    assert grefcoco.load(write(tmp_path, instances=document)).categories[3] == "cup"


@pytest.mark.parametrize("name", ["../x.jpg", "..\\x.jpg", "/x.jpg", "C:\\x.jpg", ""])
def test_file_names_that_leave_the_folder(tmp_path, name):
    document = copy.deepcopy(INSTANCES)
    document["images"][1]["file_name"] = name
    with pytest.raises(InputError, match="must stay in the folder of pictures"):
        grefcoco.load(write(tmp_path, instances=document))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_other_unicode_encodings(tmp_path, encoding):
    write(tmp_path)
    for place in (layout.REFS, layout.INSTANCES):
        (tmp_path / place).write_text((tmp_path / place).read_text(encoding="utf-8"), encoding=encoding)
    assert len(grefcoco.load(tmp_path)) == 7


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"PK\x03\x04..", "ZIP"), (b"\x1f\x8b..", "gzip"), (b"<html>", "web page"), (b"\xfc", "UTF-8")],
)
@pytest.mark.parametrize("place", [layout.REFS, layout.INSTANCES])
def test_files_that_are_something_else_are_named(tmp_path, content, message, place):
    (write(tmp_path) / place).write_bytes(content)
    with pytest.raises(InputError, match=message):
        grefcoco.load(tmp_path)


def test_sets_are_written_without_nan(tmp_path):
    document = INSTANCES | {"info": {"a": float("nan"), "b": [float("inf"), 1.5]}}
    grefcoco_writer.write(tmp_path, [], document)
    text = (tmp_path / layout.INSTANCES).read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=pytest.fail)["info"] == {"a": None, "b": [None, 1.5]}
