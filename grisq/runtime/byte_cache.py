"""A cache that is bounded by the bytes it holds."""

import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar

import numpy as np

T = TypeVar("T")

MB = 2**20
_ENTRY = 512  # bytes that an entry takes beyond its value: key, dictionary and array header


class ByteCache:
    """Keeps what was made for a key; the values that were asked for longest ago make room for new ones.

    Values are shared with every caller, so they must not change: give arrays that are read-only. A copy, and what a
    data worker unpickles, starts empty.

    Args:
        limit: bytes to hold at most; 0 keeps nothing.
    """

    def __init__(self, limit: int):
        self.limit = limit
        self.held = 0  # bytes
        self._values: OrderedDict[Hashable, object] = OrderedDict()  # least recently used first

    def __reduce__(self):
        return ByteCache, (self.limit,)

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the key's value, made now if it is not held. What cannot be made raises, and is not kept."""
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = make()
        size = _bytes(value)
        if size <= self.limit:
            self._values[key] = value
            self.held += size
            while self.held > self.limit:
                self.held -= _bytes(self._values.popitem(last=False)[1])
        return value


def _bytes(value: object) -> int:
    return _ENTRY + _content(value)


def _content(value: object) -> int:
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, tuple):
        return sys.getsizeof(value) + sum(map(_content, value))
    return sys.getsizeof(value)
