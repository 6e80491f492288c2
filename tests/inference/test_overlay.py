import tracemalloc

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from grisq.inference import overlay as module
from grisq.inference.overlay import overlay, overlay_picture
from grisq.inference.prediction import Prediction

RED = (255, 0, 0)


def square(size=8):
    mask = np.zeros((size, size), bool)
    mask[2:5, 2:5] = True
    return np.full((size, size, 3), 100, np.uint8), mask


def test_what_is_meant_keeps_its_colors_the_outline_is_around_it_and_the_rest_fades():
    image, mask = square()
    out = overlay(image, mask, RED)
    assert (out[mask] == 100).all()
    assert (out[1, 2:5] == RED).all()
    assert (out[0, 0] == 193).all()
    assert (image == 100).all()  # the picture itself is left alone


def test_nothing_meant_leaves_the_picture_as_it_is():
    image, mask = square()
    assert np.array_equal(overlay(image, mask & False, RED), image)


def test_the_outline_of_a_large_picture_is_wider():
    image, mask = square(600)
    assert (overlay(image, mask, RED)[2, 5:9] == RED).all()


def test_before_the_decision_the_outline_is_black():
    image, mask = square()
    said = Prediction(Image.fromarray(image), "words", mask & False, mask, 0.2, None)
    assert np.array_equal(np.asarray(said.overlay(raw=True)), overlay(image, mask, (0, 0, 0)))
    assert np.array_equal(np.asarray(said.overlay()), image)


def naive(image, mask, color):
    """The same in words: fade everything else, then grow the mask pixel by pixel and color what was added."""
    if not mask.any():
        return image
    out = np.where(mask[..., None], image, 0.4 * image + 0.6 * 255).astype(np.uint8)
    wide = mask
    for _ in range(max(1, round(max(mask.shape) / 150))):
        padded = np.pad(wide, 1)
        wide = wide | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    out[wide & ~mask] = color
    return out


@settings(deadline=None, max_examples=60)
@given(arrays.arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 400))), st.integers(0, 99), st.integers(1, 12))
def test_every_pixel_is_that_of_the_naive_drawing(mask, seed, strip):
    """For wide and narrow outlines, with the strips' borders anywhere."""
    image = np.random.default_rng(seed).integers(0, 256, (*mask.shape, 3), dtype=np.uint8)
    before, module._STRIP = module._STRIP, strip
    try:
        for picture, shape in ((image, mask), (image.transpose(1, 0, 2), mask.T)):
            expected = naive(picture, shape, RED)
            assert np.array_equal(overlay(picture, shape, RED), expected)
            assert np.array_equal(np.asarray(overlay_picture(Image.fromarray(picture), shape, RED)), expected)
    finally:
        module._STRIP = before


def test_a_large_picture_needs_little_more_memory_than_the_result():
    image, mask = np.zeros((6000, 2000, 3), np.uint8), np.zeros((6000, 2000), bool)
    mask[500:5500, 500:1500] = True
    tracemalloc.start()
    overlay(image, mask, RED)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * image.nbytes
