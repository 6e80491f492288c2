"""The page of `grisq export --web` in Chromium: its answers are those of the Segmenter, and no request leaves loopback.

The JavaScript programs come from the npm registry, or from the folder that GRISQ_WEB_RUNTIME names.
"""

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from PIL import Image
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from grisq.analysis.trace import trace
from grisq.data import grefcoco
from grisq.data.catalog import synthetic_folder
from grisq.data.letterbox import Letterbox
from grisq.data.sample import empty_canvas, normalize, place
from grisq.inference.export import ABOUT
from grisq.inference.picture_input import read_picture
from grisq.inference.segmenter import Segmenter
from grisq.inference.web.page import PAGE, export_web
from grisq.runtime.errors import InputError

SECONDS = 120  # for the model to come and to answer, on a machine that does other work as well
MASK = """
const canvas = document.getElementById("mask");
const bytes = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
const covered = [];
for (let place = 3; place < bytes.length; place += 4) covered.push(bytes[place] ? 1 : 0);
return [canvas.width, canvas.height, covered.join("")];
"""
# The ids of each text, or the sentence that refuses it.
IDS = """
const [texts, done] = arguments;
const load = async () => {
  const { ExpressionTokenizer } = await import(`${location.origin}/expression.js`);
  const [file, about] = await Promise.all(
    ["tokenizer.json", "model.json"].map(async (name) => (await fetch(name)).json()));
  const tokenizer = new ExpressionTokenizer(file, about);
  return texts.map((text) => { try { return tokenizer.encode(text).ids; } catch (error) { return error.message; } });
};
load().then(done, (error) => done(String(error)));
"""
INPUT = """
const [address, side, done] = arguments;
const load = async () => {
  const { fitPicture, openPicture } = await import(`${location.origin}/picture.js`);
  const { images, valid } = fitPicture(await openPicture(await (await fetch(address)).blob(), address), side);
  return [[...images], [...valid]];
};
load().then(done, (error) => done(String(error)));
"""
ODD = (
    *(
        "The DOG!!",
        "l'homme à gauche",
        "cafe\u0301",
        "犬と猫",
        "dog\tand\ncat",
        "don't",
        "dog—cat",
        "🐕 dog",
        "½",
        "İ",
        "Σ",
    ),
    *("dog\u200bcat", "ｄｏｇ", "a\u00adb", "\u0000dog", "[CLS] dog", "dog[MASK]", "##dog", "x" * 150, "dog " * 200),
    *("", "  ", "...", "[SEP]", "🐕"),
)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The page of the bundled model."""
    runtime = os.environ.get("GRISQ_WEB_RUNTIME")
    out = tmp_path_factory.mktemp("web") / "page"
    return export_web(None, out, runtime=runtime and Path(runtime))


@pytest.fixture(scope="session")
def address(folder, serve):
    """The folder on a file server on loopback."""
    return f"{serve(folder)}/"


@pytest.fixture(scope="session")
def segmenter():
    """The same model in torch."""
    return Segmenter.from_pretrained(device="cpu")


@pytest.fixture
def options(options):
    """Chromium keeps a log of all its requests."""
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    return options


@pytest.fixture
def page(browser, address):
    """The page with its first answer; at the end nothing was asked of another machine, and no program failed."""
    browser.get(address)
    browser.set_script_timeout(SECONDS)
    answered(browser, "“")
    yield browser
    sent = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [each["params"]["request"]["url"] for each in sent if each["method"] == "Network.requestWillBeSent"]
    assert f"{address}model.onnx" in asked
    schemes = {urlsplit(url).scheme for url in asked if not url.startswith(address)}
    assert schemes <= {"blob", "data"}  # pictures of the page's own memory
    assert [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def answered(browser, words: str) -> str:
    """Wait until the answer is about these words; returns it."""
    said = WebDriverWait(browser, SECONDS).until(
        lambda _: (text := browser.find_element(By.ID, "status").text) and words in text and text,
        f"waited {SECONDS} s for an answer about {words}",
    )
    assert "No answer" not in said, said
    return said


def ask(browser, text: str) -> str:
    """Type an expression and press Enter."""
    field = browser.find_element(By.ID, "text")
    field.clear()
    field.send_keys(text, Keys.ENTER)
    return answered(browser, f"“{text}”")


def drawn(browser) -> np.ndarray:
    """The mask on the page, (H, W) bool: where nothing covers the picture, if anything does anywhere."""
    width, height, covered = browser.execute_script(MASK)
    covered = np.array(list(covered), dtype=int).reshape(height, width).astype(bool)
    return ~covered if covered.any() else np.zeros_like(covered)


def bar(browser, name: str) -> float:
    """The number that a bar stands for."""
    return float(browser.find_element(By.ID, name).get_attribute("aria-valuenow"))


def words(browser) -> dict[str, int]:
    """The attention on the page, in percent."""
    rows = browser.find_elements(By.CSS_SELECTOR, "#words tbody tr")
    return {row.find_element(By.TAG_NAME, "th").text: int(row.text.split()[-2]) for row in rows}


def assert_the_same_answer(browser, segmenter, picture: Path, text: str) -> None:
    """What the page shows is what torch says about the same file."""
    said, mask = ask(browser, text), drawn(browser)
    expected = segmenter(picture, text, target_sizes=[mask.shape])
    assert bar(browser, "presence") == pytest.approx(expected.presence, abs=1e-4)
    assert bar(browser, "plurality") == pytest.approx(expected.plurality, abs=1e-4)
    assert mask.any() == expected.mask.any()
    union = (mask | expected.mask).sum()
    assert union == 0 or (mask & expected.mask).sum() >= 0.99 * union
    assert segmenter(picture, text).describe().split(": ", 1)[1] in said  # in the picture's own frame


def targeted(segmenter, picture: Path, texts: list[str]) -> str:
    """The first text that the model finds something for."""
    return next(text for text in texts if segmenter(picture, text).mask.any())


def test_an_example_is_answered_as_torch_answers_it(page, folder, segmenter):
    examples = json.loads((folder / PAGE).read_text(encoding="utf-8"))["examples"]
    chosen = page.find_elements(By.CSS_SELECTOR, "#pictures input")
    assert len(chosen) == len(examples) == 6
    for number in (0, 4):
        page.execute_script("arguments[0].click()", chosen[number])
        picture, texts = folder / examples[number]["file"], examples[number]["expressions"]
        tries = page.find_elements(By.CSS_SELECTOR, "#tries button")
        assert [button.text for button in tries] == texts
        for text in (*texts, "the bulldozer", "everything on the left"):
            assert_the_same_answer(page, segmenter, picture, text)
        tries[1].click()
        answered(page, f"“{texts[1]}”")
    assert words(page) == pytest.approx(attention(segmenter, picture, texts[1]), abs=0.51)


def fitted(segmenter, picture: Path) -> tuple[np.ndarray, np.ndarray]:
    """The canvas as grisq makes it: pixels (S, S, 3) uint8 and valid (S, S) bool."""
    opened, side = read_picture(picture), segmenter.model.config.image_size
    pixels, valid = empty_canvas(side)
    place(pixels, valid, opened, Letterbox(*opened.size, side), 0, 0)
    return pixels, valid


def attention(segmenter, picture: Path, text: str) -> dict[str, float]:
    """The attention of e_0 over the words, in percent; each word is one piece, and occurs once."""
    pixels, valid = (torch.from_numpy(each)[None] for each in fitted(segmenter, picture))
    tokens = torch.tensor([segmenter.tokenizer.encode(text, 80)])
    traced = trace(segmenter.model, normalize(pixels.permute(0, 3, 1, 2), valid), valid, tokens, tokens >= 0)
    names = segmenter.tokenizer.tokens(text)
    assert len(set(names)) == len(names)
    return {name: 100 * share for name, share in zip(names, traced.output.attention[0][0].tolist())}


@pytest.fixture
def wide(folder, tmp_path):
    """Two examples side by side as a photograph that lies on its side: a JPEG that EXIF turns."""
    left, right = (Image.open(folder / f"examples/{number}.png") for number in (2, 6))
    upright = Image.new("RGB", (900, 300), "gray")
    for one, x in ((left, 40), (right, 490)):
        upright.paste(one.resize((330, 290)), (x, 5))
    exif = Image.Exif()
    exif[0x0112] = 8  # turn it by 90 degrees to the left
    upright.transpose(Image.Transpose.ROTATE_270).save(tmp_path / "wide.jpg", exif=exif, quality=92)
    return tmp_path / "wide.jpg"


def test_a_file_of_another_shape_is_answered_as_torch_answers_it(page, segmenter, wide):
    page.find_element(By.ID, "file").send_keys(str(wide))
    WebDriverWait(page, SECONDS).until(lambda _: drawn(page).shape[1] == 3 * drawn(page).shape[0])
    text = targeted(segmenter, wide, ["the bicycles", "the two trains", "trains", "people", "the red things"])
    for one in (text, "the purple elephant"):
        assert_the_same_answer(page, segmenter, wide, one)
    assert not page.find_element(By.ID, "try").is_displayed()  # nobody has asked about it


def test_pictures_are_fitted_byte_for_byte(page, folder, segmenter):
    rng, side = np.random.default_rng(0), segmenter.model.config.image_size
    for width, height in ((128, 96), (131, 57), (640, 427), (300, 299), (40, 31), (1, 1)):
        noise = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)  # partly transparent
        picture = folder / f"noise-{width}.png"
        Image.fromarray(noise).save(picture)
        images, valid = page.execute_async_script(INPUT, picture.name, side)
        expected, expected_valid = fitted(segmenter, picture)
        picture.unlink()
        images, valid = np.reshape(images, (3, side, side)), np.reshape(valid, (side, side)).astype(bool)
        np.testing.assert_array_equal(valid, expected_valid)
        np.testing.assert_array_equal(images * valid, expected.transpose(2, 0, 1) * valid)


def test_tokens_are_those_of_the_tokenizer(page, segmenter):
    data = grefcoco.load(synthetic_folder("tiny"))
    texts = [data.expression(int(row)).text for row in data.rows("val")] + list(ODD)
    found = page.execute_async_script(IDS, texts)
    limit = segmenter.model.config.text.max_tokens_mosaic
    for text, ids in zip(texts, found, strict=True):
        if isinstance(ids, str):
            assert ids.startswith("The expression")
            with pytest.raises(InputError, match="The expression"):
                segmenter.tokenizer.encode(text, limit)
        else:
            assert ids == segmenter.tokenizer.encode(text, limit), text


def test_what_cannot_be_asked_gets_a_sentence_and_the_page_goes_on(page, tmp_path):
    field = page.find_element(By.ID, "text")
    field.clear()
    field.send_keys(Keys.ENTER)
    status = page.find_element(By.ID, "status")
    WebDriverWait(page, SECONDS).until(lambda _: "The expression is empty" in status.text)
    assert field.get_attribute("aria-invalid") == "true"
    assert not page.find_element(By.ID, "presence").is_displayed()
    assert not drawn(page).any()
    (tmp_path / "notes.txt").write_text("no picture", encoding="utf-8")
    page.find_element(By.ID, "file").send_keys(str(tmp_path / "notes.txt"))
    WebDriverWait(page, SECONDS).until(lambda _: "notes.txt cannot be read as a picture" in status.text)
    ask(page, "the animal")
    assert field.get_attribute("aria-invalid") != "true"


def test_threshold_and_hidden_mask(page, folder, segmenter):
    text = json.loads((folder / PAGE).read_text(encoding="utf-8"))["examples"][0]["expressions"][0]
    assert "present" in ask(page, text)
    page.find_element(By.TAG_NAME, "summary").click()
    assert bar(page, "presence") < 1
    slider = page.find_element(By.ID, "threshold")
    slider.send_keys(Keys.END)
    assert "no target in the picture" in answered(page, f"“{text}”")
    assert not drawn(page).any()
    page.find_element(By.ID, "before").click()
    raw = segmenter(folder / "examples/1.png", text, target_sizes=[drawn(page).shape]).raw_mask
    assert (drawn(page) & raw).sum() >= 0.99 * (drawn(page) | raw).sum() > 0


def test_keys_choose_a_picture(page):
    first = page.find_element(By.CSS_SELECTOR, "#pictures input:checked")
    before = page.find_element(By.ID, "shown").get_attribute("aria-label")
    first.send_keys(Keys.ARROW_RIGHT)
    WebDriverWait(page, SECONDS).until(
        lambda _: (
            "Outlined" in (label := page.find_element(By.ID, "shown").get_attribute("aria-label"))
            and label.split(".")[0] != before.split(".")[0]
        )
    )


def test_a_narrow_page_scrolls_one_way_only(page):
    narrow = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    ask(page, "the antidisestablishmentarianism of bulldozers and everything else")
    assert page.execute_script("return document.documentElement.scrollWidth") == 360


def test_a_page_that_was_opened_as_a_file_says_what_to_do(browser, folder):
    assert (folder / ABOUT).is_file()
    browser.get((folder / "index.html").as_uri())
    assert "python -m http.server" in browser.find_element(By.ID, "status").text
