"""Expressions from COCO files: a toy file whose truths are known, and real annotations where they are at hand."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grisq.data.synthetic.expression_trees import heads
from grisq.data.synthetic.from_coco import expressions_from_coco
from grisq.data.synthetic.grammar import parse_tree
from grisq.data.synthetic.scene import scenes_of
from grisq.runtime.errors import InputError

COCO_OPEN = Path(__file__).parents[3] / "shared" / "coco-open"
CATEGORIES = [
    {"id": 1, "name": "person", "supercategory": "person"},
    {"id": 18, "name": "dog", "supercategory": "animal"},
    {"id": 44, "name": "bottle", "supercategory": "kitchen"},
    {"id": 47, "name": "cup", "supercategory": "kitchen"},
]


def annotation(ann_id, image_id, category_id, x, y, width, height, iscrowd=0):
    corners = [x, y, x + width, y, x + width, y + height, x, y + height]
    segmentation = {"counts": [0, 5, 19195], "size": [120, 160]} if iscrowd else [corners]
    return {
        "id": ann_id,
        "image_id": image_id,
        "category_id": category_id,
        "iscrowd": iscrowd,
        "bbox": [x, y, width, height],
        "area": width * height,
        "segmentation": segmentation,
        "note": "kept",
    }


@pytest.fixture
def toy(tmp_path):
    """Twenty pictures of two dogs and a person; a crowd of cups, a speck of a bottle; the last one is empty."""
    images, annotations = [], []
    (tmp_path / "pictures").mkdir()
    for i in range(1, 21):
        name = f"{i}.png"
        Image.fromarray(np.full((120, 160, 3), i, np.uint8)).save(tmp_path / "pictures" / name)
        images.append({"id": i, "file_name": name, "width": 160, "height": 120, "license": 4})
        if i < 20:
            annotations += [
                annotation(10 * i, i, 18, 10, 20, 30, 30),
                annotation(10 * i + 1, i, 18, 110, 50, 40, 60),
                annotation(10 * i + 2, i, 1, 60, 20, 30, 80),
                annotation(10 * i + 3, i, 47, 0, 0, 20, 20, iscrowd=1),
                annotation(10 * i + 4, i, 44, 3, 3, 4, 4),
            ]
    document = {"images": images, "annotations": annotations, "categories": CATEGORIES, "licenses": [{"id": 4}]}
    (tmp_path / "instances.json").write_text(json.dumps(document), encoding="utf-8")
    return tmp_path


def make(toy, out="out", **options):
    return expressions_from_coco(toy / "instances.json", toy / "pictures", toy / out, progress=False, **options)


def read(root):
    refs = json.loads((root / "grefcoco" / "grefs(unc).json").read_text(encoding="utf-8"))
    return refs, json.loads((root / "grefcoco" / "instances.json").read_text(encoding="utf-8"))


def test_meanings_hold_and_crowds_and_specks_are_never_spoken_of(toy):
    refs, instances = read(make(toy, val_share=0.3))
    scenes = scenes_of(instances)
    assert len(refs) > 40
    for ref in refs:
        tree = parse_tree(ref["tree"])
        assert tree.meaning(scenes[ref["image_id"]]) == (set() if ref["no_target"] else set(ref["ann_id"]))
        assert {i % 10 for i in ref["ann_id"]} <= {0, 1, 2} or ref["no_target"]
        words = {word for sentence in ref["sentences"] for word in sentence["tokens"]}
        assert not words & {"cup", "cups", "mug", "mugs", "bottle", "bottles"}
    assert {0, 1, 2} == {min(0 if r["no_target"] else len(r["ann_id"]), 2) for r in refs}


def test_annotations_are_kept_as_they_are_and_pictures_linked(toy):
    root = make(toy)
    refs, instances = read(root)
    source = json.loads((toy / "instances.json").read_text(encoding="utf-8"))
    used = {ref["image_id"] for ref in refs}
    assert 20 not in used  # nothing is annotated there
    assert instances["annotations"] == [a for a in source["annotations"] if a["image_id"] in used]
    assert instances["images"] == [i for i in source["images"] if i["id"] in used]
    assert instances["licenses"] == source["licenses"]
    for image in instances["images"]:
        target = root / "images" / "train2014" / image["file_name"]
        assert target.samefile(toy / "pictures" / image["file_name"])
    assert "instances.json" in (root / "README.md").read_text(encoding="utf-8")


def test_pictures_are_copied_where_links_are_impossible(toy, monkeypatch):
    def refused(source, target):
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refused)
    picture = make(toy) / "images" / "train2014" / "1.png"
    assert not picture.is_symlink()
    assert picture.read_bytes() == (toy / "pictures" / "1.png").read_bytes()


def test_the_seed_decides(toy):
    first, again, other = (read(make(toy, str(i), seed=s))[0] for i, s in enumerate((0, 0, 1)))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("images"), "'images'"),
        (lambda d: d.update(annotations=[]), "'annotations'"),
        (lambda d: d["annotations"][3].pop("category_id"), r"'annotations\[3\]' has no 'category_id'"),
        (lambda d: d["annotations"][3].update(category_id=99), "annotation 13 names"),
        (lambda d: d["annotations"][3].update(id=10), "only once"),
        (lambda d: d["images"][0].update(id="IMG_1"), "whole numbers"),
        (lambda d: d["images"][0].update(file_name="../none.png"), r"none\.png is missing"),
        (lambda d: d["images"][0].update(file_name="none.png"), r"none\.png is missing"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(toy, change, message):
    document = json.loads((toy / "instances.json").read_text(encoding="utf-8"))
    change(document)
    (toy / "instances.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        make(toy)
    assert not (toy / "out").exists()


def test_other_bad_input(toy):
    with pytest.raises(InputError, match="val_share"):
        make(toy, val_share=0.9)
    (toy / "out").mkdir()
    (toy / "out" / "mine").touch()
    with pytest.raises(InputError, match="already holds"):
        make(toy)
    for content, message in (("[1, 2", "not valid JSON"), ("[]", "'images' must be a list")):
        (toy / "instances.json").write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            make(toy, "other")


@pytest.mark.skipif(not COCO_OPEN.is_dir(), reason="the real photographs are not part of the project")
def test_real_photographs(tmp_path):
    root = expressions_from_coco(
        COCO_OPEN / "instances.json", COCO_OPEN / "images", tmp_path / "set", val_share=0.2, progress=False
    )
    refs, instances = read(root)
    scenes = scenes_of(instances)
    crowds = {a["id"] for a in instances["annotations"] if a["iscrowd"]}
    splits = Counter(ref["split"] for ref in refs)
    assert set(splits) == {"train", "val", "testA", "testB"}
    assert len(refs) > 300
    for ref in refs:
        targets = set() if ref["no_target"] else set(ref["ann_id"])
        assert parse_tree(ref["tree"]).meaning(scenes[ref["image_id"]]) == targets
        assert not targets & crowds
        if ref["split"] == "testA":
            assert heads(parse_tree(ref["tree"])) == {"person"}
    train = [ref for ref in refs if ref["split"] == "train"]
    assert 0.05 < np.mean([ref["no_target"] for ref in train]) < 0.2
    assert 0.15 < np.mean([len(ref["ann_id"]) > 1 for ref in train]) < 0.4
