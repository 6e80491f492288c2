"""COCO's run lengths, as a list or as compressed text, read without trust: pycocotools reads past a damaged end.

Compressed text has six bits a letter: five of a number, lowest first, and one that says whether more follow; the
highest bit of a number's last letter is its sign. From the fourth number on, what is stored is the difference to the
last but one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from grisq.data.inspection.values import whole_number

_MAX_LETTERS = 12  # of one number; 60 bits
_BATCH = 4096  # texts that are decoded at once


def runs_of(counts: Any) -> list[int] | None:
    """Run lengths, background first, from a list or compressed text; None if they cannot be read."""
    if isinstance(counts, list):
        runs = [whole_number(count) for count in counts]
        return None if any(run is None or run < 0 for run in runs) else runs
    letters = _letters(counts)
    if letters is None:
        return None
    if not letters:
        return []
    numbers, lengths = _decompress([letters])
    return numbers.tolist() if lengths[0] else None


def measure_texts(texts: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Totals and areas of many compressed texts at once.

    Returns:
        (N,) pixels that all runs cover, -1 where a text cannot be read, and (N,) pixels of the object.
    """
    totals, areas = np.full(len(texts), -1, np.int64), np.zeros(len(texts), np.int64)
    for first in range(0, len(texts), _BATCH):
        letters = {i: found for i, text in enumerate(texts[first : first + _BATCH], first) if (found := _letters(text))}
        if letters:
            numbers, lengths = _decompress(list(letters.values()))
            rows = np.array(list(letters))[lengths > 0]
            lengths = lengths[lengths > 0]
            starts = np.cumsum(lengths) - lengths
            odd = (np.arange(len(numbers)) - np.repeat(starts, lengths)) % 2
            if len(rows):
                totals[rows] = np.add.reduceat(numbers, starts)
                areas[rows] = np.add.reduceat(numbers * odd, starts)
    return totals, areas


def _letters(counts: Any) -> bytes | None:
    """The text's bytes if each can be a letter of it and the last one ends a number."""
    try:
        letters = counts if isinstance(counts, bytes) else counts.encode("ascii")
    except (AttributeError, UnicodeError):
        return None
    plain = not letters.translate(None, _ALPHABET) and (not letters or letters[-1] - 48 < 32)
    return letters if plain else None


_ALPHABET = bytes(range(48, 48 + 64))


def _decompress(texts: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """The run lengths of all texts in one row, and how many each text has: 0, and none, if one of them is wrong."""
    bits = np.frombuffer(b"".join(texts), np.uint8) - np.uint8(48)
    ends = np.flatnonzero(bits & 32 == 0)  # last letter of every number
    starts = np.concatenate([[0], ends[:-1] + 1])
    letters = ends - starts + 1
    shifts = 5 * np.minimum(np.arange(bits.size) - np.repeat(starts, letters), _MAX_LETTERS - 1)
    numbers = np.add.reduceat((bits & 31).astype(np.int64) << shifts, starts)
    numbers -= np.where(bits[ends] & 16, np.int64(1) << np.minimum(5 * letters, 60), 0)

    last_letters = np.cumsum([len(text) for text in texts]) - 1
    lengths = np.diff(np.searchsorted(ends, last_letters), prepend=-1)
    owner = np.repeat(np.arange(len(texts)), lengths)
    place = np.arange(len(numbers)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    for first in (1, 2):  # sums of differences within each text
        chosen = (place >= first) & (place % 2 == first % 2)
        sums = np.cumsum(numbers[chosen])
        begins = place[chosen] == first
        before = (sums - numbers[chosen])[begins]
        numbers[chosen] = sums - np.repeat(before, np.diff(np.flatnonzero(np.append(begins, True))))
    wrong = np.zeros(len(texts), bool)
    wrong[owner[(numbers < 0) | (letters > _MAX_LETTERS)]] = True
    return numbers[~wrong[owner]], np.where(wrong, 0, lengths)
