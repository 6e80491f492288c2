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


def test_every_position_has_the_category_and_the_color_of_the_pixel_at_its_center(mini, names):
    for info in mini.images()[:8]:
        side = max(info.width, info.height)  # the picture at its own size
        found = LabeledPictures(mini, np.array([info.image_id]), names, side)[0, False]
        annotations = mini.annotations_of(info.image_id)
        for row in range(side // 4):
            for column in range(side // 4):
                y, x = 4 * row + 2, 4 * column + 2
                wanted, color = BACKGROUND if y < info.height and x < info.width else IGNORED, IGNORED
                for each in annotations:
                    mask = decode(to_rle(each.segmentation, info.height, info.width))
                    if y < info.height and x < info.width and mask[y, x]:
                        name = each.attributes.get("variant") or mini.categories[each.category_id]
                        wanted = names.classes.index(name) + 1
                        color = (
                            names.colors.index(each.attributes["colour"]) if "colour" in each.attributes else IGNORED
                        )
                assert found.classes[row, column] == wanted
                assert found.colors[row, column] == color


def test_a_mirrored_picture_has_mirrored_labels(mini, names):
    info = next(each for each in mini.images() if each.width % 4 == 0 and each.width < each.height)
    pictures = LabeledPictures(mini, np.array([info.image_id]), names, info.height)
    plain, mirrored = pictures[0, False], pictures[0, True]
    assert (mirrored.images[..., : info.width] == plain.images[..., : info.width].flip(-1)).all()
    assert (mirrored.images[..., info.width :] == plain.images[..., info.width :]).all()
    assert (mirrored.classes == BACKGROUND).sum() > 0
    # Centers lie half a pixel to the right of the middle of four, so columns may move by one pixel at an edge.
    moved = (mirrored.classes[:, : info.width // 4] != plain.classes[:, : info.width // 4].flip(-1)).float().mean()
    assert moved < 0.1


def test_a_set_without_colors_is_refused(mini, monkeypatch):
    bare = [each._replace(attributes={}) for each in mini.annotations_of(mini.images()[0].image_id)]
    monkeypatch.setattr(type(mini), "annotations_of", lambda self, image_id: bare)
    with pytest.raises(InputError, match="synthetic set"):
        Names.of(mini)
