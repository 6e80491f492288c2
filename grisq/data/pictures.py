"""Picture files as upright RGB of 8 bits: one way in for training, evaluation and prediction.

* Turns: a photograph is turned as its EXIF orientation asks, which is how every viewer shows it.
* Transparency: what is transparent is shown over white.
* 16 and 32 bits of gray: divided by the greatest value of the smallest depth (8, 10, 12, 14 or 16 bits) that holds the
  picture's own greatest value, so that 12 bits stored in 16 are not black; beyond 16 bits by the greatest value itself.
  Negative values are first moved up to 0.
* Floats: 0 to 1 is black to white; else 0 to 255 is taken as it is; else the least and the greatest finite value are
  black and white.
"""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps

from grisq.runtime.errors import InputError

# What Pillow raises for files that are not, or not completely, what they begin as.
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, LookupError, OverflowError, struct.error, zlib.error)
_DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras, X-ray and depth sensors use
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
_BACK = {  # EXIF orientation -> the step from the upright to the stored picture
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


class UnreadableError(InputError):
    """A picture file is missing or cannot be used; `reason` is a verb phrase, such as "has too many pixels"."""

    def __init__(self, message: str, reason: str = "cannot be read"):
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Header:
    """What a picture file says before its pixels are decoded."""

    stored: tuple[int, int]  # (width, height) of the pixels as they lie in the file
    orientation: int = 1  # EXIF: 1 is upright, 2 to 8 ask for a turn or a mirror image

    @property
    def turned(self) -> bool:
        """Whether viewers show another picture than the one that is stored."""
        return self.orientation != 1

    @property
    def upright(self) -> tuple[int, int]:
        """(width, height) as viewers show it."""
        return self.stored[::-1] if self.orientation in _SIDEWAYS else self.stored


def read_header(path: Path) -> Header:
    """Size and orientation, without decoding pixels. Raises InputError if the file is missing or not a picture."""
    with readable(str(path)), Image.open(path) as picture:
        orientation = _orientation(picture)
        swapped = picture.format == "TIFF" and orientation in _SIDEWAYS  # Pillow turns TIFFs by itself
        return Header(picture.size[::-1] if swapped else picture.size, orientation)


def open_picture(
    path: Path | BinaryIO, near: int | None = None, *, name: str | None = None, upright: bool = True
) -> Image.Image:
    """Open a picture file as RGB of 8 bits, turned upright.

    Args:
        path: the file, or an open one.
        near: a JPEG much larger than this side may be decoded at a reduced size, which is much faster.
        name: what errors call an open file.
        upright: False gives the pixels as they are stored, whatever EXIF says.

    Raises:
        InputError: there is no such file, it is not a complete picture, or it has too many pixels.
    """
    with readable(str(path) if name is None else name, path):
        picture = Image.open(path)
        orientation = _orientation(picture)
        if near is not None:
            picture.draft("RGB", (near, near))
        picture = _to_rgb(picture, orientation)
        return picture if upright or orientation == 1 else picture.transpose(_BACK[orientation])


def upright_rgb(picture: Image.Image) -> Image.Image:
    """Convert any PIL image to RGB of 8 bits, turned upright, by the rules at the top of this module."""
    return _to_rgb(picture, _orientation(picture))


def _to_rgb(picture: Image.Image, orientation: int) -> Image.Image:
    if orientation != 1:
        picture = ImageOps.exif_transpose(picture)
    if picture.mode == "F" or picture.mode.startswith("I"):
        return Image.fromarray(_eight_bits(np.asarray(picture))).convert("RGB")
    if picture.has_transparency_data:
        shown = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB")
    return picture.convert("RGB")


def decode_fully(path: Path) -> None:
    """Read every byte of a picture file, making few pixels. Raises InputError if it is not complete."""
    with readable(str(path)), Image.open(path) as picture:
        picture.draft("RGB", (1, 1))  # an eighth of a JPEG's pixels on each side
        picture.load()


def has_shape(size: tuple[int, int], width: int, height: int) -> bool:
    """Whether a picture of that size (width, height) shows what was annotated at width x height, reduced or not."""
    return abs(size[0] * height - size[1] * width) <= 8 * max(width, height)  # JPEGs are reduced to whole pixels


@contextmanager
def readable(name: str, path: Path | BinaryIO | None = None) -> Iterator[None]:
    """Turn what Pillow raises for a file into one sentence, and drop its warnings.

    It warns of pictures above half of its limit, which are read all the same, and of damaged metadata.

    Args:
        name: what the sentence calls the file.
        path: the file itself; without it, `name` is its path.

    Raises:
        UnreadableError: in place of Pillow's errors.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", module="PIL")
            yield
    except InputError:
        raise
    except FileNotFoundError:
        raise UnreadableError(
            f"The picture {name} does not exist: check the path or the data set's image folder.", "does not exist"
        ) from None
    except IsADirectoryError:
        raise UnreadableError(f"{name} is a folder: give the file of a picture.", "is a folder") from None
    except Image.DecompressionBombError:
        reason = f"has too many pixels (more than {2 * Image.MAX_IMAGE_PIXELS:,})"
        raise UnreadableError(f"{name} {reason}: save a smaller copy of it.", reason) from None
    except UNREADABLE as error:
        reason = "the file is empty" if _is_empty(Path(name) if path is None else path) else str(error)
        reason = f"cannot be read as a picture ({reason or type(error).__name__})"
        raise UnreadableError(f"{name} {reason}: give a complete JPEG or PNG.", reason) from None


def _is_empty(path: Path | BinaryIO) -> bool:
    try:
        return isinstance(path, Path) and path.is_file() and path.stat().st_size == 0
    except (OSError, ValueError):  # a name that the system does not take
        return False


def _orientation(picture: Image.Image) -> int:
    """EXIF orientation, 1 where there is none or where it cannot be read."""
    try:
        found = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except UNREADABLE:
        return 1
    return found if found in _BACK else 1


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """(H, W) gray of more than 8 bits, or float -> (H, W) uint8."""
    whole = np.issubdtype(values.dtype, np.integer)
    values = values.astype(np.float64)
    finite = values[np.isfinite(values)]
    least, most = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    black, white = _integer_range(least, most) if whole else _float_range(least, most)
    values = np.nan_to_num(values, nan=black, posinf=white, neginf=black)
    return np.clip(np.rint((values - black) * (255 / (white - black))), 0, 255).astype(np.uint8)


def _integer_range(least: float, most: float) -> tuple[float, float]:
    """The values that become black and white."""
    black = min(least, 0.0)
    white = next((2.0**depth - 1 for depth in _DEPTHS if most - black < 2**depth), most - black)
    return black, black + white


def _float_range(least: float, most: float) -> tuple[float, float]:
    """The values that become black and white."""
    if least >= 0 and most <= 255:
        return 0.0, 1.0 if most <= 1 else 255.0
    return least, most if most > least else least + 1
