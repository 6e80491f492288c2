"""What a caller may give as a picture, a path, a PIL image or an array, as the upright RGB picture that models see."""

from pathlib import Path

import numpy as np
from PIL import Image

from grisq.data.pictures import open_picture, readable, upright_rgb
from grisq.runtime.errors import InputError

Picture = str | Path | Image.Image | np.ndarray


def read_picture(picture: Picture) -> Image.Image:
    """Convert a path, a PIL image or an array to an upright RGB picture, as training does.

    Raises InputError for what is not a picture.
    """
    if isinstance(picture, np.ndarray):
        picture = _from_array(picture)
    if isinstance(picture, Image.Image):
        with readable("The image"):
            return upright_rgb(picture)
    if not isinstance(picture, str | Path):
        raise InputError(f"A {type(picture).__name__} is no picture: give a path, a PIL image or a uint8 array.")
    if fault := address_fault(str(picture)):
        raise InputError(fault)
    return open_picture(Path(picture))


def address_fault(name: str) -> str | None:
    """Say what is wrong with a web address where a file's name is expected; None for everything else."""
    if name.startswith(("http://", "https://")):
        return f"{name} is an address: download the picture and give the file."
    return None


def _from_array(array: np.ndarray) -> Image.Image:
    """Convert an array to a PIL image; 16 bits and floats are scaled to 8 bits by the rules for files.

    Raises InputError for a shape or type that is no picture, and for negative or missing values.
    """
    shape, form = array.shape, array.dtype
    flat_or_color = array.ndim == 2 or (array.ndim == 3 and shape[2] in (3, 4))
    if not flat_or_color or 0 in shape or not (form in (np.uint8, np.uint16) or form.kind == "f"):
        raise InputError(f"An array of shape {shape} and type {form} is no picture: give (H, W, 3) uint8 RGB.")
    if form == np.uint8:
        return Image.fromarray(array)
    if not array.min() >= 0:  # nan fails too
        raise InputError(f"An array of type {form} with negative or missing values is no picture: give uint8 RGB.")
    side_by_side = array.reshape(len(array), -1)  # all channels are scaled alike
    gray = Image.fromarray(side_by_side if form == np.uint16 else side_by_side.astype(np.float32))
    return Image.fromarray(np.asarray(upright_rgb(gray))[..., 0].reshape(shape))
