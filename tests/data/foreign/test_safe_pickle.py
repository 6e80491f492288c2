"""Nothing in a pickle is ever run."""

import os
import pickle
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grisq.data.foreign.safe_pickle import read_plain_pickle
from grisq.runtime.errors import InputError

REFS = [
    {"ref_id": 1, "ann_id": [3, 4], "sentences": [{"raw": "the süd", "sent_id": 7}], "ok": True, "no": None, "x": 1.5}
]


def written(tmp_path, content):
    path = tmp_path / "refs(unc).p"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_come_back(tmp_path, protocol):
    assert read_plain_pickle(written(tmp_path, pickle.dumps(REFS, protocol))) == REFS


def test_texts_of_python_2_are_read(tmp_path):
    """Protocols 0 and 2 of Python 2 store bytes as strings; S is that opcode of protocol 0, U of protocol 2."""
    assert read_plain_pickle(written(tmp_path, b"(lp0\nS'cat'\np1\na.")) == ["cat"]
    assert read_plain_pickle(written(tmp_path, b"(lp0\nS's\xc3\xbcd'\np1\na.")) == ["süd"]
    assert read_plain_pickle(written(tmp_path, b"\x80\x02]U\x04s\xc3\xbcda.")) == ["süd"]  # UTF-8
    assert read_plain_pickle(written(tmp_path, b"\x80\x02]U\x03s\xfcda.")) == ["süd"]  # Latin-1
    assert read_plain_pickle(written(tmp_path, b"(lp0\nL7L\na.")) == [7]


class Runs:
    """What a malicious file holds: a call that is made when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_runs_something_is_refused_and_does_not(tmp_path, protocol):
    trap = tmp_path / "was-run"
    path = written(tmp_path, pickle.dumps([{"ref_id": 1, "x": Runs(str(trap))}], protocol))
    with pytest.raises(InputError, match=r"refs\(unc\)\.p is refused: .* which could run a program"):
        read_plain_pickle(path)
    assert not trap.exists()
    pickle.loads(path.read_bytes())
    assert trap.exists()  # the trap works


def test_the_name_that_was_refused_is_said(tmp_path):
    with pytest.raises(InputError, match=r"it names collections\.OrderedDict \(byte"):
        read_plain_pickle(written(tmp_path, pickle.dumps(OrderedDict(a=1), 2)))


@pytest.mark.parametrize("value", [len, {1, 2}, b"bytes", bytearray(b"x"), OrderedDict(a=1), np.int64(3), Path("x")])
def test_what_is_no_plain_value_is_refused_too(tmp_path, value):
    for protocol in (2, 4):
        with pytest.raises(InputError, match="is refused"):
            read_plain_pickle(written(tmp_path, pickle.dumps([value], protocol)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        pickle.dumps(REFS)[:-9],
        b"\x80\x09.",
        b"0.",
        b"\x95" + b"\xff" * 8,
        b"\x80\x02X\x01\x00\x00\x00\xff.",  # a text that is no UTF-8, whatever the encoding of Python 2's texts
        b"V\\u12\n.",
        b"]r\xff\xff\xff\x7f.",  # asks the reader for two billion places
        b"]p2147483647\n.",
        b"\x80\x02T\xff\xff\xff\x7fx.",  # a text that is said to have two billion letters
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path, content):
    with pytest.raises(InputError, match=r"download it again"):
        read_plain_pickle(written(tmp_path, content))


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(InputError, match="is missing"):
        read_plain_pickle(tmp_path / "refs(unc).p")


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_no_change_of_a_pickle_does_anything_but_give_values_or_a_sentence(tmp_path_factory, data):
    content = bytearray(pickle.dumps(REFS, data.draw(st.integers(0, pickle.HIGHEST_PROTOCOL))))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    with suppress(InputError):
        read_plain_pickle(written(tmp_path_factory.getbasetemp(), bytes(content)))
