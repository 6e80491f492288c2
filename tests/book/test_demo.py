"""The demo in the browser is copied into the book, linked, and taken away again."""

import pytest

from binding import demo
from grisq.runtime.errors import InputError


def test_without_a_demo_nothing_is_said_of_it(monkeypatch, tmp_path):
    monkeypatch.delenv(demo.VARIABLE, raising=False)
    assert demo.demo_link() == ""
    demo.copy_demo(tmp_path)
    assert not (tmp_path / "demo").exists()


def test_a_demo_is_copied_and_linked_until_it_is_no_longer_named(monkeypatch, tmp_path):
    folder, out = tmp_path / "made", tmp_path / "book"
    (folder / "models").mkdir(parents=True)
    (folder / "index.html").write_text("<html>", encoding="utf-8")
    (folder / "models" / "a.onnx").write_bytes(b"x")
    monkeypatch.setenv(demo.VARIABLE, str(folder))
    demo.copy_demo(out)
    assert (out / "demo" / "models" / "a.onnx").read_bytes() == b"x"
    assert 'href="demo/index.html"' in demo.demo_link()
    monkeypatch.setenv(demo.VARIABLE, "")
    demo.copy_demo(out)
    assert not (out / "demo").exists()


def test_a_folder_without_a_page_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv(demo.VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match=r"DEMO=.* holds no index.html"):
        demo.demo_link()
