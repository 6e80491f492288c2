"""A mask on a picture: what is meant keeps its colors inside an outline, the rest fades."""

import numpy as np

_FADE = 0.6  # how far the rest goes towards white


def overlay(image: np.ndarray, mask: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """Picture (H, W, 3) uint8 with mask (H, W) bool -> (H, W, 3) uint8; an empty mask leaves the picture as it is.

    The outline lies outside the mask and grows with the picture: about one pixel in 150.
    """
    if not mask.any():
        return image.copy()
    out = np.where(mask[..., None], image, (1 - _FADE) * image + _FADE * 255).astype(np.uint8)
    wide = mask
    for _ in range(max(1, round(max(mask.shape) / 150))):
        wide = _grown(wide)
    out[wide & ~mask] = color
    return out


def _grown(mask: np.ndarray) -> np.ndarray:
    """The mask and its four neighbors."""
    padded = np.pad(mask, 1)
    return mask | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
