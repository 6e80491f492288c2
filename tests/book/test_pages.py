"""The table of contents: every notebook and every guide is a page, once."""

import pytest

from binding import pages
from grisq.runtime.errors import InputError
from grisq.runtime.paths import NOTEBOOKS, ROOT

WHOLE = '[[part]]\ntitle = "A"\nnotebooks = ["second", "first"]\n'
CARD = '[[part]]\ntitle = "B"\npages = ["docs/*.md", "data/models/*/README.md", "api"]\n'


def test_every_notebook_is_in_exactly_one_part():
    placed = [path for part in pages.read_contents().parts for path in part.notebooks]
    assert sorted(placed) == sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))


def test_every_guide_and_every_page_of_the_book_is_in_exactly_one_part():
    placed = [path for part in pages.read_contents().parts for path in part.files]
    for folder in ("docs", "book"):
        for path in (ROOT / folder).glob("*.md"):
            assert placed.count(path) == (path != ROOT / pages.INDEX), path


def test_notebooks_are_named_without_their_numbers_and_ordered_by_them(write_parts, repository):
    contents = pages.read_contents(write_parts(WHOLE + CARD), repository)
    assert [path.name for path in contents.parts[0].notebooks] == ["01_first.ipynb", "02_second.ipynb"]
    (repository / "notebooks" / "01_first.ipynb").rename(repository / "notebooks" / "03_first.ipynb")
    contents = pages.read_contents(write_parts(WHOLE + CARD), repository)
    assert [path.name for path in contents.parts[0].notebooks] == ["02_second.ipynb", "03_first.ipynb"]


def test_pages_have_short_names(write_parts, repository):
    contents = pages.read_contents(write_parts(WHOLE + CARD), repository)
    names = ["index", "notebooks/01_first", "notebooks/02_second", "docs/guide", "data/models/small"]
    assert list(contents.by_docname()) == names
    assert contents.parts[1].files[-1] == pages.Path("api")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CARD, "01_first.ipynb stands in no part"),
        (WHOLE + WHOLE, "stands in two places"),
        (WHOLE.replace("second", "third"), "0 notebooks NN_third.ipynb"),
        (WHOLE + CARD.replace("docs", "dogs"), "no file fits 'dogs/"),
        (WHOLE + 'picture = "x"\n', "the key 'picture'"),
        (WHOLE + '[titles]\n"docs/guide.md" = "Guide"\n', "guide.md stands in no part"),
    ],
)
def test_what_does_not_fit_is_said(write_parts, repository, text, message):
    with pytest.raises(InputError, match=message.replace("*", r"\*")):
        pages.read_contents(write_parts(text), repository)
