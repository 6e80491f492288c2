"""Faults put into a set are found, each with its fix, and nothing else is."""

import json
import os
import shutil

import pytest
from PIL import Image

from grisq.data import grefcoco
from grisq.data.check import check, delete_unreadable, fault_of_picture
from grisq.data.layout import IMAGES, INSTANCES
from grisq.data.statistics import CURRENT, beside_known


@pytest.fixture
def root(mini_root, tmp_path):
    return shutil.copytree(mini_root, tmp_path / "set", ignore=shutil.ignore_patterns(".grisq-cache"))


def names(root):
    return sorted(path.name for path in (root / IMAGES).iterdir())


def test_a_whole_set_is_whole(root):
    found = check(root, progress=False)
    assert found.whole
    assert found.pictures == len(set(grefcoco.load(root).image_ids.tolist()))
    assert f"{found.pictures} of {found.pictures} are there" in found.describe(root)


def test_missing_cut_turned_and_false_pictures_are_found(root):
    folder = root / IMAGES
    gone, cut, turned, false = (folder / name for name in names(root)[:4])
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:-100])
    picture = Image.open(turned)
    picture.resize((picture.width, 3 * picture.height)).save(turned)
    false.write_text("<html>not found</html>", encoding="utf-8")
    found = check(root, progress=False)
    assert found.missing == [gone.name]
    assert set(found.broken) == {cut.name, turned.name, false.name}
    assert "annotated as" in found.broken[turned.name]
    assert not found.whole
    assert found.misshapen == {turned.name}
    assert set(found.unreadable) == {cut.name, false.name}
    text = found.describe(root)
    assert f"1 are missing ({gone.name}): copy them to {folder}" in text
    assert "3 cannot be used" in text
    assert "download" not in text  # nobody else has these pictures
    assert "delete" not in text


def test_only_gref_coco_is_told_to_delete_and_download(root, monkeypatch):
    monkeypatch.setattr("grisq.data.statistics.is_known", lambda data: True)
    gone, false, turned = (root / IMAGES / name for name in names(root)[:3])
    gone.unlink()
    picture = Image.open(turned)
    picture.resize((picture.width, 3 * picture.height)).save(turned)
    text = check(root, progress=False).describe(root)
    assert f"({gone.name}): grisq data download" in text
    assert "--delete-broken" not in text  # the shape differs, which another download does not change
    false.write_text("<html>not found</html>", encoding="utf-8")
    assert "--delete-broken" in check(root, progress=False).describe(root)
    os.link(false, root.with_name("mine.jpg"))
    assert "delete" not in check(root, progress=False).describe(root)


def test_deleting_spares_links_linked_folders_and_whole_pictures(root, tmp_path):
    plain, hard, soft, turned, kept = (root / IMAGES / name for name in names(root)[:5])
    for path in (plain, hard, soft):
        path.write_text("no picture", encoding="utf-8")
    os.link(hard, tmp_path / "mine.jpg")
    soft.rename(tmp_path / "elsewhere.jpg")
    soft.symlink_to(tmp_path / "elsewhere.jpg")
    picture = Image.open(turned)
    picture.resize((picture.width, 3 * picture.height)).save(turned)
    deleted, left = delete_unreadable(root, check(root, progress=False))
    assert deleted == [plain.name]
    assert sorted(left) == [hard.name, soft.name, turned.name]
    assert (tmp_path / "mine.jpg").exists()
    assert soft.is_symlink()
    assert kept.exists()

    (root / IMAGES).rename(tmp_path / "photographs")
    (root / IMAGES).symlink_to(tmp_path / "photographs")
    kept.write_text("no picture", encoding="utf-8")
    assert delete_unreadable(root, check(root, progress=False))[0] == []
    assert kept.exists()


def test_outlines_areas_and_boxes_are_looked_at(root):
    document = json.loads((root / INSTANCES).read_text(encoding="utf-8"))
    meant = {i for ids in grefcoco.load(root).expressions["ann_ids"].to_pylist() for i in ids}
    free = [record for record in document["annotations"] if record["id"] not in meant]
    free[0]["segmentation"] = []
    first, second = [record for record in document["annotations"] if record["id"] in meant][:2]
    first["area"], second["bbox"] = 0, [0, 0, 0, 0]
    (root / INSTANCES).write_text(json.dumps(document), encoding="utf-8")
    found = check(root, progress=False)
    total = len(document["annotations"])
    assert found.whole
    lines = "\n".join(found.remarks.lines())
    assert f"1 of {total} annotations has no outline, it is {free[0]['id']}" in lines
    assert "has an area that is missing or contradicts" in lines
    assert "has a bbox that is missing or contradicts" in lines


def test_turned_photographs_are_named_and_not_faulted(root):
    name = names(root)[0]
    picture = Image.open(root / IMAGES / name)
    exif = Image.Exif()
    exif[0x0112] = 3
    picture.save(root / IMAGES / name, exif=exif)
    found = check(root, progress=False)
    assert found.whole
    assert f"is turned by EXIF and read upright, it is {name}." in found.describe(root)


def test_headers_alone_do_not_show_a_cut_picture(root):
    cut = root / IMAGES / names(root)[0]
    cut.write_bytes(cut.read_bytes()[:-100])
    assert check(root, fast=True, progress=False).whole
    assert set(check(root, progress=False).broken) == {cut.name}


def test_a_smaller_copy_of_the_same_shape_is_good(tmp_path):
    Image.new("RGB", (320, 240)).save(tmp_path / "half.jpg")
    assert fault_of_picture(tmp_path / "half.jpg", 640, 480) is None
    assert fault_of_picture(tmp_path / "half.jpg", 480, 640) == "320x240 pixels, annotated as 480x640"


def test_counts_stand_beside_the_known_ones(mini):
    table = beside_known(mini)
    train = len(mini.rows("train"))
    assert table.loc["train", "expressions"] == f"{train:,} ({CURRENT.splits['train'][0]:,})"
