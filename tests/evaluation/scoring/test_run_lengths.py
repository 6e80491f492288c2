"""Run lengths against pycocotools and numpy, which draw every pixel."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from grisq.data import masks
from grisq.evaluation.scoring import run_lengths
from grisq.runtime.errors import InputError

sizes = st.tuples(st.integers(1, 24), st.integers(1, 24))


@st.composite
def mask_pairs(draw):
    """Two masks of one size: empty, full, sparse or dense."""
    size = draw(sizes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shares = [draw(st.sampled_from([0, 0.05, 0.5, 0.95, 1])) for _ in range(2)]
    return [rng.random(size) < share for share in shares]


def read(mask):
    return run_lengths.from_counts(masks.encode(mask)["counts"], mask.shape)


@given(mask_pairs())
@settings(max_examples=300, deadline=None)
def test_areas_overlaps_and_unions_are_those_of_the_pixels(pair):
    first, second = pair
    a, b = read(first), read(second)
    assert np.array_equal(run_lengths.to_mask(a, first.shape), first)
    assert run_lengths.area(a) == np.count_nonzero(first)
    assert run_lengths.overlap(a, b) == run_lengths.overlap(b, a) == np.count_nonzero(first & second)
    united = run_lengths.union([a, b], first.shape)
    assert np.array_equal(run_lengths.to_mask(united, first.shape), first | second)
    assert united[-1] == first.size


@given(mask_pairs(), sizes)
@settings(max_examples=300, deadline=None)
def test_nearest_takes_the_pixel_under_the_center(pair, new):
    mask, _ = pair
    found = run_lengths.to_mask(run_lengths.nearest(read(mask), mask.shape, new), new)
    rows, columns = (
        [floor(Fraction(2 * place + 1, 2 * length) * old) for place in range(length)]
        for length, old in zip(new, mask.shape)
    )
    assert np.array_equal(found, mask[rows][:, columns])


def test_nearest_at_the_sizes_of_photographs_is_that_of_torch_and_pillow():
    rng = np.random.default_rng(0)
    small = rng.random((12, 16)) < 0.4
    photograph = np.kron(small, np.ones((40, 40), dtype=bool))  # 480 x 640
    found = run_lengths.to_mask(run_lengths.nearest(read(photograph), (480, 640), (480, 480)), (480, 480))
    pillow = Image.fromarray(photograph.astype(np.uint8)).resize((480, 480), Image.Resampling.NEAREST)
    assert np.array_equal(found, np.asarray(pillow) > 0)
    tensor = torch.from_numpy(photograph)[None, None].float()
    assert np.array_equal(found, F.interpolate(tensor, (480, 480), mode="nearest-exact")[0, 0].numpy() > 0)


def test_the_mask_of_one_size_is_itself():
    ends = read(np.eye(5, dtype=bool))
    assert run_lengths.nearest(ends, (5, 5), (5, 5)) is ends


@given(mask_pairs())
@settings(max_examples=100, deadline=None)
def test_lists_and_bytes_and_arrays_are_read_alike(pair):
    mask, _ = pair
    ends = read(mask)
    counts = np.diff(ends, prepend=0).tolist()
    size = mask.shape
    assert np.array_equal(run_lengths.to_mask(run_lengths.from_counts(counts, size), size), mask)
    text = masks.encode(mask)["counts"]
    assert np.array_equal(run_lengths.from_counts(text.encode(), size), ends)
    assert np.array_equal(run_lengths.to_mask(run_lengths.from_mask(mask), size), mask)


def test_no_mask_is_the_empty_mask():
    assert run_lengths.area(run_lengths.union([], (3, 4))) == 0
    assert run_lengths.area(run_lengths.empty((3, 4))) == 0
    assert np.array_equal(run_lengths.empty((3, 4)), run_lengths.from_mask(np.zeros((3, 4), bool)))


@pytest.mark.parametrize("text", ["", "0", "ü", "PPYo0", "0000", "\x00\x01", "oooooooooooooooo0", " 5"])
def test_damaged_text_is_refused(text):
    with pytest.raises(InputError, match="damaged or do not cover 3x4 pixels"):
        run_lengths.from_counts(text, (3, 4))


@given(st.binary(max_size=30))
@settings(max_examples=300, deadline=None)
def test_no_text_breaks_out(text):
    """What is read covers exactly the mask's pixels, in ascending runs."""
    try:
        ends = run_lengths.from_counts(text, (6, 7))
    except InputError:
        return
    assert ends[-1] == 42
    assert (np.diff(ends, prepend=0) >= 0).all()


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([5, 6], "cover 11 pixels, and its size has 12"),
        ([5, -1, 8], "not negative"),
        ([5.5, 6.5], "whole numbers"),
        ([[12]], "flat list"),
        (["a"], "whole numbers"),
        ([10**30], "whole numbers"),
    ],
)
def test_damaged_lists_are_refused(counts, message):
    with pytest.raises(InputError, match=message):
        run_lengths.from_counts(counts, (3, 4))
