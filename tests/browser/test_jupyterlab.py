"""The notebooks open and run in JupyterLab the way a person runs them, and the demo answers what is typed into it."""

import re

import pytest
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import element_to_be_clickable, invisibility_of_element_located
from selenium.webdriver.support.wait import WebDriverWait

RUN_SECONDS = 300  # a whole notebook, on a machine that does other work as well
PAGE_SECONDS = 120  # the page, a menu, an answer of the demo

# Whatever the demo's picture shows, these do not all have the same mask in it.
EXPRESSIONS = ("a purple elephant", "everything on the left", "all people", "the animal")

# Barriers that JupyterLab itself puts up: editors, the list of cells and the buttons of headings have no proper names,
# and the alternative text in a picture's metadata is not used. So every figure prints that text below the picture.
OF_JUPYTERLAB = ("aria-input-field-name ", "aria-required-children ", "button-name ", "image-alt ")

ERROR, STDERR = (f'[data-mime-type="application/vnd.jupyter.{name}"]' for name in ("error", "stderr"))
LOOK = """
const all = selector => [...document.querySelectorAll(selector)];
const texts = selector => all(selector).map(node => node.innerText.trim());
const indicator = document.querySelector('.jp-NotebookPanel-toolbar .jp-Notebook-ExecutionIndicator');
return {
    kernel: indicator && indicator.dataset.status,
    prompts: texts('.jp-Notebook .jp-CodeCell .jp-InputPrompt').filter(Boolean),  // a folded cell shows none
    outputs: all('.jp-Notebook .jp-OutputArea-output').length,
    pictures: all('.jp-Notebook .jp-OutputArea-output img').filter(image => image.naturalWidth > 0).length,
    errors: texts(arguments[0]).concat(texts(arguments[1]).filter(text => text.includes('Traceback'))),
};
"""


def test_a_notebook_runs_and_shows_its_pictures_without_a_serious_barrier(lab, browser, axe):
    run(lab, browser, "01_dataset_statistics.ipynb")
    wait(browser, "five pictures", lambda: look(browser)["pictures"] >= 5)
    found = [each for each in axe(browser, ".jp-NotebookPanel-notebook") if not each.startswith(OF_JUPYTERLAB)]
    assert not found, "\n".join(found)


@pytest.fixture
def demo(lab, browser):
    """The page of the notebook with the demo, run, and beside it the log that gets a widget's tracebacks."""
    run(lab, browser, "00_meet_the_model.ipynb")
    choose(browser, "View", "Show Log Console")
    wait(browser, "the demo's picture", lambda: picture(browser))
    return browser


def test_the_demo_answers_what_is_typed(demo):
    first = picture(demo)
    for expression in EXPRESSIONS:
        assert re.search("present|no target", ask(demo, expression, f"'{expression}'"))
    wait(demo, "another picture of the demo", lambda: picture(demo) not in (None, first))
    assert_no_errors(demo)


def test_the_demo_answers_an_empty_expression_with_a_sentence_and_goes_on(demo):
    assert ask(demo, "", "empty").endswith(".")
    ask(demo, "the animal", "'the animal'")
    assert_no_errors(demo)


def run(lab, browser, notebook: str) -> None:
    """Open a notebook, clear its outputs and run all its cells, through the menus."""
    browser.get(lab.page(notebook))
    wait(browser, "an idle kernel", lambda: look(browser)["kernel"] == "idle")
    choose(browser, "Edit", "Clear Outputs of All Cells")
    wait(browser, "no outputs and no numbers", lambda: is_cleared(look(browser)))
    choose(browser, "Run", "Run All Cells")
    wait(browser, "all cells to have run", lambda: has_run(look(browser)), RUN_SECONDS)
    assert_no_errors(browser)


def choose(browser, menu: str, item: str) -> None:
    """Click a menu of JupyterLab's menu bar, then an item of it."""
    bar = f"//*[@id='jp-MainMenu']//*[contains(@class, 'lm-MenuBar-itemLabel')][.='{menu}']"
    entry = f"//*[contains(@class, 'lm-Menu-item') and not(contains(@class, 'lm-mod-disabled'))][div[.='{item}']]"
    patience = WebDriverWait(browser, PAGE_SECONDS)
    for place in (bar, entry):
        patience.until(element_to_be_clickable((By.XPATH, place)), f"{menu} > {item} cannot be clicked").click()
    patience.until(invisibility_of_element_located((By.XPATH, entry)), f"{menu} stays open")


def look(browser) -> dict:
    """What the page shows of the notebook: kernel, prompts, outputs, pictures, errors."""
    return browser.execute_script(LOOK, ERROR, STDERR)


def numbered(prompt: str) -> bool:
    """Whether a cell's prompt says that it ran."""
    return re.fullmatch(r"\[\d+\]:", prompt) is not None


def is_cleared(seen: dict) -> bool:
    """There are code cells, and nothing is left of an earlier run."""
    return bool(seen["prompts"]) and seen["outputs"] == 0 and not any(map(numbered, seen["prompts"]))


def has_run(seen: dict) -> bool:
    """All cells ran, or one failed, which leaves those behind it without a number."""
    return seen["kernel"] == "idle" and (bool(seen["errors"]) or all(map(numbered, seen["prompts"])))


def wait(browser, what: str, condition, seconds: float = PAGE_SECONDS):
    """The first true value of a condition."""
    return WebDriverWait(browser, seconds).until(lambda _: condition(), f"waited {seconds} s for {what}")


def assert_no_errors(browser) -> None:
    """No traceback is on the page; the first one is scrolled to for the screenshot."""
    if errors := look(browser)["errors"]:
        shown = browser.find_elements(By.CSS_SELECTOR, f"{ERROR}, {STDERR}")
        browser.execute_script("arguments[0]?.scrollIntoView()", *shown[:1])
        pytest.fail("\n".join(errors))


def ask(browser, expression: str, expected: str) -> str:
    """Type an expression into the demo, press Enter, and give the answer that holds the expected words."""
    label = browser.find_element(By.XPATH, "//label[normalize-space()='expression']")
    field = browser.find_element(By.ID, label.get_attribute("for"))
    field.send_keys(Keys.CONTROL + "a")  # a call of its own: the key stays down until its end
    field.send_keys(Keys.DELETE, expression, Keys.ENTER)
    return wait(browser, f"an answer with {expected!r}", lambda: answer(browser, expected))


def answer(browser, expected: str) -> str | None:
    """The text of the demo's label that holds the expected words, if there is one."""
    script = "return [...document.querySelectorAll('.jp-Notebook .widget-label')].map(label => label.innerText)"
    return next((text for text in browser.execute_script(script) if expected in text), None)


def picture(browser) -> str | None:
    """The address of the demo's picture once it is drawn."""
    script = "const i = document.querySelector('img.widget-image'); return i && i.naturalWidth > 0 ? i.src : null;"
    return browser.execute_script(script)
