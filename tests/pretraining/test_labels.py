"""Labels against a naive look at the annotations, pixel by pixel."""

import numpy as np
import pytest

from grisq.data.masks import decode, to_rle
from grisq.pretraining.labels import BACKGROUND, IGNORED, LabeledPictures, Names
from grisq.runtime.errors import InputError


@pytest.fixture(scope="module")
def names(mini):
    return Names.of(mini)


def test_names_are_those_of_the_annotations(mini, names):
    annotations = [each for info in mini.images() for each in mini.annotations_of(info.image_id)]
    people = {each.attributes["variant"] for each in annotations if mini.categories[each.category_id] == "person"}
    others = {mini.categories[each.category_id] for each in annotations} - {"person"}
    assert set(names.classes) == people | others
    assert set(names.colors) == {each.attributes["colour"] for each in annotations if "colour" in each.attributes}


def naive_labels(mini, names, info):
    """Category and color of every pixel, looked up in one annotation after the other. Two lists of lists (H, W)."""
    objects = []
    for each in mini.annotations_of(info.image_id):
        name = each.attributes.get("variant") or mini.categories[each.category_id]
        color = names.colors.index(each.attributes["colour"]) if "colour" in each.attributes else IGNORED
        mask = decode(to_rle(each.segmentation, info.height, info.width))
        objects.append((mask, names.classes.index(name) + 1, color))

    def at(y, x):
        found = BACKGROUND, IGNORED
        for mask, *label in objects:
            if mask[y, x]:
                found = tuple(label)
        return found

    both = [[at(y, x) for x in range(info.width)] for y in range(info.height)]
    return [[[pixel[part] for pixel in line] for line in both] for part in (0, 1)]


def test_every_position_has_the_category_and_the_color_of_the_pixel_at_its_center(mini, names):
    for info in mini.images()[:8]:
        side = max(info.width, info.height)  # the picture at its own size
        found = LabeledPictures(mini, np.array([info.image_id]), names, side)[0, False]
        wanted = naive_labels(mini, names, info)
        for row in range(side // 4):
            for column in range(side // 4):
                y, x = 4 * row + 2, 4 * column + 2
                inside = y < info.height and x < info.width
                for labels, pixels in zip((found.classes, found.colors), wanted):
                    assert labels[row, column] == (pixels[y][x] if inside else IGNORED)


def test_a_mirrored_picture_has_mirrored_labels(mini, names):
    info = next(each for each in mini.images() if each.width % 4 == 0 and each.width < each.height)
    pictures = LabeledPictures(mini, np.array([info.image_id]), names, info.height)
    plain, mirrored = pictures[0, False], pictures[0, True]
    assert (mirrored.images[..., : info.width] == plain.images[..., : info.width].flip(-1)).all()
    assert (mirrored.images[..., info.width :] == plain.images[..., info.width :]).all()
    assert (mirrored.classes == BACKGROUND).sum() > 0
    wanted = naive_labels(mini, names, info)
    for row in range(info.height // 4):
        for column in range(info.width // 4):
            y, x = 4 * row + 2, info.width - 1 - (4 * column + 2)  # the pixel that was mirrored to the center
            assert mirrored.classes[row, column] == wanted[0][y][x]
            assert mirrored.colors[row, column] == wanted[1][y][x]


def test_a_set_without_colors_is_refused(mini, monkeypatch):
    bare = [each._replace(attributes={}) for each in mini.annotations_of(mini.images()[0].image_id)]
    monkeypatch.setattr(type(mini), "annotations_of", lambda self, image_id: bare)
    with pytest.raises(InputError, match="synthetic set"):
        Names.of(mini)
