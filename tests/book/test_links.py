"""Relative links and anchors lead to something: in made files, and in every document and notebook of the repository."""

import pytest

from binding import links, markdown, raw_links
from binding.pages import read_contents
from grisq.runtime.paths import NOTEBOOKS, ROOT

DOCUMENTS = sorted(
    [
        *(ROOT / name for name in ("README.md", "benchmarks/README.md", "data/paper/verdict_rule.md")),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("book/*.md"),
        *ROOT.glob("data/models/*/README.md"),
        *NOTEBOOKS.glob("*.ipynb"),
    ]
)


@pytest.fixture
def contents(write_parts, repository):
    parts = '[[part]]\ntitle = "A"\nnotebooks = ["first", "second"]\npages = ["docs/*.md", "data/models/*/README.md"]\n'
    return read_contents(write_parts(parts), repository)


@pytest.mark.parametrize(
    ("target", "kind", "name", "anchor"),
    [
        ("../notebooks/01_first.ipynb", "page", "notebooks/01_first", ""),
        ("guide.md#two-words-and-more", "page", "docs/guide", "two-words-and-more"),
        ("../README.md#front", "page", "index", ""),
        ("../data/models/small", "page", "data/models/small", ""),
        ("../grisq/models/part.py", "module", "grisq.models.part", ""),
        ("../data/numbers.json", "download", "", ""),
        ("../data/models/small/weights.bin", "code", "", ""),
        ("../data", "code", "", ""),
        ("../docs/other.md", "missing", "", ""),
        ("../../outside.md", "missing", "", ""),
    ],
)
def test_where_a_link_leads(contents, repository, target, kind, name, anchor):
    found = links.destination(repository / "docs" / "guide.md", target, contents)
    assert (found.kind, found.name, found.anchor) == (kind, name, anchor)


def test_a_large_file_is_not_copied_into_the_book(contents, repository):
    (repository / "data" / "numbers.json").write_text(" " * (links.MOST_BYTES + 1), encoding="utf-8")
    assert links.destination(repository / "docs" / "guide.md", "../data/numbers.json", contents).kind == "code"


@pytest.mark.parametrize("target", ["https://a.example/b", "mailto:a@b.example", "#here", "//a.example", ""])
def test_an_address_is_not_a_file(target):
    assert not links.is_relative(target)


def test_a_link_that_is_written_as_html_leads_to_the_page(contents, repository):
    page = repository / "docs" / "guide.md"
    html = '<a class="x" href="../notebooks/01_first.ipynb#a">1</a><a href="../README.md">2</a><a href="a.ipynb">3</a>'
    found = raw_links.to_pages(html, page, contents, lambda name: f"../{name}.html")
    assert found == (
        '<a class="x" href="../notebooks/01_first.html#a">1</a><a href="../index.html">2</a><a href="a.ipynb">3</a>'
    )
    assert raw_links.to_pages(found, page, contents, str) == found


def test_a_text_says_what_it_links_to_and_what_it_can_be_linked_by():
    text = markdown.parse(
        "---\na: '[x](y)'\n---\n# A *first* heading, `code`!\n\n(place)=\n[one](a.md#b) ![two](c.png) `[no](d)`\n\n"
        '```\n[no](e)\n```\n<a id="here" href="f.md">f</a>\n\n| [three](g.md) |\n|---|\n| x |\n'
    )
    assert text.links == ["a.md#b", "c.png", "f.md", "g.md"]
    assert text.anchors == {"a-first-heading-code", "place", "here"}


def test_the_markdown_cells_of_a_notebook_are_one_text(notebook, tmp_path):
    code = {"cell_type": "code", "source": "'[no](x)'", "outputs": [], "metadata": {}, "id": "c", "execution_count": 1}
    notebook(tmp_path / "a.ipynb", ["# One\n[a](b)", "## Two"], [code])
    text = markdown.read(tmp_path / "a.ipynb")
    assert (text.links, text.anchors) == (["b"], {"one", "two"})


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(path):
    contents = read_contents()
    text = markdown.read(path)
    for target in text.links:
        if target.startswith("#"):
            assert target[1:] in text.anchors, target
        elif links.is_relative(target):
            found = links.destination(path, target, contents)
            assert found.kind != "missing", target
            if found.anchor:
                assert found.anchor in markdown.read(found.path).anchors, target
