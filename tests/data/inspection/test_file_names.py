"""Names as other systems write them, and the file that each means."""

import unicodedata

import pytest

from grisq.data.inspection.file_names import PictureFolder
from grisq.data.inspection.safe_paths import is_file, is_inside
from grisq.runtime.errors import InputError

NFD = unicodedata.normalize("NFD", "café 1.jpg")


def folder(tmp_path, *files):
    for file in files:
        path = tmp_path / "photos" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return PictureFolder(tmp_path / "photos")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("1.jpg", "1.jpg"),
        ("a/b/1.jpg", "a/b/1.jpg"),
        ("./1.jpg", "1.jpg"),
        ("images\\1.jpg", "images/1.jpg"),
        ("images\\\\1.jpg", "images/1.jpg"),
        ("..\\..\\label-studio\\media\\upload\\4\\1.jpg", "1.jpg"),
        ("../../media/1.jpg", "deep/1.jpg"),
        ("/data/local-files/?d=set/1.jpg", "set/1.jpg"),
        ("/data/local-files/?d=set%5C1.jpg", "1.jpg"),
        ("https://host/upload/1.jpg", "1.jpg"),
        ("https://host/upload/1.jpg?token=a/b", "1.jpg"),
        ("s3://bucket/set/my%20photo.jpg", "my photo.jpg"),
        ("file:///C:/photos/1.jpg", "1.jpg"),
        ("my%20photo%201.jpg", "my photo 1.jpg"),
        ("100%25.jpg", "100%.jpg"),
        ("my%20photo.jpg", "my%20photo.jpg"),  # as it is comes first
        ("1.jpg", "1.JPG"),
        ("1.JPEG", "1.jpeg"),
        ("Photos/A/1.jpg", "a/1.jpg"),
        ("café 1.jpg", NFD),
        (NFD, "café 1.jpg"),
        ("🚲 #1? x.jpg", "🚲 #1? x.jpg"),
        ("C:\\Users\\someone\\1.jpg", "1.jpg"),
        ("C:1.jpg", "1.jpg"),
        ("/home/someone/photos/1.jpg", "1.jpg"),
        ("photos/1.jpg", "1.jpg"),
        ("photos\\sub\\1.jpg", "sub/1.jpg"),
        ("train/1.jpg", "1.jpg"),
        ("1", "1"),
    ],
)
def test_names_that_are_understood(tmp_path, name, file):
    found = folder(tmp_path, file, "another.png").find(name)
    assert found is not None
    assert (tmp_path / "photos" / found).samefile(tmp_path / "photos" / file)
    assert is_inside(found)


@pytest.mark.parametrize("name", ["2.jpg", "x" * 300 + ".jpg", "a\0b.jpg", "", "/", "..", "a/b/", "\\", "dir", "://"])
def test_names_that_mean_nothing_are_one_sentence(tmp_path, name):
    pictures = folder(tmp_path, "1.jpg", "dir/3.jpg")
    assert pictures.find(name) is None
    sentence = pictures.describe_missing(name, 3, 12)
    assert "is missing, and so are 2 others of 12" in sentence
    assert "holds 2 files, for example 1.jpg" in sentence
    assert len(sentence) < 600


def test_a_last_part_that_two_files_have_is_not_guessed(tmp_path):
    pictures = folder(tmp_path, "a/1.jpg", "b/1.jpg")
    assert pictures.find("c/1.jpg") is None
    assert "has 2 files of that name, a/1.jpg and b/1.jpg" in pictures.describe_missing("c/1.jpg", 1, 2)
    assert pictures.find("b\\1.jpg") == "b/1.jpg"


def test_nothing_outside_the_folder_is_found(tmp_path):
    (tmp_path / "secret.jpg").touch()
    pictures = folder(tmp_path, "1.jpg")
    for name in ("../secret.jpg", "..\\secret.jpg", str(tmp_path / "secret.jpg"), "a/../../secret.jpg"):
        assert pictures.find(name) is None


@pytest.mark.parametrize("name", ["../x", "..\\x", "a/../../x", "a\\..\\x", "/x", "\\x", "C:\\x", "c:x", ""])
def test_unsafe_on_some_system(name):
    assert not is_inside(name)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="There is no folder"):
        PictureFolder(tmp_path / "none")
    assert not is_file(tmp_path / ("x" * 300))
