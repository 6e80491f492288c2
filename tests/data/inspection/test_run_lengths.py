"""Run lengths against pycocotools' encoder and a loop over pixels; damaged texts are seen, never read past."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from grisq.data.inspection.run_lengths import measure_texts, runs_of

MASKS = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.integers(0, 1))


def naive_runs(mask):
    """Down the columns, zeros first."""
    runs, value, run = [], 0, 0
    for pixel in mask.T.ravel().tolist():
        if pixel != value:
            runs.append(run)
            value, run = pixel, 0
        run += 1
    return [*runs, run]


def text_of(mask):
    return coco.encode(np.asfortranarray(mask))["counts"].decode()


@settings(deadline=None)
@given(MASKS)
def test_compressed_text_is_what_a_loop_counts(mask):
    assert runs_of(text_of(mask)) == runs_of(text_of(mask).encode()) == naive_runs(mask)


@settings(deadline=None)
@given(st.lists(st.one_of(MASKS, st.sampled_from(["PP", "abc~", "", "日本", None, 7, "o" * 20])), max_size=12))
def test_many_at_once_are_measured_as_one_by_one(things):
    texts = [text_of(thing) if isinstance(thing, np.ndarray) else thing for thing in things]
    totals, areas = measure_texts(texts)
    for thing, total, area in zip(things, totals, areas):
        whole = isinstance(thing, np.ndarray)
        assert total == (thing.size if whole else -1)
        assert area == (thing.sum() if whole else 0)


@pytest.mark.parametrize("counts", ["P", "0o", "a\x00", "é", "~", "o" * 30, None, 5, {}, [1, -2], [1, "x"], [1.5]])
def test_what_is_no_run_length(counts):
    assert runs_of(counts) is None


@pytest.mark.parametrize("counts", [[2, 3, 1], [2.0, "3", 1]])
def test_lists_may_hold_text_and_floats(counts):
    assert runs_of(counts) == [2, 3, 1]
