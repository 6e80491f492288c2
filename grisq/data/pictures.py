"""Pictures of every form as upright RGB with 8 bits: training and prediction convert them by the same rules."""

from contextlib import suppress

import numpy as np
from PIL import ExifTags, Image, ImageOps

from grisq.runtime.errors import InputError

_DEPTHS = (8, 10, 12, 14, 16)  # bits of cameras, microscopes and X-ray; the container is often wider
_DEEP_MODES = ("I", "F")  # and "I;16", "I;16B", ...: one channel of more than 8 bits


def upright(image: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF orientation asks; a picture without one, or with broken EXIF, is left as it is."""
    turned = False
    with suppress(Exception):  # a dozen kinds of errors, by the parsers of EXIF, XMP and TIFF
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
    return ImageOps.exif_transpose(image) if turned else image


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert a picture to RGB: deep channels are scaled to 8 bits, transparency is laid over white.

    Raises InputError for a color space that cannot be converted.
    """
    if image.mode.split(";")[0] in _DEEP_MODES:
        return Image.fromarray(to_8_bits(np.asarray(image))).convert("RGB")
    try:
        return _over_white(image.convert("RGBA")) if image.has_transparency_data else image.convert("RGB")
    except ValueError:
        raise InputError(f"A picture of the color mode {image.mode} cannot be converted: save it as RGB.") from None


def from_array(array: np.ndarray) -> Image.Image:
    """Convert an array to an RGB picture.

    Args:
        array: (H, W), (H, W, 3) RGB or (H, W, 4) RGBA; uint8, uint16, or floats of 0 to 1 or 0 to 255.

    Raises:
        InputError: for another shape or type, and for negative or missing values.
    """
    shape, form = array.shape, array.dtype
    flat_or_color = array.ndim == 2 or (array.ndim == 3 and shape[2] in (3, 4))
    if not flat_or_color or 0 in shape or not (form in (np.uint8, np.uint16) or form.kind == "f"):
        raise InputError(f"An array of shape {shape} and type {form} is no picture: give (H, W, 3) uint8 RGB.")
    if form.kind == "f" and not array.min() >= 0:  # nan fails too
        raise InputError(f"An array of type {form} with negative or missing values is no picture: give uint8 RGB.")
    return to_rgb(Image.fromarray(array if form == np.uint8 else to_8_bits(array)))


def to_8_bits(values: np.ndarray) -> np.ndarray:
    """Scale integers or floats of any range to uint8 of the same shape.

    The range is taken for the narrowest usual one that holds the largest value: 0 to 1 for floats, then 0 to 2^b - 1
    for b = 8, 10, 12, 14, 16. Negative and larger values have no usual range: they are scaled between the least and
    the largest. Missing values become 0.
    """
    finite = np.where(np.isfinite(values), values, 0) if values.dtype.kind == "f" else values
    low, high = float(finite.min()), float(finite.max())
    if low < 0 or high >= 2 ** _DEPTHS[-1]:
        scale = 255 / (high - low) if high > low else 0.0
    else:
        low = 0.0
        scale = 255.0 if values.dtype.kind == "f" and high <= 1 else _scale_of_depth(high)
    scaled = finite.astype(np.float32)
    scaled -= low
    scaled *= scale
    return np.rint(scaled, out=scaled).astype(np.uint8)


def _over_white(image: Image.Image) -> Image.Image:
    """Lay an RGBA picture over white: colors that transparency hides are arbitrary, often noise or black."""
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def _scale_of_depth(largest: float) -> float:
    """Return 255 / (2^b - 1) for the least usual number of bits that holds the largest value."""
    bits = next(bits for bits in _DEPTHS if largest < 2**bits)
    return 255 / (2**bits - 1)
