"""Composes a picture with exact instance masks from sprites and a background, by the painter's algorithm.

Masks cover visible pixels. An object that would hide too much of another one is placed elsewhere, so everything that
can be seen is annotated, and counts and "all" are literally true. Masks depend only on integer operations on the
sprites' alpha channel and on an explicitly seeded generator, so they are the same on every machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from PIL import Image

from grisq.data.synthetic import sprites
from grisq.data.synthetic.backgrounds import background
from grisq.runtime.seed import chance, pick

MIN_VISIBLE = 0.62  # share of an object's pixels that must stay visible
MIN_PIXELS = 40  # visible pixels that every object must keep
PLACEMENTS = 20  # attempts to place an object before it is given up
ORIGINAL_COLORS = 0.65  # share of objects in their sprite's own colors: real dogs are mostly brown, hardly ever purple
OPAQUE = 128  # a pixel belongs to the object from this alpha value on


@dataclass(frozen=True)
class Cast:
    """Which objects a picture holds."""

    objects: tuple[int, int] = (2, 8)  # fewest and most
    people: float = 0.25  # share of people among the objects; 0: there are never any


@dataclass(frozen=True)
class Actor:
    """One object before it is placed."""

    category: sprites.Category
    color: str | None  # a name of the palette; None where people could disagree
    variant: str | None  # man, woman, boy or girl; None for anything but people
    image: Image.Image  # RGBA
    draw: Callable[[str], Image.Image]  # the same in another color of the palette

    def recolored(self, color: str) -> "Actor":
        """Return the same object in another color."""
        return replace(self, color=color, image=self.draw(color))


class Layer(NamedTuple):
    """An actor's sprite at its final size and place."""

    actor: Actor
    rgba: np.ndarray  # (h, w, 4) uint8
    left: int  # of its upper left corner in the picture
    top: int
    mirrored: bool
    brightness: float = 1.0  # factor of its colors

    def mask(self, width: int, height: int) -> np.ndarray:
        """Return its opaque pixels in the whole picture, (height, width) bool."""
        mask = np.zeros((height, width), dtype=bool)
        h, w = self.rgba.shape[:2]
        mask[self.top : self.top + h, self.left : self.left + w] = self.rgba[..., 3] >= OPAQUE
        return mask

    def showing(self, actor: Actor, width: int, height: int) -> "Layer":
        """Return another actor in this one's place: as large, around the same center, inside a picture of this size."""
        rgba = _scaled(actor, max(self.rgba.shape[:2]), self.mirrored)
        (old_h, old_w), (h, w) = self.rgba.shape[:2], rgba.shape[:2]
        left = min(max(self.left + (old_w - w) // 2, 0), width - w)
        top = min(max(self.top + (old_h - h) // 2, 0), height - h)
        return self._replace(actor=actor, rgba=rgba, left=left, top=top)


@dataclass(frozen=True)
class Picture:
    """A composed picture with its ground truth, and what it was composed of."""

    pixels: np.ndarray  # (H, W, 3) uint8
    masks: tuple[np.ndarray, ...]  # the visible pixels of each layer, (H, W) bool
    layers: tuple[Layer, ...]  # from back to front
    backdrop: np.ndarray  # (H, W, 3) uint8: the picture without its layers

    @property
    def actors(self) -> tuple[Actor, ...]:
        """The objects, from back to front."""
        return tuple(layer.actor for layer in self.layers)

    def shows_enough(self) -> bool:
        """Return whether of every object enough is visible."""
        height, width = self.pixels.shape[:2]
        whole = [np.count_nonzero(layer.mask(width, height)) for layer in self.layers]
        return all(np.count_nonzero(mask) >= _needed(own) for mask, own in zip(self.masks, whole))


def flatten(backdrop: np.ndarray, layers: Sequence[Layer]) -> Picture:
    """Paint layers from back to front on a backdrop (H, W, 3) uint8, which is not modified."""
    height, width = backdrop.shape[:2]
    pixels = backdrop.copy()
    masks: list[np.ndarray] = []
    for layer in layers:
        opaque = layer.mask(width, height)
        masks = [mask & ~opaque for mask in masks] + [opaque]
        _paint(pixels, layer)
    return Picture(pixels, tuple(masks), tuple(layers), backdrop)


def compose(rng: np.random.Generator, width: int, height: int, cast: Cast) -> Picture:
    """Compose a picture.

    Args:
        rng: Source of every random choice.
        width: Of the picture in pixels.
        height: Of the picture in pixels.
        cast: Bounds on the number of objects, and the share of people.
    """
    wanted = _number_of_objects(rng, cast.objects)
    while True:
        layers = _place(_draw_actors(rng, wanted, cast.people), rng, width, height)
        if len(layers) >= cast.objects[0]:
            break
    backdrop = background(width, height, rng)
    return flatten(backdrop, [layer._replace(brightness=0.92 + 0.12 * rng.random()) for layer in layers])


def _number_of_objects(rng: np.random.Generator, bounds: tuple[int, int]) -> int:
    """Draw a number within the bounds, smaller ones more often."""
    low, high = bounds
    first, second = rng.integers(low, high + 1, 2)
    return int(min(first, second)) if chance(rng, 0.8) else int(first + second) // 2


def _draw_actors(rng: np.random.Generator, count: int, people: float) -> list[Actor]:
    """Draw the objects; categories and colors repeat, since only a second dog makes a phrase like "left dog" useful."""
    categories: list[sprites.Category] = []
    colors: list[str] = []
    for _ in range(count):
        if categories and chance(rng, 0.35):
            category = pick(rng, tuple(categories))
        else:
            category = sprites.PERSON if chance(rng, people) else pick(rng, sprites.OBJECTS)
        repeat = colors and chance(rng, 0.35)
        categories.append(category)
        colors.append(pick(rng, tuple(colors) if repeat else tuple(sprites.PALETTE)))
    return [_draw_actor(rng, category, color) for category, color in zip(categories, colors)]


def _draw_actor(rng: np.random.Generator, category: sprites.Category, color: str) -> Actor:
    """Draw the look of one object; an object other than a person often keeps its sprite's own colors."""
    if category is not sprites.PERSON:
        sprite = pick(rng, category.sprites)
        if chance(rng, ORIGINAL_COLORS):
            return object_actor(category, sprite, sprite.color, original=True)
        return object_actor(category, sprite, color)
    variant = pick(rng, tuple(sprites.HEADS))
    head, tone = pick(rng, sprites.HEADS[variant]), pick(rng, sprites.SKIN_TONES)
    return person_actor(variant, head, tone, color)


def object_actor(
    category: sprites.Category, sprite: sprites.Sprite, color: str | None, original: bool = False
) -> Actor:
    """Make an object of a color; `original` leaves the sprite's own colors, for which `color` is only the name."""
    draw = partial(sprites.draw_object, sprite)
    return Actor(category, color, None, draw(None if original else color), draw)


def person_actor(variant: str, head: str, tone: str, color: str) -> Actor:
    """Make a person in a shirt of a color."""
    draw = partial(sprites.draw_person, head, tone, variant in sprites.CHILDREN)
    return Actor(sprites.PERSON, color, variant, draw(color), draw)


def _place(actors: list[Actor], rng: np.random.Generator, width: int, height: int) -> list[Layer]:
    """Place each actor, back to front; one that would hide too much of another everywhere is left out."""
    largest = {2: 0.70, 3: 0.64, 4: 0.56, 5: 0.48, 6: 0.42}.get(len(actors), 0.38)
    bounds = int(0.30 * min(width, height)), int(largest * min(width, height))
    placed: list[Layer] = []
    visible: list[np.ndarray] = []
    needed: list[float] = []
    for actor in actors:
        for _ in range(PLACEMENTS):
            layer = _layer(actor, bounds, rng, width, height)
            opaque = layer.mask(width, height)
            remaining = [mask & ~opaque for mask in visible]
            if all(np.count_nonzero(mask) >= need for mask, need in zip(remaining, needed)):
                placed.append(layer)
                visible = [*remaining, opaque]
                needed.append(_needed(np.count_nonzero(opaque)))
                break
    return placed


def _needed(pixels: int) -> float:
    """Return how many of an object's pixels must stay visible."""
    return max(MIN_VISIBLE * pixels, MIN_PIXELS)


def _layer(actor: Actor, bounds: tuple[int, int], rng: np.random.Generator, width: int, height: int) -> Layer:
    """Scale the sprite to a longest side within the bounds (children: smaller), maybe mirror it, place it at random."""
    side = int(rng.integers(bounds[0], bounds[1] + 1))
    if actor.variant in sprites.CHILDREN:
        side = side * 4 // 5
    mirrored = chance(rng, 0.5)
    rgba = _scaled(actor, side, mirrored)
    left, top = (int(rng.integers(extent - own + 1)) for extent, own in zip((width, height), rgba.shape[1::-1]))
    return Layer(actor, rgba, left, top, mirrored)


def _scaled(actor: Actor, side: int, mirrored: bool) -> np.ndarray:
    """Scale an actor's image to a longest side in pixels: (h, w, 4) uint8."""
    longest = max(actor.image.size)
    image = actor.image.resize([max(extent * side // longest, 1) for extent in actor.image.size], Image.Resampling.BOX)
    return np.asarray(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else image)


def _paint(pixels: np.ndarray, layer: Layer) -> None:
    """Blend the layer into the pixels (H, W, 3), in place."""
    h, w = layer.rgba.shape[:2]
    window = pixels[layer.top : layer.top + h, layer.left : layer.left + w]
    alpha = layer.rgba[..., 3:].astype(np.float32) / 255
    painted = np.clip(layer.rgba[..., :3] * np.float32(layer.brightness), 0, 255)
    window[:] = (window * (1 - alpha) + painted * alpha).astype(np.uint8)
