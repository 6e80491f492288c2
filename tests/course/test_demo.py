import io
import shlex
from datetime import UTC, datetime

import numpy as np
import pytest
from jupyter_server.serverapp import ServerApp
from PIL import Image

from grisq.course.demo import UPLOADED, Demo
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.inference.prediction import Prediction
from grisq.inference.segmenter import Segmenter
from grisq.models.grisq import GRISQ
from grisq.runtime.errors import InputError
from grisq.runtime.paths import ROOT


def picture(seed):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (60, 90, 3), dtype=np.uint8))


@pytest.fixture
def demo(model_config):
    tokenizer = ExpressionTokenizer.train(["the dog", "two cups"], 200)
    segmenter = Segmenter(GRISQ(model_config), tokenizer, device="cpu", threshold=0.0)
    return Demo(segmenter, {"first": picture(0), "second": picture(1)}, expression="the dog")


def shown(demo):
    return np.asarray(Image.open(io.BytesIO(demo.image.value)).convert("RGB"))


def file(name, content):
    facts = {"name": name, "type": "image/png", "size": len(content), "last_modified": datetime.now(UTC)}
    return ({**facts, "content": memoryview(content)},)


def test_it_starts_with_an_answer(demo):
    assert demo.prediction.text == "the dog"
    assert demo.answer.value == demo.prediction.describe()
    assert shown(demo).shape == (300, 450, 3)  # whole multiples of a small picture's pixels


def test_another_expression_and_another_picture_are_asked(demo):
    demo.text.value = "two cups"
    assert demo.prediction.text == "two cups"
    before = demo.image.value
    demo.picture.value = "second"
    assert demo.prediction.picture.size == (90, 60)
    assert demo.image.value != before


def test_the_threshold_decides_and_the_raw_mask_stays_visible(demo, monkeypatch):
    asked = []
    overlay = Prediction.overlay
    monkeypatch.setattr(Prediction, "overlay", lambda self, *, raw: asked.append(raw) or overlay(self, raw=raw))
    demo.threshold.value = 1.0
    assert not demo.prediction.present
    demo.before.value = True
    assert asked == [False, True]


def test_an_empty_expression_is_one_sentence(demo):
    demo.text.value = " "
    assert demo.prediction is None
    assert "expression is empty" in demo.answer.value
    demo.text.value = "the dog"
    assert demo.prediction is not None


def test_a_file_dropped_in_becomes_a_picture(demo):
    content = io.BytesIO()
    picture(2).resize((40, 30)).save(content, "png")
    demo.upload.value = file("mine.png", content.getvalue())
    assert demo.picture.value == f"{UPLOADED}: mine.png"
    assert demo.prediction.picture.size == (40, 30)


def test_the_same_name_with_another_content_is_asked_again(demo):
    for seed in (2, 3):
        content = io.BytesIO()
        picture(seed).save(content, "png")
        demo.upload.value = file("mine.png", content.getvalue())
        assert np.array_equal(np.asarray(demo.prediction.picture), np.asarray(picture(seed)))


def test_it_needs_a_picture_and_leaves_the_segmenter_alone(demo):
    other = demo.segmenter
    second = Demo(other, {"one": picture(0)})
    second.threshold.value = 0.75
    assert other.threshold == 0.0
    with pytest.raises(InputError, match="at least one"):
        Demo(other, {})


def test_a_file_that_is_no_picture_is_one_sentence(demo):
    demo.upload.value = file("notes.png", b"no picture")
    assert "notes.png cannot be read as a picture" in demo.answer.value
    assert list(demo.pictures) == ["first", "second"]
    assert demo.image.value == b""


def test_it_is_shown_alive_and_as_a_sentence_on_paper(demo, monkeypatch):
    seen = []
    monkeypatch.setattr("grisq.course.demo.display", lambda bundle, raw: seen.append(bundle))
    demo.show()
    assert "application/vnd.jupyter.widget-view+json" in seen[0]
    assert seen[0]["text/plain"].startswith("A widget stands here")


def test_a_large_photograph_is_taken_from_the_page(demo):
    """An upload of 12 MB: Jupyter's own limit is 10."""
    content = io.BytesIO()
    picture(3).resize((2000, 2000)).save(content, "bmp")
    assert len(content.getvalue()) > 10 * 2**20
    demo.upload.value = file("large.bmp", content.getvalue())
    assert demo.prediction.picture.size == (2000, 2000)
    assert max(Image.open(io.BytesIO(demo.image.value)).size) == 480


def test_the_limit_of_the_page_is_named_in_the_widget(demo):
    assert "10 MB" in demo.limit.value
    assert "make lab" in demo.limit.value


@pytest.mark.filterwarnings("ignore:.*dict-traits:DeprecationWarning")
def test_make_lab_takes_pictures_of_256_mb(tmp_path, monkeypatch):
    """The option in the Makefile reaches the web server as a number."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    line = next(line for line in makefile.splitlines() if "/jupyter lab" in line)
    options = shlex.split(line.split("--notebook-dir=.")[1])
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    server = ServerApp()
    server.initialize([*options, "--no-browser", "--allow-root", "--ServerApp.port=0"], find_extensions=False)
    try:
        assert server.web_app.settings["websocket_max_message_size"] == 256 * 2**20
    finally:
        server.http_server.stop()
        ServerApp.clear_instance()
