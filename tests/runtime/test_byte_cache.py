"""The byte-bounded cache against a naive list of the most recent keys."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grisq.runtime.byte_cache import ByteCache

ENTRY = 512  # bytes that every entry is charged with


@settings(max_examples=100, deadline=None)
@given(
    asked=st.lists(st.integers(0, 6), max_size=60),
    sizes=st.lists(st.integers(0, 3000), min_size=7, max_size=7),
    limit=st.integers(0, 9000),
)
def test_the_most_recent_values_that_fit_are_held(asked, sizes, limit):
    cache, recent, made = ByteCache(limit), [], []
    for key in asked:
        known = key in recent
        value = cache.get(key, lambda key=key: made.append(key) or np.full(sizes[key], key, dtype=np.uint8))
        assert value.tolist() == [key] * sizes[key]
        if sizes[key] + ENTRY <= limit:
            recent = [each for each in recent if each != key] + [key]
        while sum(sizes[each] + ENTRY for each in recent) > limit:
            recent.pop(0)
        assert made.count(key) > 0
        assert (made[-1:] == [key]) or known
        assert len(cache) == len(recent)
        assert cache.held == sum(sizes[each] + ENTRY for each in recent) <= limit
    before = len(made)
    for key in recent:
        cache.get(key, lambda: pytest.fail("was held"))
    assert len(made) == before


def test_a_pickled_cache_is_empty_and_has_the_same_limit():
    cache = ByteCache(10**6)
    cache.get("big", lambda: np.zeros(500_000, dtype=np.uint8))
    stored = pickle.dumps(cache)
    assert len(stored) < 200
    again = pickle.loads(stored)
    assert (again.limit, again.held, len(again)) == (10**6, 0, 0)


def test_what_cannot_be_made_is_tried_again():
    cache = ByteCache(10**6)
    with pytest.raises(ZeroDivisionError):
        cache.get("key", lambda: 1 / 0)
    assert cache.get("key", lambda: "text") == "text"
    assert len(cache) == 1
