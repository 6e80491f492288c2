import errno

import pytest

from grisq.runtime.errors import InputError
from grisq.runtime.files import finished_folder, read_json, replaced_folder, write_json


def test_a_folder_is_replaced_only_when_it_is_complete(tmp_path):
    target = tmp_path / "last"
    with replaced_folder(target) as partial:
        (partial / "a").write_text("1", encoding="utf-8")
    with pytest.raises(RuntimeError), replaced_folder(target) as partial:  # noqa: PT012
        (partial / "a").write_text("2", encoding="utf-8")
        raise RuntimeError
    assert (target / "a").read_text(encoding="utf-8") == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_a_full_disk_is_one_sentence_and_keeps_the_old_folder(tmp_path):
    target = tmp_path / "last"
    with replaced_folder(target) as partial:
        (partial / "a").write_text("1", encoding="utf-8")
    with pytest.raises(InputError, match="disk is full"), replaced_folder(target):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert (target / "a").read_text(encoding="utf-8") == "1"


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path):
    (tmp_path / "last.old").mkdir()
    (tmp_path / "last.partial").mkdir()
    assert finished_folder(tmp_path / "last") == tmp_path / "last.old"
    with replaced_folder(tmp_path / "last"):
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
