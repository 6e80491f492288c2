"""COCO segmentations to masks, by pycocotools: polygons, compressed and uncompressed run-length encodings."""

from collections.abc import Sequence

import numpy as np
from PIL import Image
from pycocotools import mask as coco

Segmentation = list[list[float]] | dict  # polygons (x, y, x, y, ...) or RLE {"size": [h, w], "counts": ...}


def to_rle(segmentation: Segmentation, height: int, width: int) -> dict:
    """One segmentation as compressed RLE; its parts are merged, those that are no polygon dropped (see `polygons`)."""
    if isinstance(segmentation, dict):
        if isinstance(segmentation["counts"], list):
            return coco.frPyObjects(segmentation, height, width)
        return segmentation
    parts = polygons(segmentation)
    if not parts:
        return coco.encode(np.zeros((height, width), dtype=np.uint8, order="F"))
    return coco.merge(coco.frPyObjects(parts, height, width))


def polygons(segmentation: list[list[float]] | None) -> list[list[float]]:
    """The parts that are polygons. COCO's files have some with fewer than three corners next to good ones."""
    return [part for part in segmentation or [] if len(part) >= 6 and len(part) % 2 == 0]


def union(segmentations: Sequence[Segmentation], height: int, width: int) -> dict:
    """Unite segmentations as one compressed RLE of size (height, width)."""
    if not segmentations:
        return coco.encode(np.zeros((height, width), dtype=np.uint8, order="F"))
    return coco.merge([to_rle(each, height, width) for each in segmentations])


def encode(mask: np.ndarray) -> dict:
    """(H, W) bool as compressed RLE that JSON can hold: {"size": [H, W], "counts": text}."""
    rle = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": list(mask.shape), "counts": rle["counts"].decode("ascii")}


def box_of(rle: dict) -> list[float]:
    """Smallest box around a compressed RLE: x, y, width, height; zeros if it is empty."""
    return coco.toBbox(rle).tolist()


def decode(rle: dict) -> np.ndarray:
    """(H, W) bool."""
    return coco.decode(rle).astype(bool)


def rasterize(
    segmentations: Sequence[Segmentation],
    height: int,
    width: int,
    *,
    scale: tuple[float, float],
    offset: tuple[int, int] = (0, 0),
    out_height: int,
    out_width: int,
) -> np.ndarray:
    """Union of segmentations of a height x width picture, drawn on a canvas after the geometry.

    A point (x, y) of the picture lands at (x * scale_x + offset_x, y * scale_y + offset_y). Polygons are moved
    and then rasterized; run-length encodings, which have no outline, are resized by area with threshold one
    half. An object that would vanish keeps the pixel that it covers most.

    Args:
        segmentations: in COCO's form.
        height: of the picture, in pixels.
        width: of the picture, in pixels.
        scale: canvas pixels per picture pixel along x and y.
        offset: canvas pixels (x, y) of the picture's corner.
        out_height: of the canvas.
        out_width: of the canvas.

    Returns:
        (out_height, out_width) bool.
    """
    canvas = np.zeros((out_height, out_width), dtype=bool)
    for segmentation in segmentations:
        if isinstance(segmentation, dict):
            canvas |= _resized(decode(to_rle(segmentation, height, width)), scale, offset, canvas.shape)
        else:
            canvas |= decode(_moved(segmentation, scale, offset, canvas.shape))
    return canvas


def redrawn(
    segmentation: Segmentation, height: int, width: int, out_height: int, out_width: int, *, keep: bool = True
) -> dict:
    """Draw one segmentation of a height x width picture at another size, as compressed RLE: `rasterize` in one step.

    keep: whether polygons that cover no pixel keep one, as annotated objects do; a prediction may be empty.
    """
    scale, shape = (out_width / width, out_height / height), (out_height, out_width)
    if isinstance(segmentation, dict):
        return encode(_resized(decode(to_rle(segmentation, height, width)), scale, (0, 0), shape))
    return _moved(segmentation, scale, (0, 0), shape, keep=keep)


def _moved(
    segmentation: list[list[float]],
    scale: tuple[float, float],
    offset: tuple[int, int],
    shape: tuple[int, int],
    *,
    keep: bool = True,
) -> dict:
    moved = [np.asarray(part, dtype=float).reshape(-1, 2) * scale + offset for part in polygons(segmentation)]
    drawn = to_rle([part.ravel().tolist() for part in moved], *shape)
    if not moved or not keep or coco.area(drawn):
        return drawn
    x, y = np.concatenate(moved).mean(0)
    mask = np.zeros(shape, dtype=bool)
    mask[min(max(int(y), 0), shape[0] - 1), min(max(int(x), 0), shape[1] - 1)] = True
    return encode(mask)


def _resized(
    mask: np.ndarray, scale: tuple[float, float], offset: tuple[int, int], shape: tuple[int, int]
) -> np.ndarray:
    height, width = (max(1, round(length * s)) for length, s in zip(mask.shape, scale[::-1]))
    if height >= mask.shape[0] and width >= mask.shape[1]:
        mask = _enlarged(mask, height, width)
    else:
        gray = Image.fromarray(mask.astype(np.uint8) * 255).resize((width, height), Image.Resampling.BOX)
        covered = np.asarray(gray)
        small = covered >= 128
        if mask.any() and not small.any():
            small = covered == covered.max()
            small &= np.arange(small.size).reshape(small.shape) == np.flatnonzero(small)[0]
        mask = small
    canvas = np.zeros(shape, dtype=bool)
    x, y = offset
    target = canvas[y : y + height, x : x + width]
    target[:] = mask[: target.shape[0], : target.shape[1]]
    return canvas


def _enlarged(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize by area to a size that is no smaller on either side: every pixel lies within one of the mask's."""
    rows, columns = (
        ((np.arange(new) + 0.5) * (old / new)).astype(int) for new, old in zip((height, width), mask.shape)
    )
    return mask[:, columns][rows]
