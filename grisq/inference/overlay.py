"""A mask drawn over a picture: the target keeps its colors inside an outline, the rest fades."""

import numpy as np
from PIL import Image
from scipy import ndimage

Color = tuple[int, int, int]  # RGB, 0 to 255

_FADE = 0.6  # how far the rest fades towards white
_FADED = ((1 - _FADE) * np.arange(256) + _FADE * 255).astype(np.uint8)  # by the value of a channel
_STRIP = 128  # rows drawn at a time, so that a large picture needs little more memory than the result


def overlay(image: np.ndarray, mask: np.ndarray, color: Color) -> np.ndarray:
    """Draw a mask over a picture. An empty mask leaves the picture as it is.

    The outline lies outside the mask. Its width grows with the picture: about one pixel in 150.

    Args:
        image: (H, W, 3) uint8.
        mask: (H, W) bool.
        color: of the outline.

    Returns:
        A new picture, (H, W, 3) uint8.
    """
    out = image.copy()
    if mask.any():
        for top in range(0, len(mask), _STRIP):
            rows = out[top : top + _STRIP]
            rows[:] = _drawn(rows, mask, top, color)
    return out


def overlay_picture(picture: Image.Image, mask: np.ndarray, color: Color) -> Image.Image:
    """Draw a mask over an RGB picture as `overlay` does, without an array of the whole picture."""
    out = picture.copy()
    if mask.any():
        for top in range(0, picture.height, _STRIP):
            rows = np.asarray(picture.crop((0, top, picture.width, min(top + _STRIP, picture.height))))
            out.paste(Image.fromarray(_drawn(rows, mask, top, color)), (0, top))
    return out


def _drawn(rows: np.ndarray, mask: np.ndarray, top: int, color: Color) -> np.ndarray:
    """Draw a strip of the picture, (h, W, 3), whose first row is `top`; `mask` is that of the whole picture."""
    inside = mask[top : top + len(rows)]
    out = np.take(_FADED, rows)
    out[inside] = rows[inside]
    out[_within(mask, top, len(rows), max(1, round(max(mask.shape) / 150))) & ~inside] = color
    return out


def _within(mask: np.ndarray, top: int, height: int, distance: int) -> np.ndarray:
    """Mark the pixels of a strip at most so many steps, each to one of four neighbors, away from the mask."""
    first = max(0, top - distance)
    part = mask[first : top + height + distance]
    if not part.any():
        return np.zeros((height, mask.shape[1]), dtype=bool)
    steps = ndimage.distance_transform_cdt(~part, metric="taxicab")
    return steps[top - first : top - first + height] <= distance
