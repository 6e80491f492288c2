"""The page of `grisq export --web`: complete, and with no address outside its folder."""

import json
import re
import shutil

import pytest
from PIL import Image

from grisq.data.layout import IMAGES
from grisq.inference.web import page, runtime
from grisq.inference.web.examples import choose_examples
from grisq.inference.web.page import export_web
from grisq.runtime.errors import InputError

PROGRAMS = {file.name: b"export {};\n" for package in runtime.PACKAGES for file in package.files}
# What a file of the page fetches, links to or imports.
NAMES = re.compile(r"""(?:href|src)="([^"]*)"|from "([^"]*)"|get(?:Bytes)?\("([^"]*)"|PROGRAM = "([^"]*)\"""")
ADDRESS = re.compile(r"""[a-z]+://[^\s"')]+|["'`(]/{1,2}\w[^\s"')]*""")
NAMESPACE = "http://www.w3.org/2000/svg"  # what makes a file an SVG; nobody fetches it


def network(loaded, folder, **options):
    """In place of the network, which takes a minute to write and is the matter of test_export.py."""
    assert options == {"word_attention": True}
    for name in ("model.onnx", "model.json"):
        (folder / name).write_text("{}", encoding="utf-8")
    loaded.tokenizer.save(folder)


@pytest.fixture(scope="module")
def make(trained, mini_root):
    """Export a page of a small model, without what grisq does not write itself."""
    model = trained()

    def export(out):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(page, "read_runtime", lambda folder: PROGRAMS)
            patch.setattr(page, "write_network", network)
            return export_web(model, out, data=mini_root)

    return export


@pytest.fixture(scope="module")
def made(make, tmp_path_factory):
    return make(tmp_path_factory.mktemp("web") / "page")


def own_files(folder):
    """The page's own text files, without what others wrote."""
    return [path for path in folder.iterdir() if path.suffix in (".html", ".css", ".js", ".svg", ".json")]


def test_every_file_is_there_and_counted(made):
    about = json.loads((made / "page.json").read_text(encoding="utf-8"))
    files = {path.relative_to(made).as_posix(): path.stat().st_size for path in made.rglob("*") if path.is_file()}
    assert files.pop("page.json")
    assert about["files"] == files
    assert {f"runtime/{name}" for name in PROGRAMS} <= files.keys()
    assert {example["file"] for example in about["examples"]} <= files.keys()
    assert about["credit"]["file"] in files


def test_everything_that_is_named_is_in_the_folder(made):
    named = {
        name
        for path in own_files(made)
        for groups in NAMES.findall(path.read_text(encoding="utf-8"))
        for name in groups
        if name
    }
    assert {"page.js", "./letterbox.js", "./runtime/tokenizers.js", "model.json", "runtime/onnxruntime.wasm"} <= named
    assert [name for name in named if not (made / name).is_file()] == []


def test_no_address_is_absolute_or_on_another_server(made):
    found = {
        (path.name, address)
        for path in own_files(made)
        for address in ADDRESS.findall(path.read_text(encoding="utf-8"))
    }
    assert found == {("icon.svg", NAMESPACE)}


def test_the_program_finds_every_element_that_it_looks_for(made):
    html, program = ((made / name).read_text(encoding="utf-8") for name in ("index.html", "page.js"))
    ids = re.findall(r'id="([\w-]+)"', html)
    assert len(ids) == len(set(ids))
    looked_for = set(re.findall(r'at\("([\w-]+)"\)', program))
    assert looked_for
    assert looked_for <= set(ids)
    labels = re.findall(r'(?:for|aria-labelledby|aria-describedby)="([\w-]+)"', html)
    assert set(labels) <= set(ids)


def test_an_older_page_is_replaced_and_nothing_else(made, make):
    older = (made / "page.json").stat().st_mtime_ns
    assert make(made) == made
    assert (made / "page.json").stat().st_mtime_ns > older
    (made / "notes.txt").touch()
    with pytest.raises(InputError, match="already holds something else"):
        make(made)
    (made / "notes.txt").unlink()
    foreign = made.parent / "foreign"
    foreign.mkdir()
    (foreign / "page.json").write_text('{"title": "Home"}', encoding="utf-8")
    with pytest.raises(InputError, match="already holds something else"):
        make(foreign)


def test_examples_ask_about_several_one_and_nothing(mini, mini_root):
    found = choose_examples(mini_root, count=3)
    val = {mini.expression(int(row)).text: int(mini.target_counts[row]) for row in mini.rows("val")}
    assert len(found.pictures) == 3
    for example in found.pictures:
        counts = [val[text] for text in example.expressions]
        assert counts[0] > 1
        assert counts[1:] == [1, 0]
        assert isinstance(example.picture, Image.Image)
        assert example.name.startswith("Picture of: ")
    assert choose_examples(mini_root, count=3) == found  # nothing is drawn by lot


def test_photographs_are_reduced(mini_root, tmp_path):
    shutil.copytree(mini_root, tmp_path / "large")
    for path in (tmp_path / "large" / IMAGES).iterdir():
        picture = Image.open(path)
        picture.resize((picture.width * 10, picture.height * 10)).save(path)
    sizes = [example.picture.size for example in choose_examples(tmp_path / "large", count=2).pictures]
    assert [max(size) for size in sizes] == [640, 640]
