"""The package read as text: what is public, and the comments that explain it."""

import importlib

import pytest

import grisq
from binding import api
from binding.source_files import field_comments, modules

SOURCE = '''"""A sentence
of two lines.

More.
"""

from elsewhere import Thing

__all__ = ["Thing", "one"]

LIMIT = 3  # of something
# What both are
# for: two.
FIRST, _SECOND = "a", "b"
table: dict[str, int] = {}


def one(): ...


def _hidden(): ...


class Two:
    field: int  # explained behind
    # explained above
    other: str
    plain: str
'''


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "pack"
    (folder / "_private").mkdir(parents=True)
    for name, text in {"__init__": "", "a": SOURCE, "_b": "", "_private/__init__": ""}.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return folder


def test_what_a_module_offers(package):
    found = modules(package)
    assert list(found) == ["pack", "pack.a"]
    module = found["pack.a"]
    assert module.summary == "A sentence of two lines."
    assert module.defined == ("one", "Two")
    assert module.exported == {"Thing": "elsewhere.Thing"}
    constants = {each.name: (each.annotation, each.value, each.comment) for each in module.constants}
    assert constants == {
        "LIMIT": ("", "3", "of something"),
        "FIRST": ("", "'a'", "What both are for: two."),
        "table": ("dict[str, int]", "{}", ""),
    }


def test_fields_are_explained_behind_or_above(package):
    assert field_comments(package / "a.py") == {"Two.field": "explained behind", "Two.other": "explained above"}


def test_every_public_name_is_there():
    """The reader of the source agrees with what an import finds."""
    for name in ("grisq.evaluation.metrics", "grisq.config.presets", "grisq.experiments.registry", "grisq.data.layout"):
        module = importlib.import_module(name)
        for public in modules()[name].public:
            assert hasattr(module, public)
        own = {key for key, value in vars(module).items() if getattr(value, "__module__", None) == name}
        assert {key for key in own if not key.startswith("_")} <= set(modules()[name].public)
    assert set(modules()["grisq"].exported) == set(grisq.__all__)


def test_pages_are_written_once(tmp_path):
    written = api.write_pages(tmp_path)
    assert {"api/index", "api/grisq.models", "api/grisq.models.layers", "api/grisq.checkpoint"} <= set(written)
    text = written["api/index"].read_text(encoding="utf-8")
    assert all(f":: grisq.{name}\n" in text for name in grisq.__all__)
    before = {path: path.stat().st_mtime_ns for path in written.values()}
    api.write_pages(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in written.values()} == before


def test_every_module_has_a_place_on_a_page(tmp_path):
    text = "".join(path.read_text(encoding="utf-8") for path in api.write_pages(tmp_path).values())
    for name in modules():
        assert f"module:: {name}\n" in text
