"""The built book in a real browser: it loads nothing from elsewhere, fits a telephone, and has no serious barrier."""

import functools
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import nbformat
import pytest
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import text_to_be_present_in_element
from selenium.webdriver.support.wait import WebDriverWait

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


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a log."""

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def book():
    """The address of the built book on this machine."""
    if not (BOOK / "index.html").is_file():
        pytest.fail("There is no book: `make test-book` builds it first.", pytrace=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=BOOK))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


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


def prefer(browser, scheme: str) -> None:
    """Let the system be light or dark, and without motion, in the middle of which colors would be measured."""
    wishes = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    features = [{"name": name, "value": value} for name, value in wishes.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@pytest.mark.parametrize("name", pages())
def test_a_page_loads_nothing_from_elsewhere_and_has_no_serious_barrier(book, browser, axe, name):
    prefer(browser, "light")
    open_page(browser, f"{book}/{pages()[name]}")
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [address for address in loaded if not address.startswith((book, "data:"))] == []
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
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [address for address in loaded if not address.startswith((book, "data:", "blob:"))] == []


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


def test_slides_fill_the_screen_and_have_no_serious_barrier(tmp_path, browser, axe):
    """A made deck: the notebooks decide by their slide types whether the course has one."""
    sys.path.append(str(ROOT / "book"))
    from binding import slides
    from binding.lectures import Deck

    texts = ["## A formula\n\n$e_0 = x$", "## Further down"]
    cells = [nbformat.v4.new_markdown_cell(text, metadata={"slideshow": {"slide_type": "slide"}}) for text in texts]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "01_a.ipynb")
    page = slides.write_deck(Deck("deck", "A deck", (tmp_path / "01_a.ipynb",)), tmp_path, slides.VENDOR.as_uri())
    browser.get(page.as_uri())
    ready = "return window.Reveal?.isReady() && document.querySelector('mjx-container svg') !== null"
    WebDriverWait(browser, SECONDS).until(lambda _: browser.execute_script(ready), "the slides are not ready")
    assert browser.execute_script("return Reveal.getTotalSlides()") == 3
    browser.execute_script("Reveal.next()")
    place = browser.execute_script(
        "return Reveal.getCurrentSlide().querySelector('h2').getBoundingClientRect().toJSON()"
    )
    window = browser.execute_script("return innerWidth")
    assert 0 <= place["left"] < window / 4
    assert place["height"] > 20
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [address for address in loaded if not address.startswith(("file:", "data:"))] == []
    assert axe(browser) == []
