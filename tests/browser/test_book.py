"""The built book in a real browser: it loads nothing from elsewhere, fits a telephone, and has no serious barrier."""

from pathlib import Path

import nbformat
import pytest
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import text_to_be_present_in_element
from selenium.webdriver.support.wait import WebDriverWait

from binding import slides
from binding.lectures import Deck, read_decks
from grisq.runtime.paths import NOTEBOOKS, ROOT

BOOK = ROOT / "build" / "book"
# One page of each type; every notebook comes on top.
TYPES = {
    "front": "index.html",
    "glossary": "glossary.html",
    "map": "paper_map.html",
    "teaching": "teaching.html",
    "guide": "docs/scoring.html",
    "systems": "docs/systems.html",
    "card": "data/models/tiny.html",
    "api": "api/index.html",
    "module": "api/grisq.models.html",
    "source": "_modules/grisq/models/target_query.html",
    "index": "genindex.html",
    "search": "search.html?q=plurality",
}
SECONDS = 60
NARROW = {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": False}
PROJECTOR = {"width": 1280, "height": 720, "deviceScaleFactor": 1, "mobile": False}
# Every slide, with its answers folded and unfolded: which one needs more room than it has, covers the arrows, shows a
# picture too small to see, or a formula that is none.
MISFITS = """
const done = arguments[0], found = [];
const look = (slide, where) => {
    const all = (selector) => [...slide.querySelectorAll(selector)];
    const note = (what) => found.push(`${where}: ${what}: ${slide.innerText.slice(0, 60)}`);
    for (const part of [slide, ...all('pre, table')]) {
        const holds = part.scrollHeight <= part.clientHeight && part.scrollWidth <= part.clientWidth;
        if (!holds) note(`${part.tagName} cut off`);
    }
    const {left, right, top, bottom} = slide.getBoundingClientRect();
    const arrows = document.querySelector('.controls button.enabled').getBoundingClientRect();
    if (left < 0 || right > innerWidth || top < 0 || bottom > arrows.top) note('outside the screen');
    if (all('img').some(picture => !picture.naturalWidth || picture.clientHeight < 200)) note('a small picture');
    const raw = all('p, li').some(text => text.innerText.includes('$'));
    if (raw || all('[data-mml-node="merror"]').length) note('a wrong formula');
};
(async () => {
    for (const slide of Reveal.getSlides()) {
        const {h, v} = Reveal.getIndices(slide);
        Reveal.slide(h, v);
        look(slide, `${h}.${v}`);
        const answers = [...slide.querySelectorAll('details')];
        if (!answers.length) continue;
        answers.forEach(answer => answer.open = true);
        await new Promise(resolve => setTimeout(resolve, 50));
        look(slide, `${h}.${v} unfolded`);
    }
    Reveal.slide(0, 0);
    done(found);
})();
"""


@pytest.fixture(scope="module")
def book(serve):
    """The address of the built book on this machine."""
    if not (BOOK / "index.html").is_file():
        pytest.fail("There is no book: `make test-book` builds it first.", pytrace=False)
    return serve(BOOK)


def pages() -> dict[str, str]:
    """One page of each type, and every notebook."""
    return TYPES | {path.stem: f"notebooks/{path.stem}.html" for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))}


def open_page(browser, address: str) -> None:
    """Open a page and wait until its formulas are drawn and its search has ended."""
    browser.get(address)
    ready = """
    const math = !document.querySelector('.math') || document.querySelectorAll('mjx-container svg').length > 0;
    const search = !location.pathname.endsWith('search.html') || document.querySelector('#search-results li a');
    return document.readyState === 'complete' && math && !!search;
    """
    WebDriverWait(browser, SECONDS).until(lambda _: browser.execute_script(ready), f"{address} is not ready")


def loaded_but_from(browser, *places: str) -> list[str]:
    """What the page has loaded whose address does not begin with one of these."""
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    return [address for address in loaded if not address.startswith(places)]


def prefer(browser, scheme: str) -> None:
    """Let the system be light or dark, and without motion, in the middle of which colors would be measured."""
    wishes = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    features = [{"name": name, "value": value} for name, value in wishes.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@pytest.mark.parametrize("name", pages())
def test_a_page_loads_nothing_from_elsewhere_and_has_no_serious_barrier(book, browser, axe, name):
    prefer(browser, "light")
    open_page(browser, f"{book}/{pages()[name]}")
    assert loaded_but_from(browser, book, "data:") == []
    assert axe(browser) == []
    prefer(browser, "dark")
    open_page(browser, f"{book}/{pages()[name]}")
    assert browser.execute_script("return document.documentElement.dataset.theme") == "dark"
    assert axe(browser) == []


@pytest.mark.parametrize("name", pages())
def test_a_page_fits_a_telephone(book, browser, name):
    """Wide code and tables scroll by themselves; the page does not."""
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", NARROW)
    open_page(browser, f"{book}/{pages()[name]}")
    width = browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= NARROW["width"]


def test_the_front_page_leads_to_the_model_which_answers_and_has_no_serious_barrier(book, browser, axe):
    """Whether its answers are those of torch is tested where the page is."""
    open_page(browser, f"{book}/index.html")
    browser.find_element(By.CSS_SELECTOR, ".demo-link a").click()
    patience = WebDriverWait(browser, SECONDS)
    for scheme in ("light", "dark"):
        prefer(browser, scheme)
        patience.until(text_to_be_present_in_element((By.ID, "status"), "“"), "no first answer")
        browser.execute_script("document.getElementById('text').value = ''")
        browser.find_element(By.ID, "text").send_keys(f"the {scheme} dog", Keys.ENTER)
        patience.until(text_to_be_present_in_element((By.ID, "status"), f"“the {scheme} dog”"), "no answer")
        assert axe(browser) == []
    assert loaded_but_from(browser, book, "data:", "blob:") == []


def test_the_search_finds_a_term_and_a_class(book, browser):
    for words, page in (("plurality", "glossary.html"), ("PixelWordAttention", "api/grisq.models.layers.html")):
        open_page(browser, f"{book}/search.html?q={words}")
        found = browser.execute_script("return [...document.querySelectorAll('#search-results li a')].map(a => a.href)")
        assert any(page in address for address in found)


def test_the_reader_can_change_to_the_dark(book, browser):
    open_page(browser, f"{book}/index.html")
    look = "return [document.documentElement.dataset.theme, getComputedStyle(document.body).backgroundColor]"
    seen = {}
    for mode in ("light", "dark"):
        browser.find_element(By.CSS_SELECTOR, ".theme-switch-button").click()
        browser.find_element(By.CSS_SELECTOR, f".theme-change-button[data-mode='{mode}']").click()
        theme, seen[mode] = browser.execute_script(look)
        assert theme == mode
    assert seen["light"] != seen["dark"]


@pytest.fixture
def open_deck(tmp_path, browser):
    """A function that writes a deck and opens it on a projector's screen."""

    def write_and_open(deck: Deck) -> None:
        page = slides.write_deck(deck, tmp_path, slides.VENDOR.as_uri())
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PROJECTOR)
        browser.get(page.as_uri())
        ready = "return window.Reveal?.isReady() && document.querySelector('mjx-container svg') !== null"
        WebDriverWait(browser, SECONDS).until(lambda _: browser.execute_script(ready), "the slides are not ready")

    return write_and_open


def made_deck(folder: Path, *texts: str) -> Deck:
    """A deck with a slide for each text."""
    cells = [nbformat.v4.new_markdown_cell(text, metadata={"slideshow": {"slide_type": "slide"}}) for text in texts]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "01_a.ipynb")
    return Deck("deck", "A deck", (folder / "01_a.ipynb",))


def test_slides_fill_the_screen_and_load_nothing_from_elsewhere(tmp_path, browser, open_deck):
    open_deck(made_deck(tmp_path, "## A formula\n\n$e_0 = x$", "## Further down"))
    assert browser.execute_script("return Reveal.getTotalSlides()") == 3
    browser.execute_script("Reveal.next()")
    place = browser.execute_script(
        "return Reveal.getCurrentSlide().querySelector('h2').getBoundingClientRect().toJSON()"
    )
    window = browser.execute_script("return innerWidth")
    assert 0 <= place["left"] < window / 4
    assert place["height"] > 20
    assert loaded_but_from(browser, "file:", "data:") == []


def test_a_long_slide_is_set_smaller_and_one_that_is_too_long_is_found(tmp_path, browser, open_deck):
    sizes = (
        "return Reveal.getSlides().map(slide => parseFloat(getComputedStyle(slide.querySelector('p, h1')).fontSize))"
    )
    folded = "Short.\n\n<details><summary>Answer</summary>\n\n" + "long " * 1200 + "\n\n</details>"
    open_deck(made_deck(tmp_path, "$x$", "word " * 400, "word " * 1200, folded))
    found = browser.execute_async_script(MISFITS)
    assert [line.split(":")[:2] for line in found] == [
        ["3.0", " SECTION cut off"],
        ["4.0 unfolded", " SECTION cut off"],
    ]
    _, short, long, *_ = browser.execute_script(sizes)
    assert 0.7 * short <= long < short


@pytest.mark.parametrize("deck", read_decks(), ids=lambda deck: deck.name)
def test_every_slide_of_the_course_fits_the_screen(browser, open_deck, deck):
    open_deck(deck)
    assert browser.execute_async_script(MISFITS) == []


@pytest.mark.parametrize("deck", read_decks(), ids=lambda deck: deck.name)
def test_the_first_slide_and_those_with_code_have_no_serious_barrier(browser, axe, open_deck, deck):
    open_deck(deck)
    with_code = "return Reveal.getSlides().flatMap((slide, i) => i == 0 || slide.querySelector('pre') ? [i] : [])"
    places = browser.execute_script(with_code)
    assert len(places) > 1
    for place in places:
        browser.execute_script(
            f"const at = Reveal.getIndices(Reveal.getSlides()[{place}]); Reveal.slide(at.h, at.v, 99)"
        )
        assert axe(browser) == []
