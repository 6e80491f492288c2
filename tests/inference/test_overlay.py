import numpy as np

from grisq.inference.overlay import overlay

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
