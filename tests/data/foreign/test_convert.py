"""Other data sets in small files of their own form, with every trap that these forms have."""

import json
import pickle

import numpy as np
import pytest
from PIL import Image

from grisq.data import grefcoco, layout, masks, statistics
from grisq.data.foreign.convert import convert
from grisq.data.foreign.join import join_singles
from grisq.data.foreign.parquet import to_parquet
from grisq.evaluation import score
from grisq.runtime.errors import InputError

WIDTH, HEIGHT = 40, 30


def box(left, top, right, bottom):
    return [[float(v) for v in (left, top, right, top, right, bottom, left, bottom)]]


OUTLINES = {11: box(2, 2, 12, 12), 12: box(20, 5, 35, 25), 21: box(0, 0, 10, 30)}
NAMES = {1: "COCO_train2014_000000000001.jpg", 2: "COCO_val2014_000000000002.jpg"}  # Ref-ZOM has pictures of both


def instances():
    return {
        "images": [{"id": i, "file_name": name, "width": WIDTH, "height": HEIGHT} for i, name in NAMES.items()],
        "annotations": [
            {
                "id": ann_id,
                "image_id": ann_id // 10,
                "category_id": 1,
                "iscrowd": 0,
                "segmentation": outline,
                "area": (outline[0][4] - outline[0][0]) * (outline[0][5] - outline[0][1]),
                "bbox": [*outline[0][:2], outline[0][4] - outline[0][0], outline[0][5] - outline[0][1]],
            }
            for ann_id, outline in OUTLINES.items()
        ],
        "categories": [{"id": 1, "name": "cat", "supercategory": "animal"}],
    }


def sentence(sent_id, text, **more):
    return {"sent_id": sent_id, "raw": text, "sent": text.lower(), "tokens": text.lower().split(), **more}


def ref(ref_id, image_id, ann_id, split, *sentences, **more):
    return {
        "ref_id": ref_id,
        "ann_id": ann_id,
        "category_id": 1,
        "image_id": image_id,
        "split": split,
        "file_name": f"COCO_train2014_{image_id:012d}_{ref_id}.jpg",  # with the suffix of the real files
        "sentences": list(sentences),
        "sent_ids": [each["sent_id"] for each in sentences],
        **more,
    }


def folder(path, refs, *, name="refs(unc).p", document=None):
    path.mkdir(exist_ok=True)
    (path / name).write_bytes(pickle.dumps(refs, 2))
    (path / "instances.json").write_text(json.dumps(document or instances()))
    return path


@pytest.fixture
def pictures(tmp_path):
    place = tmp_path / "pictures"
    place.mkdir()
    for i, name in NAMES.items():
        Image.fromarray(np.full((HEIGHT, WIDTH, 3), 50 * i, np.uint8)).save(place / name)
    return place


REFCOCO = [
    ref(5, 1, 11, "train", sentence(50, "Left cat"), sentence(51, "the small one")),
    ref(6, 1, 12, "val", sentence(60, "right")),
    ref(7, 2, 21, "testA", sentence(70, "tall")),
]
REFZOM = [
    ref(1, 1, [11, 12], "train", sentence(1, "both cats"), source="coco"),
    ref(2, 1, 11, "test_single", sentence(2, "left cat"), source="refcoco"),
    ref(3, 2, [11], "test_zero", sentence(3, "a zebra"), source="zero"),  # ids that mean nothing: of another picture,
    ref(5, 2, 999, "test_zero", sentence(5, "a kite"), source="zero"),  # of none,
    ref(6, 2, None, "test_zero", sentence(6, "a train"), source="zero"),  # and no id at all
    ref(4, 2, [-1], "val", sentence(4, "a bus"), source="zero"),
]
RREFCOCO = [
    ref(
        1, 1, 11, "val", sentence(1, "left cat"), sentence(2, "left bus", exist=False), sentence(1, "dog", exist=False)
    ),
    ref(2, 2, 21, "val", sentence(3, "tall", exist=True)),
]


def expressions(data):
    return {(e.ref_id, e.sent_id): e for e in map(data.expression, range(len(data)))}


def quiet(_):
    pass


def test_refcoco_becomes_singles(tmp_path, pictures):
    out = convert(
        "refcoco", folder(tmp_path / "r", REFCOCO), tmp_path / "out", images=pictures, progress=False, report=quiet
    )
    data = grefcoco.load(out)
    found = expressions(data)
    assert {key: (e.text, e.split, e.ann_ids, e.target_count) for key, e in found.items()} == {
        (5, 50): ("Left cat", "train", (11,), 1),
        (5, 51): ("the small one", "train", (11,), 1),
        (6, 60): ("right", "val", (12,), 1),
        (7, 70): ("tall", "testA", (21,), 1),
    }
    expected = masks.decode(masks.to_rle(OUTLINES[12], HEIGHT, WIDTH))
    row = next(row for row in range(len(data)) if data.expression(row).ref_id == 6)
    assert np.array_equal(data.mask(row), expected)
    assert data.image_path(2).read_bytes() == (pictures / NAMES[2]).read_bytes()


def test_refzom_says_nothing_by_its_source_alone(tmp_path):
    said = []
    out = convert("refzom", folder(tmp_path / "z", REFZOM, name="refs(final).p"), tmp_path / "out", report=said.append)
    found = {e.text: e for e in expressions(grefcoco.load(out)).values()}
    assert {text: (e.target_count, e.split) for text, e in found.items()} == {
        "both cats": (2, "train"),
        "left cat": (1, "test"),  # every split whose name holds "test", as its loader takes them
        "a zebra": (0, "test"),
        "a kite": (0, "test"),
        "a train": (0, "test"),
        "a bus": (0, "val"),
    }
    assert said == ['Refs of the source "zero" whose annotation ids were ignored: 3.']


def test_rrefcoco_splits_a_ref_by_what_exists(tmp_path):
    said = []
    out = convert("rrefcoco", folder(tmp_path / "rr", RREFCOCO), tmp_path / "out", report=said.append)
    data = grefcoco.load(out)
    found = {e.text: e for e in expressions(data).values()}
    assert {text: (e.ref_id, e.target_count) for text, e in found.items()} == {
        "left cat": (1, 1),
        "left bus": (1, 0),
        "dog": (1, 0),
        "tall": (2, 1),
    }
    assert len(expressions(data)) == 4  # ids name one expression each
    assert said == ["Sentences renumbered, because their ref uses the id already (source_sent_id has it): 1."]
    # Its metrics group by ref: the first has a false expression with a mask, and one without.
    answers = {"left cat": OUTLINES[11], "left bus": OUTLINES[12], "dog": [], "tall": OUTLINES[21]}
    predictions = [
        {"ref_id": e.ref_id, "sent_id": e.sent_id, "segmentation": answers[text], "score": 1.0}
        for text, e in found.items()
    ]
    metrics = (
        score(predictions, data, protocols=["rrefcoco"], progress=False).splits["val"].protocols["rrefcoco"].metrics
    )
    areas = {ann_id: masks.decode(masks.to_rle(outline, HEIGHT, WIDTH)).sum() for ann_id, outline in OUTLINES.items()}
    assert metrics["r"].value == pytest.approx(50)
    assert metrics["mIoU"].value == pytest.approx(100)
    assert metrics["rIoU"].value == pytest.approx(100 * (areas[11] / (areas[11] + areas[12]) + 1) / 2)


INSTANCEVG = {
    "train": [
        {
            "image_id": 1,
            "width": WIDTH,
            "height": HEIGHT,
            "expressions": {"raw": ["both cats", "the cats"]},
            "annotations": [
                {"bbox": [2, 2, 10, 10], "segmentation": OUTLINES[11]},
                {"bbox": [20, 5, 15, 20], "segmentation": OUTLINES[12]},
            ],
        },
        {
            "image_id": 1,
            "width": WIDTH,
            "height": HEIGHT,
            "expressions": {"raw": "left cat"},
            "annotations": [{"bbox": [2, 2, 10, 10], "segmentation": OUTLINES[11]}],
        },
    ],
    "val_rrefcoco": [
        [
            {
                "image_id": 2,
                "file_name": NAMES[2],
                "width": WIDTH,
                "height": HEIGHT,
                "expressions": {"raw": text},
                "annotations": [{"bbox": None}]
                if nothing
                else [{"bbox": [0, 0, 10, 30], "segmentation": OUTLINES[21]}],
            }
            for text, nothing in (("tall", False), ("a bus", True))
        ]
    ],
    "mixed": [
        {
            "image_id": 1,
            "width": WIDTH,
            "height": HEIGHT,
            "expressions": ["right"],
            "bbox": [20, 5, 15, 20],
            "mask": OUTLINES[12],
        }
    ],
}


def test_instancevg_gets_ids(tmp_path):
    path = tmp_path / "instance.json"
    path.write_text(json.dumps(INSTANCEVG))
    data = grefcoco.load(convert("instancevg", path, tmp_path / "out", report=quiet))
    found = {e.text: e for e in expressions(data).values()}
    assert {text: (e.split, e.target_count) for text, e in found.items()} == {
        "both cats": ("train", 2),
        "the cats": ("train", 2),
        "left cat": ("train", 1),
        "tall": ("val_rrefcoco", 1),
        "a bus": ("val_rrefcoco", 0),
        "right": ("mixed", 1),
    }
    assert found["left cat"].ann_ids[0] in found["both cats"].ann_ids  # one outline, one object
    assert found["right"].ann_ids[0] in found["both cats"].ann_ids
    assert found["tall"].ref_id == found["a bus"].ref_id
    assert data.image(1).file_name == NAMES[1]
    annotation = next(each for each in data.annotations_of(2))
    assert annotation.bbox == (0, 0, 10, 30)
    assert annotation.area == 300


def instancevg_val(count):
    """R-RefCOCO's val as it is: every item a list of one record."""
    record = INSTANCEVG["val_rrefcoco"][0][0]
    return {"val_rrefcoco": [[{**record, "expressions": {"raw": f"text {i}"}}] for i in range(count)]}


def test_instancevgs_refs_of_rrefcoco_stand_in_a_second_file(tmp_path):
    path = tmp_path / "instance.json"
    path.write_text(json.dumps(instancevg_val(3)))
    said = []
    alone = grefcoco.load(convert("instancevg", path, tmp_path / "alone", report=said.append))
    assert len({e.ref_id for e in expressions(alone).values()}) == 3
    assert "instance_index.json is missing: r and rIoU need it" in said[-1]
    for form in ([[0, 2], [2, 3]], {"val_rrefcoco": [[0, 2], [2, 3]]}):
        (tmp_path / "instance_index.json").write_text(json.dumps(form))
        out = tmp_path / f"out-{type(form).__name__}"
        found = {
            e.text: e.ref_id
            for e in expressions(grefcoco.load(convert("instancevg", path, out, report=quiet))).values()
        }
        assert found["text 0"] == found["text 1"] != found["text 2"]
    (tmp_path / "instance_index.json").write_text("[[0, 2]]")
    with pytest.raises(InputError, match="has ranges for 2 items, and val_rrefcoco has 3: get both together"):
        convert("instancevg", path, tmp_path / "wrong", report=quiet)
    (tmp_path / "instance_index.json").write_text('["a"]')
    with pytest.raises(InputError, match="must hold ranges of items"):
        convert("instancevg", path, tmp_path / "wrong", report=quiet)


def test_a_box_without_outline_is_no_empty_target(tmp_path):
    record = {**INSTANCEVG["train"][1], "annotations": [{"bbox": [2, 2, 10, 10]}]}
    path = tmp_path / "instance.json"
    path.write_text(json.dumps({"train": [record]}))
    with pytest.raises(InputError, match="image 1: an object has a box and no segmentation"):
        convert("instancevg", path, tmp_path / "out", report=quiet)


@pytest.mark.parametrize(
    ("form", "refs", "message"),
    [
        ("refcoco", REFZOM, "has the field 'source' of refzom: convert it as refzom, not as refcoco"),
        ("refcoco", RREFCOCO, "has the field 'exist' of rrefcoco"),
        ("refzom", REFCOCO, "has no field 'source'"),
        ("rrefcoco", REFCOCO, "has no sentence whose 'exist' is false"),
        ("refcoco", [REFCOCO[0], REFCOCO[0]], "ref 5 is there 2 times; ids must name one ref"),
        ("refcoco", [ref(1, 1, -1, "val", sentence(1, "x"))], "ref 1 names the annotations -1; expected an id"),
        ("refcoco", [ref(1, 1, [], "val", sentence(1, "x"))], r"ref 1 names the annotations \[\]; expected an id"),
        ("refcoco", [ref(1, 1, 77, "val", sentence(1, "x"))], r"does not fit together\. out/.*the annotations \[77\]"),
        ("refcoco", [ref(1, 1, 21, "val", sentence(1, "x"))], r"does not fit together\. out/.*has for image 2"),
        ("refcoco", [ref(1, 9, 11, "val", sentence(1, "x"))], r"does not fit together\. out/.*image 9"),
        ("refcoco", [{"ref_id": 1}], "holds no refs"),
        ("refcoco", {"refs": []}, "holds no refs"),
    ],
)
def test_the_wrong_form_is_told(tmp_path, form, refs, message):
    with pytest.raises(InputError, match=message):
        convert(form, folder(tmp_path / "r", refs), tmp_path / "out", report=quiet)
    assert not (tmp_path / "out").exists()


def test_a_missing_file_is_told(tmp_path, pictures):
    place = folder(tmp_path / "r", REFCOCO)
    (pictures / NAMES[2]).unlink()
    with pytest.raises(InputError, match=r"COCO_val2014_000000000002\.jpg is missing: give the folder that holds all"):
        convert("refcoco", place, tmp_path / "out", images=pictures, progress=False, report=quiet)
    (place / "refs(google).p").write_bytes(pickle.dumps(REFCOCO))
    with pytest.raises(InputError, match=r"choose one of refs\(google\)\.p, refs\(unc\)\.p with --partition"):
        convert("refcoco", place, tmp_path / "out", report=quiet)
    assert convert("refcoco", place, tmp_path / "out", partition="google", report=quiet).is_dir()
    with pytest.raises(InputError, match="already holds something else"):
        convert("refcoco", place, tmp_path / "out", partition="google", report=quiet)
    with pytest.raises(InputError, match="is not a folder"):
        convert("refcoco", tmp_path / "nothing", tmp_path / "new", report=quiet)
    with pytest.raises(InputError, match="There is no form 'refclef'"):
        convert("refclef", place, tmp_path / "new", report=quiet)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "is not in InstanceVG's form"),
        ({"train": {}}, "is not in InstanceVG's form"),
        ({"train": [{"image_id": 1}]}, "split 'train': a record cannot be read"),
        ({"train": [{**INSTANCEVG["train"][0], "expressions": {"raw": 7}}]}, "image 1: its expressions must be a text"),
        ({"train": []}, "holds no expression"),
    ],
)
def test_faults_in_instancevgs_file_are_told(tmp_path, document, message):
    path = tmp_path / "instance.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=message):
        convert("instancevg", path, tmp_path / "out", report=quiet)


def test_names_that_leave_the_folder_are_refused(tmp_path, pictures):
    document = instances()
    document["images"][0]["file_name"] = "../outside.jpg"
    (pictures / "../outside.jpg").write_bytes((pictures / NAMES[1]).read_bytes())
    with pytest.raises(InputError, match="lies outside of its folder"):
        convert(
            "refcoco",
            folder(tmp_path / "r", REFCOCO, document=document),
            tmp_path / "out",
            images=pictures,
            report=quiet,
        )


def test_singles_are_joined_to_val(tmp_path):
    own = convert(
        "refzom",
        folder(
            tmp_path / "g",
            [
                ref(1, 1, [11, 12], "val", sentence(1, "both cats"), source="coco"),
                ref(2, 1, [-1], "val", sentence(2, "a zebra"), source="zero"),
                ref(3, 2, [21], "train", sentence(3, "tall"), source="coco"),
            ],
        ),
        tmp_path / "own",
        report=quiet,
    )
    others = [
        ref(8, 1, 12, "val", sentence(1, "right cat"), sentence(2, "right")),
        ref(9, 2, 21, "val", sentence(3, "the tall one")),  # a picture of own train
        ref(10, 1, 11, "train", sentence(4, "left")),
    ]
    said = []
    out = join_singles(own, folder(tmp_path / "r", others), tmp_path / "out", report=said.append)
    data = grefcoco.load(out)
    assert {data.expression(int(row)).text: data.expression(int(row)).target_count for row in data.rows("val")} == {
        "both cats": 2,
        "a zebra": 0,
        "right cat": 1,
        "right": 1,
    }
    assert len(expressions(data)) == len(data) == 5
    assert "2 single-target expressions were added to val; 1 refs are about pictures that it does not have" in said[0]
    with pytest.raises(InputError, match="nothing to join"):
        join_singles(own, tmp_path / "r", tmp_path / "none", split="testA", report=quiet)


def test_a_joined_val_is_named_as_no_release():
    counts = statistics.JOINED.splits
    assert counts["val"][0] == sum(counts["val"][1:])
    assert counts["val"][2] == 10_834
    assert "no release" in statistics.JOINED.name


def test_parquet_reads_back(mini, tmp_path):
    import pyarrow.parquet as pq

    paths = to_parquet(mini, tmp_path, progress=False)
    assert [path.stem for path in paths] == list(mini.splits)
    table = pq.read_table(tmp_path / "val.parquet")
    rows = mini.rows("val").tolist()
    assert len(table) == len(rows)
    for place in (0, len(rows) // 2, len(rows) - 1):
        line, expression = table.slice(place, 1).to_pylist()[0], mini.expression(rows[place])
        assert (line["text"], line["target_count"]) == (expression.text, expression.target_count)
        assert np.array_equal(masks.decode(line["mask"]), mini.mask(rows[place]))
        assert line["image"]["bytes"] == mini.image_path(expression.image_id).read_bytes()
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert set(features) == set(table.column_names)
    assert features["image"] == {"_type": "Image"}
    bare = pq.read_table(to_parquet(mini, tmp_path / "bare", images=False, progress=False)[0])
    assert "image" not in bare.column_names


def test_a_converted_set_keeps_gref_cocos_layout(tmp_path):
    out = convert("rrefcoco", folder(tmp_path / "rr", RREFCOCO), tmp_path / "out", report=quiet)
    refs = json.loads((out / layout.REFS).read_text())
    assert {
        "ref_id",
        "image_id",
        "file_name",
        "split",
        "ann_id",
        "category_id",
        "no_target",
        "sent_ids",
        "sentences",
    } <= set(refs[0])
    assert [each["category_id"] for each in refs] == [[1], [-1], [1]]
