"""Masks as run lengths: resized, united and counted without drawing a pixel.

COCO stores a mask column by column, as lengths of runs that alternate between background and object. Here a mask is
the array of its runs' ends: `ends[0]` background pixels, then object pixels up to `ends[1]`, and so on; the last end is
the number of pixels. Two masks are compared by one walk along both arrays, so a photograph takes microseconds where
decoding its mask takes a tenth of a millisecond.
"""

import numpy as np
from numba import njit

from grisq.runtime.errors import InputError

_BITS = 5  # of a number in one letter of compressed text; the sixth says whether more follow
_LONGEST = 12  # letters of one number


@njit(cache=True)
def _ends_of_text(letters, total):
    """Decode compressed text. -> ends of the runs, empty where the text is damaged or does not cover `total` pixels."""
    ends = np.empty(len(letters), np.int64)
    runs = np.empty(len(letters), np.int64)
    none = np.empty(0, np.int64)
    n, at, place = 0, 0, 0
    while place < len(letters):
        value, shift, more = np.int64(0), 0, True
        while more:
            if place == len(letters) or shift == _LONGEST * _BITS:
                return none
            letter = np.int64(letters[place]) - 48
            if letter < 0 or letter > 63:
                return none
            value |= (letter & 31) << shift
            shift += _BITS
            more = (letter & 32) != 0
            if not more and (letter & 16) != 0:
                value -= np.int64(1) << shift
            place += 1
        if n > 2:
            value += runs[n - 2]
        if value < 0 or value > total - at:
            return none
        at += value
        runs[n], ends[n] = value, at
        n += 1
    return ends[:n].copy() if at == total else none


@njit(cache=True)
def _area(ends):
    total = np.int64(0)
    for i in range(1, len(ends), 2):
        total += ends[i] - ends[i - 1]
    return total


@njit(cache=True)
def _overlap(a, b):
    """Pixels in both masks."""
    total, i, j = np.int64(0), 1, 1
    while i < len(a) and j < len(b):
        low, high = max(a[i - 1], b[j - 1]), min(a[i], b[j])
        if high > low:
            total += high - low
        if a[i] < b[j]:
            i += 2
        else:
            j += 2
    return total


@njit(cache=True)
def _union(a, b):
    """Ends of the runs of the pixels in at least one of two masks of the same size."""
    ends = np.empty(len(a) + len(b) + 2, np.int64)
    total = a[-1]
    n, i, j, reached = 0, 1, 1, np.int64(-1)  # `reached`: where the object's last run ends, -1 before the first
    while i < len(a) or j < len(b):
        if j >= len(b) or (i < len(a) and a[i - 1] <= b[j - 1]):
            low, high = a[i - 1], a[i]
            i += 2
        else:
            low, high = b[j - 1], b[j]
            j += 2
        if high <= low:
            continue
        if low <= reached:
            reached = max(reached, high)
            ends[n - 1] = reached
        else:
            ends[n], ends[n + 1] = low, high
            n += 2
            reached = high
    if n == 0 or ends[n - 1] < total:
        ends[n] = total
        n += 1
    return ends[:n].copy()


@njit(cache=True)
def _nearest(ends, height, width, out_height, out_width):
    """Resize: a pixel takes the value of the mask's pixel under its center."""
    # first[r]: the first row of the result whose center lies in row r of the mask or below
    first = np.empty(height + 1, np.int64)
    row = 0
    for source in range(height + 1):
        while row < out_height and ((2 * row + 1) * height) // (2 * out_height) < source:
            row += 1
        first[source] = row
    columns = np.searchsorted(ends, np.arange(width, dtype=np.int64) * height, side="right")  # run of each one's top
    out = np.empty(2 * out_width * (len(ends) // max(width, 1) + 1) + 2 * len(ends) + 2, np.int64)
    n, value = 0, 0  # the value of the run that is being drawn: 0 background, 1 object
    for column in range(out_width):
        source = ((2 * column + 1) * width) // (2 * out_width)
        run, top = columns[source], source * height
        at = np.int64(0)  # row of the mask
        while at < height:
            below = min(ends[run] - top, height)
            if first[below] > first[at] and run % 2 != value:
                if n == len(out):
                    longer = np.empty(2 * len(out), np.int64)
                    longer[:n] = out
                    out = longer
                out[n] = column * out_height + first[at]
                n += 1
                value = run % 2
            at = below
            run += 1
    ends_of_result = np.empty(n + 1, np.int64)
    ends_of_result[:n] = out[:n]
    ends_of_result[n] = out_height * out_width
    return ends_of_result


def empty(size: tuple[int, int]) -> np.ndarray:
    """The mask of a size (H, W) without a pixel."""
    return np.array([size[0] * size[1]], dtype=np.int64)


def from_counts(counts: str | bytes | list[int], size: tuple[int, int]) -> np.ndarray:
    """Read COCO's run lengths, compressed (text or bytes) or not (a list), of a mask of a size (H, W).

    Raises:
        InputError: they are damaged or do not cover the mask; the message is an end of a sentence that names it.
    """
    total = size[0] * size[1]
    if isinstance(counts, list):
        return _from_list(counts, total)
    letters = counts.encode("utf-8", "replace") if isinstance(counts, str) else bytes(counts)
    ends = _ends_of_text(np.frombuffer(letters, np.uint8), total)
    if not len(ends):
        raise InputError(f"its run lengths are damaged or do not cover {size[0]}x{size[1]} pixels (height x width)")
    return ends


def _from_list(counts: list[int], total: int) -> np.ndarray:
    try:
        runs = np.array(counts)
        whole = runs.astype(np.int64)
        usable = runs.ndim == 1 and bool((whole == runs).all() and (whole >= 0).all() and (whole < 2**40).all())
    except (TypeError, ValueError, OverflowError):
        usable = False
    if not usable:
        raise InputError("its run lengths must be a flat list of whole numbers that are not negative")
    if whole.sum() != total:
        raise InputError(f"its run lengths cover {whole.sum():,} pixels, and its size has {total:,}")
    return np.cumsum(whole)


def from_mask(mask: np.ndarray) -> np.ndarray:
    """The runs of a mask (H, W) bool."""
    flat = np.asarray(mask, dtype=bool).ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    begin = [0] if flat.size and flat[0] else []
    return np.concatenate([begin, changes, [flat.size]]).astype(np.int64)


def to_mask(ends: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool."""
    runs = np.diff(ends, prepend=0)
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(size, order="F")


def area(ends: np.ndarray) -> int:
    """Number of pixels of the object."""
    return int(_area(ends))


def overlap(a: np.ndarray, b: np.ndarray) -> int:
    """Number of pixels in both of two masks of one size."""
    return int(_overlap(a, b))


def union(parts: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """The pixels in at least one of several masks of one size (H, W); the empty mask of none."""
    whole = empty(size)
    for part in parts:
        whole = _union(whole, part) if len(whole) > 1 else part
    return whole


def nearest(ends: np.ndarray, size: tuple[int, int], new: tuple[int, int]) -> np.ndarray:
    """Resize a mask of a size (H, W) to another one; a pixel takes the value of the mask's pixel under its center.

    The aspect ratio need not stay. It is what Pillow's NEAREST and torch's nearest-exact do, but for a center on the
    edge between two pixels: here it belongs to the later one, while theirs depends on rounding.
    """
    return ends if size == new else _nearest(ends, *size, *new)
