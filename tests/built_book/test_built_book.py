"""The built book: every picture described, every link and anchor real, nothing from elsewhere, every public name found.

`make test-book` builds it into build/book and runs these tests on it.
"""

import json
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

import grisq
from binding.api import NOT_IMPORTED
from binding.pages import read_contents
from binding.source_files import modules
from grisq.experiments import paper
from grisq.runtime.paths import NOTEBOOKS, ROOT

BOOK = ROOT / "build" / "book"
# What a browser fetches by itself; links that a reader follows are no such thing.
_LOADING = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "link": "href",
}
_IN_STYLES = re.compile(r"""(?:@import\s+|url\()\s*["']?((?:https?:)?//[^"')\s]+)""")
_IN_SCRIPTS = re.compile(
    r"""(?:\bimport\s*\(|\bimport\b[^;]{0,200}?from\s*|importScripts\(|\bfetch\()\s*["'`]((?:https?:)?//[^"'`]+)"""
)


@pytest.fixture(scope="module")
def pages():
    """Every page of the book that is made of the repository's files or generated from its source, parsed."""
    if not (BOOK / "index.html").is_file():
        pytest.fail("There is no book: `make test-book` builds it first.", pytrace=False)
    paths = [path for path in BOOK.rglob("*.html") if not path.relative_to(BOOK).parts[0].startswith(("_", "demo"))]
    return {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "lxml" if "lxml" in sys.modules else "html.parser")
        for path in paths
    }


@pytest.fixture(scope="module")
def inventory():
    """The names in objects.inv, with their pages."""
    raw = (BOOK / "objects.inv").read_bytes()
    start = [found.end() for found in re.finditer(rb"\n", raw)][3]
    lines = zlib.decompress(raw[start:]).decode("utf-8").splitlines()
    found = (re.fullmatch(r"(.+?)\s+(\S+:\S+)\s+(-?\d+)\s+(\S*)\s+(.*)", line) for line in lines)
    return {each[1]: (each[2], each[4]) for each in found}


def remote_in_page(page: BeautifulSoup) -> list[str]:
    """The addresses of other machines that a browser would fetch for a page."""
    found = [
        node.get(attribute, "")
        for name, attribute in _LOADING.items()
        for node in page.find_all(name)
        if name != "link" or {"stylesheet", "preload", "icon", "modulepreload"} & set(node.get("rel", []))
    ]
    found += [address for style in page.find_all("style") for address in _IN_STYLES.findall(style.get_text())]
    found += [address for script in page.find_all("script") for address in _IN_SCRIPTS.findall(script.get_text())]
    return [address for address in found if address.startswith(("http:", "https:", "//"))]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ('<script src="https://a.example/b.js"></script><img src="//a.example/c.png">', 2),
        ('<link rel="stylesheet" href="http://a.example/b.css"><link rel="canonical" href="https://a.example/">', 1),
        ("<style>@import url(https://a.example/b.css); a {background: url('https://a.example/c.png')}</style>", 2),
        (
            '<script type="module">import a from "https://a.example/b.mjs"; import("https://a.example/c.mjs")</script>',
            2,
        ),
        ('<a href="https://a.example/">a link</a><img src="b.png"><script src="c.js"></script>', 0),
    ],
)
def test_what_a_browser_would_fetch_is_noticed(text, number):
    assert len(remote_in_page(BeautifulSoup(text, "html.parser"))) == number


def test_pages_load_nothing_from_elsewhere(pages):
    assert {str(path.relative_to(BOOK)): found for path, page in pages.items() if (found := remote_in_page(page))} == {}


def test_styles_and_scripts_load_nothing_from_elsewhere():
    found = {}
    for path in (BOOK / "_static").rglob("*"):
        if path.suffix in (".css", ".js", ".mjs"):
            pattern = _IN_STYLES if path.suffix == ".css" else _IN_SCRIPTS
            found[path.name] = pattern.findall(path.read_text(encoding="utf-8"))
    assert {name: addresses for name, addresses in found.items() if addresses} == {}


def test_every_page_of_the_contents_is_there():
    contents = read_contents()
    for name in contents.by_docname():
        assert (BOOK / f"{name}.html").is_file()


def test_every_picture_is_described(pages):
    missing = [
        f"{path.relative_to(BOOK)}: {picture.get('src', '')[:60]}"
        for path, page in pages.items()
        for picture in page.find_all("img")
        if not picture.get("alt", "").strip() or picture["alt"] == picture.get("src") or "_images/" in picture["alt"]
    ]
    assert missing == []


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("[0-9]*.ipynb")), ids=lambda path: path.stem)
def test_a_notebooks_pictures_have_their_own_descriptions(pages, path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
    page = pages[BOOK / "notebooks" / f"{path.stem}.html"]
    shown = [picture["alt"] for picture in page.select(".cell_output img")]
    assert shown == [output["metadata"]["image/png"]["alt"] for output in outputs]


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("[0-9]*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_can_be_downloaded_as_it_is(pages, path):
    page = pages[BOOK / "notebooks" / f"{path.stem}.html"]
    (link,) = {
        link["href"]
        for link in page.select(".dropdown-download-buttons a, .btn-download-source-button")
        if link["href"].endswith(".ipynb")
    }
    assert (BOOK / "notebooks" / link).resolve().read_bytes() == path.read_bytes()


def test_links_and_anchors_lead_somewhere(pages):
    anchors = {path: {node["id"] for node in page.find_all(id=True)} for path, page in pages.items()}
    broken = []
    for path, page in pages.items():
        for node in page.find_all("a", href=True):
            parts = urlsplit(node["href"])
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            known = anchors.get(target)
            if not target.is_file() or (anchor and known is not None and anchor not in known):
                broken.append(f"{path.relative_to(BOOK)}: {node['href']}")
    assert broken == []


def test_every_public_name_is_in_the_inventory(inventory):
    wanted = {f"grisq.{name}" for name in grisq.__all__}
    for name, module in modules().items():
        wanted.add(name)
        wanted |= {f"{name}.{each}" for each in module.exported if module.lazy}
        if name != NOT_IMPORTED:
            wanted |= {f"{name}.{each}" for each in module.public}
    assert sorted(wanted - set(inventory)) == []
    assert len(wanted) > 1000


def test_fields_carry_the_comment_behind_them(pages):
    entry = pages[BOOK / "api" / "grisq.experiments.html"].find(id="grisq.experiments.registry.Experiment.seeds")
    assert "trainings that the tables rest on; 0: not run yet" in entry.find_parent("dl").get_text()


def test_the_map_of_the_paper_leads_to_class_notebook_and_test(pages):
    rows = pages[BOOK / "paper_map.html"].select("article table tbody tr")
    assert len(rows) == len(paper.equations())
    for cells, row in zip((tr.find_all("td") for tr in rows), paper.equations().itertuples()):
        links = [cell.a["href"] for cell in cells[2:]]
        assert links[0].endswith(f"#{row.module}")
        assert links[1] == f"notebooks/{row.notebook}.html"
        assert links[2].endswith(Path(row.test).name)


def test_terms_lead_to_the_glossary(pages):
    links = {link["href"] for link in pages[BOOK / "index.html"].select("article a.reference")}
    assert {"glossary.html#term-presence", "glossary.html#term-plurality"} <= links


def test_a_notebooks_number_leads_to_it(pages):
    """Notebooks name each other by their numbers, such as `06`; in the book these are links."""
    found = 0
    for path in NOTEBOOKS.glob("[0-9]*.ipynb"):
        for code in pages[BOOK / "notebooks" / f"{path.stem}.html"].select("article p code, article li code"):
            if re.fullmatch(r"\d\d[a-z]?", code.get_text()) and code.get_text() != path.name.split("_")[0]:
                assert code.find_parent("a")["href"].startswith(code.get_text()), f"{path.name}: {code}"
                found += 1
    assert found > 20


def test_tables_have_scopes_and_pages_one_heading(pages):
    for path, page in pages.items():
        assert all(cell.get("scope") for cell in page.select("article table th")), path
    for name in read_contents().by_docname():
        assert len(pages[BOOK / f"{name}.html"].select("article h1")) == 1, name


def test_a_wrong_setting_ends_the_build_with_one_sentence(tmp_path):
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-c",
        "book",
        "-d",
        str(tmp_path / "a" / "trees"),
        ".",
        str(tmp_path),
    ]
    found = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"DEMO": str(tmp_path)}, capture_output=True, encoding="utf-8", check=False
    )
    assert found.returncode != 0
    assert f"DEMO={tmp_path} holds no index.html" in found.stderr
    assert "Traceback" not in found.stderr
