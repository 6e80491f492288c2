"""Pixels of predicted and annotated masks, expression by expression, at the sizes at which protocols compare them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from grisq.data import masks
from grisq.data.grefcoco import GRefCOCO
from grisq.evaluation.scoring import run_lengths
from grisq.evaluation.scoring.entries import Entry, read_mask
from grisq.runtime.byte_cache import MB, ByteCache
from grisq.runtime.errors import InputError

Resize = Literal["nearest", "area"]
"""How a mask of another size is brought to the compared one: by the pixel under a pixel's center, or by the larger part
of a pixel's area."""
RESIZES: tuple[Resize, ...] = ("nearest", "area")
FOUND = 0.5  # least IoU of a predicted and an annotated object that are the same

_CACHE = 32 * MB  # of annotated objects: some thousand


class Counted(NamedTuple):
    """What scoring needs of one expression."""

    row: int
    counts: tuple[tuple[int, int, int, int], ...]  # at each size: predicted, annotated, both, pixels of the picture
    instance_pixels: tuple[int, ...]  # of each annotated object, at the first size
    instance_covered: tuple[int, ...]  # pixels of it under the predicted mask
    masks: int  # predicted ones that have a pixel
    matched: int  # annotated objects that are one of them, see FOUND; 0 unless masks are instances


class PixelCounter:
    """Counts the pixels of one expression's predicted and annotated masks, on run lengths.

    Args:
        data: the data set.
        squares: sides of the squares at which masks are compared; None for the picture's own size.
        resize: how masks of other sizes are brought there.
        instances: whether several masks of an expression are matched with the annotated objects.
    """

    def __init__(
        self, data: GRefCOCO, squares: Sequence[int | None], resize: Resize = "nearest", *, instances: bool = False
    ):
        self.data, self.squares, self.resize, self.instances = data, tuple(squares), resize, instances
        self._objects = ByteCache(_CACHE)
        self._rows: dict[str, Any] = {name: data.expressions[name].combine_chunks() for name in ("image_id", "ann_ids")}
        self._sizes = {info.image_id: (info.height, info.width) for info in data.images()}

    def count(self, row: int, entries: Sequence[Entry]) -> Counted:
        """Count the pixels of an expression's predictions, whose masks are united; none are the empty mask.

        Raises:
            InputError: for a segmentation that is damaged, or that belongs to a picture of another shape.
        """
        picture = self._sizes[self._rows["image_id"][row].as_py()]
        ann_ids = tuple(self._rows["ann_ids"][row].as_py())
        stored = [self._read(entry, picture) for entry in entries]
        counts, pixels, covered, drawn_masks, matched = [], (), (), 0, 0
        for place, square in enumerate(self.squares):
            size = picture if square is None else (square, square)
            drawn = [self._resized(entry, mask, picture, size) for entry, mask in zip(entries, stored)]
            objects = [self._annotated(ann_id, picture, size) for ann_id in ann_ids]
            prediction, target = run_lengths.union(drawn, size), run_lengths.union(objects, size)
            both = run_lengths.overlap(prediction, target)
            counts.append((run_lengths.area(prediction), run_lengths.area(target), both, size[0] * size[1]))
            if place == 0:
                pixels = tuple(map(run_lengths.area, objects))
                covered = tuple(run_lengths.overlap(prediction, each) for each in objects)
                parts = [each for each in drawn if run_lengths.area(each)]
                drawn_masks, matched = len(parts), _matched(parts, objects) if self.instances else 0
        return Counted(row, tuple(counts), pixels, covered, drawn_masks, matched)

    def _annotated(self, ann_id: int, picture: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
        def draw() -> np.ndarray:
            rle = masks.redrawn(self.data.segmentations((ann_id,))[0], *picture, *size)
            return run_lengths.from_counts(rle["counts"], size)

        return self._objects.get((ann_id, size), draw)

    def _read(self, entry: Entry, picture: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]] | None:
        """Runs and size of a mask as it is stored; None for polygons and for the empty mask."""
        found = entry.segmentation
        if found is None or isinstance(found, list):
            return None
        if isinstance(found, dict):
            size = _size_of(entry)
            ends = _named(entry, lambda: run_lengths.from_counts(found["counts"], size))
        else:
            mask = read_mask(found) if isinstance(found, Path) else _array(entry)
            size, ends = mask.shape, run_lengths.from_mask(mask)
        if size == picture[::-1] != picture:
            raise InputError(
                f"{entry.place}: the mask has {size[0]}x{size[1]} pixels and its picture {picture[0]}x{picture[1]} "
                "(height x width): width and height are swapped; COCO's size is [height, width]."
            )
        return ends, size

    def _resized(
        self,
        entry: Entry,
        mask: tuple[np.ndarray, tuple[int, int]] | None,
        picture: tuple[int, int],
        size: tuple[int, int],
    ) -> np.ndarray:
        if mask is None:
            return self._polygons(entry, picture, size) if entry.segmentation else run_lengths.empty(size)
        ends, stored = mask
        if stored == size or self.resize == "nearest":
            return run_lengths.nearest(ends, stored, size)
        whole = masks.encode(run_lengths.to_mask(ends, stored))
        return run_lengths.from_counts(masks.redrawn(whole, *stored, *size)["counts"], size)

    def _polygons(self, entry: Entry, picture: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
        rows = [len(part) for part in entry.segmentation if isinstance(part, list)]
        if len(rows) == picture[0] and set(rows) == {picture[1]}:
            raise InputError(
                f"{entry.place}: its mask is a list of rows; give run lengths, by pycocotools for example."
            )
        bound = 4 * max(picture)  # pycocotools draws every pixel of an edge
        for part in entry.segmentation:
            numbers = isinstance(part, list) and all(
                isinstance(x, int | float) and not isinstance(x, bool) and abs(x) <= bound for x in part
            )
            if not numbers or len(part) < 6 or len(part) % 2:
                raise InputError(
                    f"{entry.place}: its polygons must be lists of numbers, [[x, y, x, y, x, y, ...], ...], with at "
                    "least three corners in or near the picture."
                )
        if all(0 <= x <= 1 for part in entry.segmentation for x in part):
            raise InputError(
                f"{entry.place}: all corners of its polygons lie within one pixel; give them in pixels, not as shares "
                "of the picture, and a mask of 0 and 1 as run lengths."
            )
        return run_lengths.from_counts(masks.redrawn(entry.segmentation, *picture, *size, keep=False)["counts"], size)


def _size_of(entry: Entry) -> tuple[int, int]:
    size, counts = (entry.segmentation.get(name) for name in ("size", "counts"))
    whole = isinstance(size, list | tuple) and len(size) == 2 and all(type(x) is int and 0 < x < 2**14 for x in size)
    if not whole:
        raise InputError(f"{entry.place}: the size of its mask is {size!r}; give [height, width] in pixels.")
    if not isinstance(counts, str | bytes | list):
        raise InputError(f"{entry.place}: its mask has no counts; give run lengths, as text or as a list.")
    return size[0], size[1]


def _array(entry: Entry) -> np.ndarray:
    if isinstance(entry.segmentation, str | int | float):
        raise InputError(
            f"{entry.place}: its segmentation is {entry.segmentation!r}; give run lengths, polygons, or null for the "
            "empty mask."
        )
    try:
        mask = np.asarray(entry.segmentation)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{entry.place}: its segmentation is not a mask ({error}); give an array (H, W) of bool."
        ) from None
    if mask.ndim != 2 or mask.dtype.kind not in "bui" or not mask.size:
        raise InputError(
            f"{entry.place}: its mask has the shape {mask.shape} and the type {mask.dtype}; give an array (H, W) of "
            "bool."
        )
    return mask != 0


def _named(entry: Entry, read: Any) -> np.ndarray:
    try:
        return read()
    except InputError as error:
        raise InputError(f"{entry.place}: {error}; write the mask again, by pycocotools for example.") from None


def _matched(drawn: Sequence[np.ndarray], objects: Sequence[np.ndarray]) -> int:
    """How many annotated objects are predicted ones, if each prediction is one object at most (Hungarian algorithm)."""
    if not drawn or not objects:
        return 0
    areas = [[run_lengths.area(each) for each in side] for side in (drawn, objects)]
    both = np.array([[run_lengths.overlap(a, b) for b in objects] for a in drawn], dtype=float)
    unions = np.add.outer(*map(np.array, areas)) - both
    same = np.divide(both, unions, out=np.zeros_like(both), where=unions > 0) >= FOUND
    return int(same[linear_sum_assignment(same, maximize=True)].sum())
