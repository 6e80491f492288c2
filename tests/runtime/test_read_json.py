"""JSON files of every encoding, and what is said about files that are something else."""

import gzip

import pytest

from grisq.runtime.errors import InputError
from grisq.runtime.files import read_json


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_json_in_any_unicode_encoding(tmp_path, encoding):
    (tmp_path / "a.json").write_bytes('{"a": "Hündchen 狗"}'.encode(encoding))
    assert read_json(tmp_path / "a.json") == {"a": "Hündchen 狗"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (gzip.compress(b"{}", mtime=0), "compressed by gzip: unpack"),
        (b"PK\x03\x04rest", "is a ZIP archive: unpack"),
        (b"<!DOCTYPE html>", "web page"),
        ('{"a": "Hündchen"}'.encode("cp1252"), r"is not in UTF-8 .*Windows-1252 it would be 'ü'"),
        (b'{"a": 1,}', "no comma before a closing bracket"),
        (b"[1, 2, \n]", "no comma before a closing bracket"),
        (b'{"a": 1} // note', "JSON lines"),
        (b'// note\n{"a": 1}', "no comments"),
        (b'{\n# note\n"a": 1}', "no comments"),
        (b"{'a': 1}", "double quotes only"),
        (b'{"a": 1}\n{"a": 2}', "several documents follow each other"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_named_with_the_fix(tmp_path, content, message):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_json(tmp_path / "a.json")
    assert str(error.value).startswith(f"{tmp_path / 'a.json'} is ")
    with pytest.raises(InputError, match="cannot be read"):
        read_json(tmp_path)
