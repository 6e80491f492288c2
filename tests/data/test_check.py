"""Faults put into a set are found, each with its fix, and nothing else is."""

import shutil

import pytest
from PIL import Image

from grisq.data import grefcoco
from grisq.data.check import check, fault_of_picture
from grisq.data.layout import IMAGES
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
    said = found.describe(root)
    assert "1 are missing" in said
    assert "3 cannot be used" in said
    assert "--delete-broken" in said


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
