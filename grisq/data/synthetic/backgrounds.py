"""Backgrounds of the synthetic pictures: photographs shipped with scikit-image and scikit-learn, and procedural ones.

All are muted toward medium gray, so that each of the ten object colors stands out against them.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from grisq.data.synthetic.sprites import find_pictures
from grisq.runtime.seed import pick


@dataclass(frozen=True)
class Photograph:
    """A picture inside an installed package."""

    package: str  # name of the import package
    path: str  # relative to the package's folder
    credit: str  # title, author and license, for the data card


PHOTOGRAPHS = (
    Photograph("skimage", "data/brick.png", "brick wall, CC0Textures, CC0 1.0"),
    Photograph("skimage", "data/grass.png", "grass, linolafett on DeviantArt, CC0 1.0"),
    Photograph("skimage", "data/gravel.png", "gravel, CC0Textures, CC0 1.0"),
    Photograph("skimage", "data/rocket.jpg", "rocket launch, SpaceX, public domain"),
    Photograph("skimage", "data/hubble_deep_field.jpg", "Hubble eXtreme Deep Field, NASA, public domain"),
    Photograph("skimage", "data/moon.png", "surface of the Moon, public domain"),
    Photograph("sklearn", "datasets/images/china.jpg", "china.jpg, danielbuechele on Flickr, CC BY 2.0"),
    Photograph("sklearn", "datasets/images/flower.jpg", "flower.jpg, vultilion on Flickr, CC BY 2.0"),
)
_TINTS = np.array(  # muted: none of them is an object color
    [(168, 178, 186), (182, 176, 160), (160, 176, 158), (176, 162, 158), (150, 160, 172), (186, 186, 182)]
)


def background(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a muted background (height, width, 3) uint8: with equal probability a photograph or a procedural one."""
    if rng.random() < 0.5:
        return _photographic(width, height, rng)
    return pick(rng, (_gradient, _horizon, _noise, _stripes, _checks))(width, height, rng)


@lru_cache(maxsize=16)
def _photograph(index: int) -> Image.Image:
    photograph = PHOTOGRAPHS[index]
    return Image.open(find_pictures(photograph.package) / photograph.path).convert("RGB")


def _photographic(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Cut a random window out of a photograph, lower its contrast and saturation, and tint it."""
    picture = _photograph(int(rng.integers(len(PHOTOGRAPHS))))
    zoom = min(picture.width / width, picture.height / height)
    factor = zoom * (0.45 + 0.55 * rng.random())
    window = int(width * factor), int(height * factor)
    left = int(rng.integers(picture.width - window[0] + 1))
    top = int(rng.integers(picture.height - window[1] + 1))
    crop = picture.resize((width, height), Image.Resampling.BILINEAR, (left, top, left + window[0], top + window[1]))
    if rng.random() < 0.5:
        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels = np.asarray(crop, dtype=np.float32)
    gray = pixels.mean(axis=-1, keepdims=True)
    muted = 0.3 * pixels + 0.7 * gray
    return _to_bytes(_tint(rng) + 0.45 * (muted - muted.mean()))


def _gradient(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    vertical, horizontal = np.mgrid[0:height, 0:width]
    share = vertical / height if rng.random() < 0.5 else horizontal / width
    return _blend(_tint(rng), _tint(rng), share)


def _horizon(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    rows = np.arange(height)[:, None] >= height * (0.3 + 0.4 * rng.random())
    return _blend(_tint(rng), 0.85 * _tint(rng), np.broadcast_to(rows, (height, width)))


def _noise(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    cells = int(rng.integers(3, 16))
    coarse = Image.fromarray(rng.integers(0, 256, (cells, cells), dtype=np.uint8))
    share = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)) / 255
    return _blend(_tint(rng), 0.8 * _tint(rng), share)


def _stripes(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    vertical, horizontal = np.mgrid[0:height, 0:width]
    period = int(rng.integers(6, 24))
    slope = int(rng.integers(-1, 2))
    return _blend(_tint(rng), 0.9 * _tint(rng), ((horizontal + slope * vertical) // period) % 2)


def _checks(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    vertical, horizontal = np.mgrid[0:height, 0:width]
    period = int(rng.integers(8, 28))
    return _blend(_tint(rng), 0.9 * _tint(rng), (vertical // period + horizontal // period) % 2)


def _tint(rng: np.random.Generator) -> np.ndarray:
    """Draw one of the muted tints (3,), a little brighter or darker."""
    return _TINTS[int(rng.integers(len(_TINTS)))] * (0.8 + 0.3 * rng.random())


def _blend(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return (1 - share) * first + share * second, for share (height, width) in [0, 1]."""
    return _to_bytes(first + share[..., None] * (second - first))


def _to_bytes(pixels: np.ndarray) -> np.ndarray:
    return np.clip(pixels, 60, 225).astype(np.uint8)
