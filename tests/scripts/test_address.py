"""`make address` writes the repository's address into every file that needs it, once."""

import re
import shutil
import subprocess
import sys
import tomllib
import types

import address
import nbformat
import pytest

from grisq.runtime.errors import InputError
from grisq.runtime.paths import ROOT

FIRST, SECOND = "https://github.com/someone/somewhere", "https://github.com/another/place.git"


@pytest.fixture
def checkout(tmp_path):
    """The files that need the address, with one notebook."""
    (tmp_path / "notebooks").mkdir()
    for name in (*address._PLACES, "notebooks/00_meet_the_model.ipynb"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def read(checkout):
    return nbformat.read(checkout / "notebooks" / "00_meet_the_model.ipynb", as_version=4)


def test_every_file_has_the_address_and_another_one_replaces_it(checkout):
    for given in (FIRST, SECOND):
        address.write_address(given, checkout)
        plain = given.removesuffix(".git")
        project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert project["urls"] == {"Repository": plain}
        assert "torch>=2.11" in project["dependencies"]
        texts = [(checkout / name).read_text(encoding="utf-8") for name in ("CITATION.cff", "README.md")]
        assert [text.count(plain) for text in texts] == [1, 1]
        assert [text.count(FIRST) for text in texts] == [int(given == FIRST)] * 2
        notebook = read(checkout)
        head = notebook.cells[0].source
        assert re.match(
            r"# 00 · Meet the model\n\n\[Open in Colab\]\(.*/blob/main/notebooks/00_.*\n\n\* \*\*Paper", head
        )
        assert head.count("Open in") == 2
        assert [cell.id for cell in notebook.cells if address.TAG in cell.metadata.get("tags", [])] == [
            "install-course"
        ]
        counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
        assert counts == list(range(1, len(counts) + 1))


def test_the_rest_of_a_notebook_stays(checkout):
    before = read(checkout)
    address.write_address(FIRST, checkout)
    after = read(checkout)
    nbformat.validate(after)
    assert [cell.source for cell in after.cells[2:]] == [cell.source for cell in before.cells[1:]]
    assert after.metadata == before.metadata


def test_the_cell_installs_the_course_in_colab_alone(checkout, monkeypatch):
    address.write_address(FIRST, checkout)
    source = read(checkout).cells[1].source
    commands, places = [], []
    monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append(command))
    monkeypatch.setattr("os.chdir", places.append)
    monkeypatch.setattr(sys, "path", [])
    exec(source, {})
    assert (commands, places, sys.path) == ([], [], [])
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    exec(source, {})
    assert [command[0] for command in commands] == ["git", sys.executable]
    assert FIRST in commands[0]
    assert places == ["/content/grisq/notebooks"]
    assert sys.path == ["/content/grisq"]


@pytest.mark.parametrize("given", ["", "github.com/a/b", "https://github.com/a", "https://example.org/a/b"])
def test_another_form_is_refused_and_nothing_written(checkout, given):
    before = (checkout / "README.md").read_bytes()
    with pytest.raises(InputError, match="must look like https"):
        address.write_address(given, checkout)
    assert (checkout / "README.md").read_bytes() == before


def test_a_file_without_the_place_is_named(checkout):
    (checkout / "CITATION.cff").write_text("title: a\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"^CITATION\.cff has no place"):
        address.write_address(FIRST, checkout)
    assert FIRST not in (checkout / "pyproject.toml").read_text(encoding="utf-8")
