"""Slides: what has a slide type becomes one, in order, and the page needs nothing from elsewhere."""

import base64
import re

import nbformat
import pytest
from bs4 import BeautifulSoup

from binding import slides
from binding.lectures import Deck, read_decks
from grisq.runtime.errors import InputError


def cell(kind, source, slide=None, *, outputs=(), tags=()):
    metadata = {"tags": list(tags)} | ({"slideshow": {"slide_type": slide}} if slide else {})
    content = {"cell_type": kind, "source": source, "metadata": metadata, "id": f"c{abs(hash(source)) % 10**8}"}
    return content | ({"outputs": list(outputs), "execution_count": 1} if kind == "code" else {})


PRINTED = {"output_type": "stream", "name": "stdout", "text": "printed words\n"}
PICTURE = {
    "output_type": "display_data",
    "data": {"image/png": "iVBORw0KGgo=", "text/plain": "a picture"},
    "metadata": {"image/png": {"alt": 'Two "dogs"'}},
}
TABLE = {
    "output_type": "execute_result",
    "execution_count": 1,
    "data": {"text/html": "<table></table>"},
    "metadata": {},
}
WIDGET = {
    "output_type": "display_data",
    "data": {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "stands here"},
    "metadata": {},
}


@pytest.fixture
def deck(notebook, tmp_path):
    first = [
        cell("markdown", "Hidden words"),
        cell("markdown", "## Shown first\n\nWith $e_0$.", "slide"),
        cell("code", "shown_code()", "-"),
        cell("code", "secret_code()", "fragment", outputs=[PICTURE, PRINTED]),
        cell("markdown", "Say this", "notes"),
        cell("markdown", "Skipped words", "skip"),
    ]
    notebook(tmp_path / "01_a.ipynb", [], first)
    notebook(tmp_path / "02_b.ipynb", [], [cell("markdown", "## Shown second", "subslide")])
    return Deck("both", "Both of them", (tmp_path / "01_a.ipynb", tmp_path / "02_b.ipynb"))


def test_a_deck_shows_its_cells_in_order(deck, tmp_path):
    page = slides.write_deck(deck, tmp_path, "assets").read_text(encoding="utf-8")
    places = [
        page.index(text) for text in ("Both of them</h1>", "Shown first", "shown_code", "Say this", "Shown second")
    ]
    assert places == sorted(places)
    for hidden in ("Hidden words", "Skipped words", "secret_code"):
        assert hidden not in page
    assert page.count("<section>") + page.count("<section ") >= 5
    assert BeautifulSoup(page, "html.parser").img["alt"] == 'Two "dogs"'
    assert re.search(r'class="fragment"[^§]*<img', page)


@pytest.mark.parametrize(
    ("outputs", "tags", "shown"),
    [
        ([], [], {"some_code"}),
        ([PRINTED], [], {"some_code", "printed words"}),
        ([PRINTED], ["hide-input"], {"printed words"}),
        ([PRINTED, TABLE], [], {"printed words", "<table>"}),
        ([WIDGET], [], {"stands here"}),
        ([PICTURE, PRINTED], [], {"<img"}),
        ([PRINTED, PICTURE, TABLE, WIDGET, PICTURE], [], {"<img"}),
    ],
)
def test_code_is_shown_where_nothing_but_text_comes_of_it(notebook, tmp_path, outputs, tags, shown):
    """A picture stands alone: what is printed beside it describes it for readers who do not see it."""
    notebook(tmp_path / "01_a.ipynb", [], [cell("code", "some_code()", "slide", outputs=outputs, tags=tags)])
    page = slides.write_deck(Deck("a", "A", (tmp_path / "01_a.ipynb",)), tmp_path, ".").read_text(encoding="utf-8")
    found = page[page.index('<div class="slides">') :]
    assert {
        text for text in ("some_code", "printed words", "<table>", "stands here", "<img", "model_id") if text in found
    } == shown
    assert found.count("<img") == outputs.count(PICTURE)


def test_cells_of_two_notebooks_may_have_the_same_id(notebook, tmp_path):
    paths = tuple(tmp_path / name for name in ("01_a.ipynb", "02_b.ipynb"))
    for path in paths:
        notebook(path, [], [cell("markdown", "Same words", "slide")])
    ids = [each.id for each in slides.compose(Deck("a", "A", paths)).cells]
    assert len(set(ids)) == len(ids) == 3


def test_a_page_loads_its_assets_alone(deck, tmp_path):
    page = slides.write_deck(deck, tmp_path, "assets").read_text(encoding="utf-8")
    loaded = re.findall(r"""<(?:script|link|img)[^>]*\b(?:src|href)="([^"]+)""", page)
    assert {address for address in loaded if not address.startswith("data:")} == {
        *("assets/mathjax/tex-svg.js", "assets/reveal/reveal.css", "assets/reveal/reveal.js", "assets/reveal/notes.js")
    }
    assert not re.search(r"""(?:import|url\()\s*["']?https?:""", page)


def test_the_assets_are_copied_beside_decks_that_stand_alone(deck, tmp_path, monkeypatch):
    monkeypatch.setattr(slides, "read_decks", lambda: [deck])
    (page,) = slides.write_slides(tmp_path / "out")
    for address in re.findall(r'(?:src|href)="(\./[^"]+)"', page.read_text(encoding="utf-8")):
        assert (page.parent / address).is_file()
    assert 'href="slides/both.html"' in slides.decks_list()


def test_a_deck_without_slides_is_not_written(notebook, tmp_path, monkeypatch):
    notebook(tmp_path / "01_a.ipynb", ["# A"])
    deck = Deck("empty", "Empty", (tmp_path / "01_a.ipynb",))
    monkeypatch.setattr(slides, "read_decks", lambda: [deck])
    assert slides.write_slides(tmp_path / "out") == []
    assert list((tmp_path / "out").iterdir()) == []
    assert "no cell has a slide type" in slides.decks_list()


def test_a_wrong_slide_type_is_refused(notebook, tmp_path):
    notebook(tmp_path / "01_a.ipynb", [], [cell("markdown", "x", "slides")])
    with pytest.raises(InputError, match="slide type 'slides'"):
        slides.slide_cells(nbformat.read(tmp_path / "01_a.ipynb", as_version=4))


def test_what_a_cells_text_refers_to_comes_along_or_goes(notebook, tmp_path):
    (tmp_path / "a b.png").write_bytes(b"picture")
    text = "![A *b*](a%20b.png) and [words](02_b.ipynb#x), [far](https://a.example), [here](#x)"
    notebook(tmp_path / "01_a.ipynb", [], [cell("markdown", text, "slide")])
    page = slides.write_deck(Deck("a", "A", (tmp_path / "01_a.ipynb",)), tmp_path, ".").read_text(encoding="utf-8")
    soup = BeautifulSoup(page, "html.parser")
    assert soup.img["src"] == f"data:image/png;base64,{base64.b64encode(b'picture').decode()}"
    assert [link["href"] for link in soup.select(".slides a")] == ["https://a.example", "#x"]
    assert "and words," in soup.get_text()


def test_an_answer_stays_folded_away(notebook, tmp_path):
    text = "<details><summary>Answer</summary>\n\nSeven.\n\n</details>"
    notebook(tmp_path / "01_a.ipynb", [], [cell("markdown", text, "slide")])
    page = slides.write_deck(Deck("a", "A", (tmp_path / "01_a.ipynb",)), tmp_path, ".").read_text(encoding="utf-8")
    assert "Seven" in BeautifulSoup(page, "html.parser").details.get_text()


@pytest.mark.parametrize("deck", read_decks(), ids=lambda deck: deck.name)
def test_a_deck_of_the_course_is_a_lecture_on_all_of_its_notebooks(deck):
    kinds = {}
    for path in deck.notebooks:
        cells = slides.slide_cells(nbformat.reads(path.read_text(encoding="utf-8"), as_version=4))
        kinds[path.name] = [cell.metadata.slideshow.slide_type for cell in cells]
    assert [name for name, found in kinds.items() if found[:1] != ["slide"]] == []
    number = 1 + sum(kind in ("slide", "subslide") for found in kinds.values() for kind in found)  # and the title
    assert 20 <= number <= 45
