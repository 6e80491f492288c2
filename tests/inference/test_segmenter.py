import json

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask

from grisq.data.tokenizer import ExpressionTokenizer
from grisq.inference.picture_input import read_picture
from grisq.inference.segmenter import Segmenter
from grisq.models.grisq import GRISQ
from grisq.models.lavt import LAVT
from grisq.runtime.errors import InputError

TEXTS = ["the red dog", "two cups", "all cars", "the man on the left"]


@pytest.fixture
def segmenter(model_config):
    return Segmenter(GRISQ(model_config), ExpressionTokenizer.train(TEXTS, 200), device="cpu")


@pytest.fixture
def picture():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 130, 3), dtype=np.uint8))


def test_a_prediction_has_the_pictures_own_size(segmenter, picture):
    prediction = segmenter(picture, "two cups")
    assert prediction.mask.shape == (90, 130)
    assert prediction.mask.dtype == bool
    assert 0 <= prediction.presence <= 1
    assert 0 <= prediction.plurality <= 1


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_absent_means_no_mask_at_all(segmenter, picture, threshold):
    """Sec. 3.4: below the presence threshold the mask is disregarded."""
    segmenter.threshold = threshold
    prediction = segmenter(picture, "two cups")
    assert prediction.present == (threshold == 0)
    expected = prediction.raw_mask if prediction.present else np.zeros((90, 130), bool)
    assert np.array_equal(prediction.mask, expected)
    assert ("no target in the picture" in prediction.describe()) == (not prediction.present)


@pytest.mark.parametrize("threshold", [-0.1, 5, float("nan")])
def test_thresholds_are_probabilities(segmenter, threshold):
    for name in ("threshold", "mask_threshold"):
        with pytest.raises(InputError, match=f"^{name} must lie .* it is a probability"):
            Segmenter(segmenter.model, segmenter.tokenizer, device="cpu", **{name: threshold})


def test_several_expressions_at_once_equal_one_by_one(segmenter, picture):
    together = segmenter(picture, TEXTS)
    for text, prediction in zip(TEXTS, together):
        alone = segmenter(picture, text)
        assert prediction.text == text
        assert (prediction.raw_mask == alone.raw_mask).mean() > 0.995
        assert prediction.presence == pytest.approx(alone.presence, abs=1e-4)
    assert segmenter(picture, []) == []


def test_path_image_and_array_give_the_same(segmenter, picture, tmp_path):
    picture.save(tmp_path / "picture.png")
    results = [segmenter(given, "two cups") for given in (picture, np.asarray(picture), tmp_path / "picture.png")]
    assert len({result.presence for result in results}) == 1


def test_a_turned_photograph_is_set_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    Image.new("RGB", (40, 20)).save(tmp_path / "turned.jpg", exif=exif)
    assert read_picture(tmp_path / "turned.jpg").size == (20, 40)


def test_a_model_without_presence_head_uses_the_50_pixel_rule(model_config, picture):
    from dataclasses import replace

    config = replace(model_config, system="lavt")
    model = LAVT(config)
    prediction = Segmenter(model, ExpressionTokenizer.train(TEXTS, 200), device="cpu")(picture, "two cups")
    assert prediction.presence == float(prediction.raw_mask.mean() * 480 * 480 >= 50)
    assert prediction.plurality is None
    assert "50-pixel rule" in prediction.describe()  # not "present (1.00)": there is no probability
    assert "1.00" not in prediction.describe()


def test_an_expression_of_500_words_works_and_an_empty_one_is_refused(segmenter, picture):
    assert segmenter(picture, "dog " * 500).mask.shape == (90, 130)
    with pytest.raises(InputError, match="empty"):
        segmenter(picture, "")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("https://example.org/a.jpg", "address"),
        (np.full((4, 4, 3), -1.0), "uint8"),
        (np.zeros((4, 4, 3), np.int64), "uint8"),
        (np.zeros((4, 4, 7), np.uint8), "no picture"),
        (42, "int is no picture"),
        ("/nowhere/a.jpg", "does not exist"),
    ],
)
def test_what_is_no_picture_is_said(segmenter, given, said):
    with pytest.raises(InputError, match=said):
        segmenter(given, "two cups")


def test_saved_overlay_and_bare_mask(segmenter, picture, tmp_path):
    segmenter.threshold = 0.0
    prediction = segmenter(picture, "two cups")
    assert Image.open(prediction.save(tmp_path / "new" / "out.png")).size == (130, 90)
    bare = np.asarray(Image.open(prediction.save(tmp_path / "out.mask.png")))
    assert np.array_equal(bare > 0, prediction.mask)
    with pytest.raises(InputError, match="must end in"):
        prediction.save(tmp_path / "out.gif")


def test_notebooks_show_the_overlay_with_alternative_text(segmenter, picture):
    data, metadata = segmenter(picture, "two cups")._repr_mimebundle_()
    assert data["image/png"][:4] == b"\x89PNG"
    assert metadata["image/png"]["alt"] == data["text/plain"]


def test_padding_does_not_decide(segmenter):
    """The same picture in another position of the batch and alone; a wide one is mostly padding."""
    wide = Image.fromarray(np.full((20, 200, 3), 120, np.uint8))
    with torch.no_grad():
        assert segmenter(wide, "two cups").mask.shape == (20, 200)


def test_many_pictures_of_all_sizes_equal_one_by_one(segmenter, picture):
    """Other pictures in the batch, and the padding that they bring, decide nothing."""
    wide = picture.resize((200, 60))
    jobs = [(picture, TEXTS[0]), (wide, TEXTS[1]), (picture.resize((64, 64)), TEXTS[2]), (wide, TEXTS[3])]
    together = list(segmenter.many(iter(jobs), batch=3))
    assert len(together) == 4
    for (given, text), prediction in zip(jobs, together):
        alone = segmenter(given, text)
        assert prediction.text == text
        assert prediction.mask.shape == (given.height, given.width)
        assert prediction.presence == pytest.approx(alone.presence, abs=1e-4)
        assert (prediction.raw_mask == alone.raw_mask).mean() > 0.995


def test_no_more_than_a_batch_of_pictures_is_taken_at_a_time(segmenter, picture):
    taken = []

    def jobs():
        for text in TEXTS:
            taken.append(text)
            yield picture, text

    answers = segmenter.many(jobs(), batch=2)
    assert not taken
    next(answers)
    assert len(taken) == 2


def test_a_pixel_needs_the_probability_that_is_asked_for(mini):
    row = int(np.flatnonzero(mini.target_counts == 1)[0])
    picture, text = mini.image_path(int(mini.image_ids[row])), mini.expression(row).text
    loose, even, strict = (
        Segmenter.from_pretrained(device="cpu", mask_threshold=least)(picture, text).raw_mask
        for least in (0.02, 0.5, 0.98)
    )
    assert loose.sum() > even.sum() > strict.sum()
    assert not (strict & ~even).any()
    assert not (even & ~loose).any()
    with pytest.raises(InputError, match="between 0 and 1"):
        Segmenter.from_pretrained(mask_threshold=1.0)


def test_half_precision_says_nearly_the_same(model_config, picture):
    model, tokenizer = GRISQ(model_config), ExpressionTokenizer.train(TEXTS, 200)
    full, half = (Segmenter(model, tokenizer, device="cpu", precision=each) for each in ("fp32", "bf16"))
    assert half(picture, "two cups").presence == pytest.approx(full(picture, "two cups").presence, abs=0.02)
    with pytest.raises(InputError, match="fp32, bf16 or auto"):
        Segmenter(model, tokenizer, precision="fp16")


def test_a_json_file_holds_the_mask_as_pycocotools_reads_it(segmenter, picture, tmp_path):
    segmenter.threshold = 0.0
    prediction = segmenter(picture, "two cups")
    stored = json.loads(prediction.save(tmp_path / "mask.json").read_text(encoding="utf-8"))
    assert np.array_equal(coco_mask.decode(stored["segmentation"]).astype(bool), prediction.mask)
    rows, columns = np.nonzero(prediction.mask)
    assert stored["bbox"] == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
    assert stored["area"] == prediction.mask.sum()
    assert stored["score"] == prediction.presence
