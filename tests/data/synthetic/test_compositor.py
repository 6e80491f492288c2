"""Composed pictures: exact masks of visible pixels, and colors that go by their names."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageColor

from grisq.data.synthetic import backgrounds, sprites
from grisq.data.synthetic.compositor import MIN_PIXELS, MIN_VISIBLE, Cast, compose
from grisq.runtime.errors import InputError


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([(96, 96), (128, 96), (96, 128)]))
def test_masks_are_disjoint_and_show_enough_of_every_object(seed, size):
    picture = compose(np.random.default_rng(seed), *size, Cast((2, 8), people=0.5))
    assert picture.pixels.shape == (size[1], size[0], 3)
    assert picture.pixels.dtype == np.uint8
    assert 2 <= len(picture.actors) == len(picture.masks) <= 8
    assert np.sum(picture.masks, axis=0).max() == 1
    for mask in picture.masks:
        assert mask.shape == (size[1], size[0])
        assert mask.sum() >= MIN_PIXELS


def test_an_object_that_nothing_covers_shows_its_whole_sprite():
    """The last object lies on top: its mask is its sprite's alpha channel, scaled and perhaps mirrored."""
    for seed in range(10):
        picture = compose(np.random.default_rng(seed), 128, 128, Cast((2, 5)))
        mask, actor = picture.masks[-1], picture.actors[-1]
        rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
        crop = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        alpha = actor.image.getchannel("A").resize(crop.shape[::-1], Image.Resampling.BILINEAR)
        sprite = np.asarray(alpha) >= 128
        ious = [(crop & s).sum() / (crop | s).sum() for s in (sprite, sprite[:, ::-1])]
        assert max(ious) > 0.85


def test_visible_share_is_kept_while_objects_do_overlap():
    """Occlusion is real: some objects lose pixels, none more than allowed (up to the sprite's scaling)."""
    shares = []
    for seed in range(25):
        picture = compose(np.random.default_rng(seed), 128, 128, Cast((5, 8)))
        for actor, mask in zip(picture.actors, picture.masks):
            alpha = np.asarray(actor.image.getchannel("A")) >= 128
            rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
            box = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
            shares.append(mask.sum() / box / alpha.mean())
    shares = np.array(shares)
    assert (shares < 0.9).mean() > 0.03
    assert np.median(shares) > 0.95
    assert MIN_VISIBLE > 0.5


def test_the_generator_decides_everything():
    first, again, other = (compose(np.random.default_rng(s), 96, 96, Cast()) for s in (5, 5, 6))
    assert np.array_equal(first.pixels, again.pixels)
    assert all(np.array_equal(a, b) for a, b in zip(first.masks, again.masks))
    assert not np.array_equal(first.pixels, other.pixels)


def test_share_of_people():
    def people(share):
        pictures = [compose(np.random.default_rng(s), 96, 96, Cast((2, 5), share)) for s in range(15)]
        return np.mean([a.category is sprites.PERSON for p in pictures for a in p.actors])

    assert people(0.0) == 0
    assert people(1.0) == 1
    assert 0.2 < people(0.5) < 0.8


def test_at_least_24_categories_with_coco_ids_and_8_colors():
    ids = [category.id for category in sprites.CATEGORIES]
    assert len(set(ids)) == len(ids) >= 24
    assert set(ids) <= set(range(1, 91))
    named = {category.name: category.id for category in sprites.CATEGORIES}
    assert (named["person"], named["dog"], named["cup"], named["clock"]) == (1, 18, 47, 85)  # COCO's own
    assert len(sprites.PALETTE) >= 8


@pytest.mark.parametrize("color", sprites.PALETTE)
def test_every_sprite_goes_by_its_color(color):
    """Among the pixels that lie near a palette color, the named one is the commonest; trims are set aside."""
    trims = {"white", "black", "brown"} - {color}  # windows, tyres, coffee
    names = [name for name in sprites.PALETTE if name not in trims]
    palette = np.array([sprites.PALETTE[name] for name in names])
    for category in sprites.OBJECTS:
        for sprite in category.sprites:
            rgba = np.asarray(sprites.draw_object(sprite, color))
            pixels = rgba[rgba[..., 3] > 200][:, :3].astype(int)
            distance = np.abs(pixels[:, None] - palette).sum(-1)
            near = distance.argmin(1)[distance.min(1) < 110]
            votes = np.bincount(near, minlength=len(names))
            assert names[votes.argmax()] == color, (category.name, sprite.code)
            assert votes.max() > 0.15 * len(pixels), (category.name, sprite.code)


def test_sprites_as_drawn_go_by_a_color_near_theirs_or_by_none():
    """A name that people would use: one of the three palette colors nearest to the body's main fill."""
    things = [sprite for category in sprites.OBJECTS for sprite in category.sprites]
    for sprite in things:
        fill = ImageColor.getrgb(sprite.body[0])
        order = sorted(sprites.PALETTE, key=lambda name: np.linalg.norm(np.subtract(sprites.PALETTE[name], fill)))
        assert sprite.color is None or sprite.color in order[:3], sprite.code
    assert {sprite.color for sprite in things} >= {None, "red", "blue", "green", "white", "brown"}
    drawn, painted = (np.asarray(sprites.draw_object(things[0], color)) for color in (None, "blue"))
    assert drawn.shape == painted.shape
    assert not np.array_equal(drawn, painted)


def test_about_half_of_the_things_are_as_drawn():
    pictures = [compose(np.random.default_rng(seed), 96, 96, Cast((2, 8), people=0.0)) for seed in range(60)]
    unnamed = [actor.color is None for picture in pictures for actor in picture.actors]
    assert 0.05 < np.mean(unnamed) < 0.35  # of those as drawn, some go by no clear name


@pytest.mark.parametrize("variant", sprites.HEADS)
def test_people_wear_the_color(variant):
    rgba = np.asarray(sprites.draw_person(sprites.HEADS[variant][0], "1f3fd", variant in sprites.CHILDREN, "blue"))
    exact = (rgba[..., :3] == sprites.PALETTE["blue"]).all(-1) & (rgba[..., 3] == 255)
    assert exact.sum() > 0.12 * (rgba[..., 3] == 255).sum()
    rows = np.nonzero(exact.any(1))[0]
    assert rows.min() > 0.4 * len(rgba)  # a shirt lies below the face


def test_backgrounds_are_muted_and_varied():
    drawn = [backgrounds.background(40, 30, np.random.default_rng(seed)) for seed in range(40)]
    assert all(b.shape == (30, 40, 3) and b.dtype == np.uint8 for b in drawn)
    spread = [b.reshape(-1, 3).astype(int) for b in drawn]
    assert max(np.percentile(np.ptp(pixels, axis=1), 95) for pixels in spread) < 90  # never a full color
    assert len({b.tobytes() for b in drawn}) == 40


def test_a_missing_package_is_named():
    with pytest.raises(InputError, match="no_such_package"):
        sprites.find_pictures("no_such_package")
