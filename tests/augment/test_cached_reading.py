"""Samples from a cache against samples that are read anew, and consumers that write into what they were given."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grisq.augment.recipes import Mosaic, NoTarget, Plain

SIDE, ROWS = 64, 40
LIMITS = (10**3, 6 * 10**4, 10**8)  # holds next to nothing, a few pictures, everything
ROW = st.integers(0, ROWS - 1)
RECIPES = st.one_of(
    ROW.map(Plain),
    st.tuples(ROW, ROW).map(lambda rows: NoTarget(*rows)),
    st.lists(st.tuples(st.integers(0, 3), ROW), min_size=2, max_size=4, unique_by=lambda cell: cell[0]).map(
        lambda cells: Mosaic(tuple(cells))
    ),
)


@pytest.fixture(scope="module")
def cached(dataset):
    """Readers of several limits, which live for all examples."""
    return [replace(dataset, reader=replace(dataset.reader, cache_bytes=limit)) for limit in LIMITS]


@settings(max_examples=150, deadline=None)
@given(recipe=RECIPES)
def test_every_sample_is_the_one_without_a_cache_whatever_consumers_did(dataset, cached, recipe):
    expected = dataset.render(recipe)
    for reading in cached:
        sample = reading.render(recipe)
        for name in ("image", "valid", "mask"):
            found = getattr(sample, name)
            assert found.dtype == getattr(expected, name).dtype
            assert np.array_equal(found, getattr(expected, name))
            found[:] = ~found  # a consumer that writes into what it owns
        assert replace(sample, image=None, valid=None, mask=None) == replace(
            expected, image=None, valid=None, mask=None
        )
        sample.tokens.append(-1)
        assert reading.reader._cache.held <= reading.reader.cache_bytes


def test_what_was_read_once_needs_no_file(mini, dataset, monkeypatch):
    reader = replace(dataset.reader, cache_bytes=10**8)
    first = [reader.read(row) for row in range(8)]
    monkeypatch.setattr("grisq.data.sample.open_picture", lambda *_, **__: pytest.fail("opened again"))
    monkeypatch.setattr("grisq.data.masks.rasterize", lambda *_, **__: pytest.fail("drawn again"))
    again = [reader.read(row) for row in range(8)]
    assert all(np.array_equal(one.image, other.image) for one, other in zip(first, again))
    assert any(one.mask.any() for one in again)


def test_shared_pixels_are_read_only(mini, dataset):
    reader = replace(dataset.reader, cache_bytes=10**8)
    pixels, _ = reader.fitted(mini.expression(0).image_id, SIDE)
    with pytest.raises(ValueError, match="read-only"):
        pixels[0] = 0


def test_the_cache_stays_behind_when_a_reader_goes_to_a_worker(dataset):
    reader = replace(dataset.reader, cache_bytes=10**8)
    empty = len(pickle.dumps(reader))
    for row in range(ROWS):
        reader.read(row)
    assert reader._cache.held > 10**5
    assert len(pickle.dumps(reader)) == empty
    assert np.array_equal(pickle.loads(pickle.dumps(reader)).read(3).image, dataset.reader.read(3).image)
