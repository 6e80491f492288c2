"""Every benchmark can be imported, has a quick mode, and is in the Makefile and the README."""

import importlib
import sys

import pytest

from grisq.runtime.paths import ROOT

FOLDER = ROOT / "benchmarks"
NO_BENCHMARKS = {"interleaved", "full_size", "drawings"}  # what the others use
BY_HAND = {"real_pictures"}  # needs COCO annotations
SCRIPTS = {path.stem for path in FOLDER.glob("*.py")} - NO_BENCHMARKS


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_it_can_be_imported_and_has_a_quick_mode(name, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    try:
        assert callable(importlib.import_module(name).main)
    finally:
        for loaded in set(sys.modules) - before:  # names such as `model` belong to nobody else
            if str(FOLDER) in str(getattr(sys.modules[loaded], "__file__", None)):
                del sys.modules[loaded]
    assert "arguments.quick" in (FOLDER / f"{name}.py").read_text(encoding="utf-8")


def test_make_runs_all_of_them():
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    (listed,) = [line.split(":=")[1].split() for line in lines if line.startswith("BENCHMARKS :=")]
    assert set(listed) == SCRIPTS - BY_HAND


def test_the_readme_lists_all_of_them():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert not [name for name in SCRIPTS if f"| `{name}.py` |" not in text]
