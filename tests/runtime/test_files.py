import codecs
import errno
import gzip
import os
from pathlib import Path

import pytest

from grisq.runtime.errors import InputError
from grisq.runtime.files import atomic_file, atomic_folder, finished_folder, read_json, write_json


def test_a_folder_is_replaced_only_when_it_is_complete(tmp_path):
    target = tmp_path / "last"
    with atomic_folder(target, replace=True) as partial:
        (partial / "a").write_text("1", encoding="utf-8")
    with pytest.raises(RuntimeError), atomic_folder(target, replace=True) as partial:  # noqa: PT012
        (partial / "a").write_text("2", encoding="utf-8")
        raise RuntimeError
    assert (target / "a").read_text(encoding="utf-8") == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_a_full_disk_is_one_sentence_and_keeps_the_old_folder(tmp_path):
    target = tmp_path / "last"
    with atomic_folder(target, replace=True) as partial:
        (partial / "a").write_text("1", encoding="utf-8")
    with pytest.raises(InputError, match="disk is full"), atomic_folder(target, replace=True):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert (target / "a").read_text(encoding="utf-8") == "1"


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path):
    (tmp_path / "last.old").mkdir()
    (tmp_path / "last.partial").mkdir()
    assert finished_folder(tmp_path / "last") == tmp_path / "last.old"
    with atomic_folder(tmp_path / "last", replace=True):
        pass
    assert finished_folder(tmp_path / "last") == tmp_path / "last"
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_json_is_stable_and_errors_name_the_file(tmp_path):
    write_json(tmp_path / "deep" / "a.json", {"b": 1, "a": 2})
    assert read_json(tmp_path / "deep" / "a.json") == {"a": 2, "b": 1}
    with pytest.raises(InputError, match=r"none\.json is missing"):
        read_json(tmp_path / "none.json")
    (tmp_path / "cut.json").write_text('{"a": ', encoding="utf-8")
    with pytest.raises(InputError, match=r"cut\.json is not valid JSON"):
        read_json(tmp_path / "cut.json")


def test_a_file_is_replaced_only_when_it_is_complete(tmp_path):
    target = tmp_path / "deep" / "a.txt"
    with atomic_file(target) as partial:
        partial.write_text("1", encoding="utf-8")
        assert not target.exists()
    with pytest.raises(RuntimeError), atomic_file(target) as partial:  # noqa: PT012
        partial.write_text("2", encoding="utf-8")
        raise RuntimeError
    assert target.read_text(encoding="utf-8") == "1"
    assert [path.name for path in target.parent.iterdir()] == ["a.txt"]


@pytest.fixture
def calls(monkeypatch):
    """The order of flushes and renames, with the names of files and folders."""
    made = []
    names = {}
    opened, fsync, rename, replace = os.open, os.fsync, Path.rename, os.replace

    def open_(path, *rest):
        descriptor = opened(path, *rest)
        names[descriptor] = Path(path).name.split(".")[0]
        return descriptor

    monkeypatch.setattr(os, "open", open_)
    monkeypatch.setattr(os, "fsync", lambda at: made.append(("flush", names[at])) or fsync(at))
    monkeypatch.setattr(Path, "rename", lambda a, b: made.append(("rename", b.name)) or rename(a, b))
    monkeypatch.setattr(os, "replace", lambda a, b: made.append(("rename", b.name)) or replace(a, b))
    return made


def test_content_reaches_the_disk_before_its_name_does(tmp_path, calls):
    """A power cut after a rename without a flush leaves an empty file under the finished name."""
    with atomic_folder(tmp_path / "last", replace=True) as partial:
        (partial / "weights").write_bytes(b"1")
    assert calls.index(("flush", "weights")) < calls.index(("rename", "last"))
    assert calls[-1] == ("flush", tmp_path.name)
    calls.clear()
    write_json(tmp_path / "a.json", {})
    assert calls == [("flush", "a"), ("rename", "a.json"), ("flush", tmp_path.name)]


def test_a_new_folder_appears_complete_and_replaces_nothing(tmp_path):
    target = tmp_path / "set"
    target.mkdir()  # an empty folder is free
    with atomic_folder(target, replace=False) as partial:
        (partial / "a").write_text("1", encoding="utf-8")
        assert not any(target.iterdir())
    with pytest.raises(InputError, match="already holds something else"), atomic_folder(target, replace=False):
        pass
    assert (target / "a").read_text(encoding="utf-8") == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_of_two_processes_that_make_one_folder_the_slower_is_refused(tmp_path):
    with pytest.raises(InputError, match="already holds"), atomic_folder(tmp_path / "set", replace=False):  # noqa: PT012
        (tmp_path / "set").mkdir()
        (tmp_path / "set" / "theirs").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["set", "theirs"]


def test_a_folder_that_cannot_take_its_place_leaves_the_older_one(tmp_path, monkeypatch):
    with atomic_folder(tmp_path / "last", replace=True) as partial:
        (partial / "a").write_text("1", encoding="utf-8")
    rename = Path.rename

    def refuse(source, target):
        if ".partial" in source.name:
            raise PermissionError(errno.EACCES, "in use")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with (
        pytest.raises(InputError, match="close programs that have it open"),
        atomic_folder(tmp_path / "last", replace=True),
    ):
        pass
    assert (tmp_path / "last" / "a").read_text(encoding="utf-8") == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": "\xc3\xbc"}',
        codecs.BOM_UTF8 + b'{"a": "\xc3\xbc"}',
        '{"a": "ü"}'.encode("utf-16"),
        '{"a": "ü"}'.encode("utf-16-be"),
    ],
    ids=["UTF-8", "UTF-8 with BOM", "UTF-16 with BOM", "UTF-16 without"],
)
def test_json_is_read_in_every_unicode_encoding(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    assert read_json(tmp_path / "a.json") == {"a": "ü"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"a": "ü"}'.encode("cp1252"), "save it as UTF-8"),
        (gzip.compress(b"{}", mtime=0), "compressed by gzip: unpack it"),
        (b"PK\x03\x04\x14\x00\x00\x00\x08\x00\xff\xfe", "is a ZIP archive: unpack it"),
        (b"", "is empty"),
        (b"{,}", "is not valid JSON"),
    ],
)
def test_what_is_not_json_is_named(tmp_path, content, sentence):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read_json(tmp_path / "a.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_json(tmp_path)
