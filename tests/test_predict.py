import numpy as np
import pytest
import torch
from PIL import Image

from grisq.data.tokenizer import ExpressionTokenizer
from grisq.errors import InputError
from grisq.model.network import GRISQ
from grisq.predict import Segmenter, read_picture

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
    assert ("nothing meant" in prediction.describe()) == (not prediction.present)


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

    config = replace(model_config, target_query=False, plurality=False, presence_without_query="none")
    model = GRISQ(config)
    prediction = Segmenter(model, ExpressionTokenizer.train(TEXTS, 200), device="cpu")(picture, "two cups")
    assert prediction.presence == float(prediction.raw_mask.mean() * 480 * 480 >= 50)
    assert prediction.plurality is None


def test_an_expression_of_500_words_works_and_an_empty_one_is_refused(segmenter, picture):
    assert segmenter(picture, "dog " * 500).mask.shape == (90, 130)
    with pytest.raises(InputError, match="empty"):
        segmenter(picture, "")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("https://example.org/a.jpg", "address"),
        (np.zeros((4, 4, 3)), "uint8"),
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
