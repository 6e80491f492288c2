import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco

from grisq.data import masks

SQUARE = [[2.0, 2.0, 8.0, 2.0, 8.0, 6.0, 2.0, 6.0]]
OTHER = [[10.0, 10.0, 14.0, 10.0, 14.0, 14.0, 10.0, 14.0]]


def test_polygons_uncompressed_and_compressed_rle_say_the_same():
    drawn = masks.decode(masks.to_rle(SQUARE, 20, 30))
    assert drawn[2:6, 2:8].all()
    assert drawn.sum() == 24
    compressed = coco.encode(np.asfortranarray(drawn.astype(np.uint8)))
    counts, value, run = [], 0, 0
    for pixel in drawn.T.ravel():  # COCO's uncompressed form: run lengths down the columns, zeros first
        if pixel != value:
            counts.append(run)
            value, run = pixel, 0
        run += 1
    uncompressed = {"size": [20, 30], "counts": [*counts, run]}
    text = compressed | {"counts": compressed["counts"].decode()}
    for form in (compressed, uncompressed, text):
        assert np.array_equal(masks.decode(masks.to_rle(form, 20, 30)), drawn)


def test_parts_of_one_object_and_several_objects_are_united_without_counting_twice():
    parts = masks.decode(masks.to_rle(SQUARE + OTHER + SQUARE, 20, 30))
    objects = masks.decode(masks.union([SQUARE, OTHER, SQUARE], 20, 30))
    assert np.array_equal(parts, objects)
    assert parts.sum() == 24 + 16


@pytest.mark.parametrize("polygons", [[[1.0, 2.0, 3.0, 4.0]], []])
def test_a_polygon_of_two_corners_is_dropped(polygons):
    assert not masks.decode(masks.to_rle(polygons, 20, 30)).any()
    assert masks.decode(masks.to_rle(SQUARE + polygons, 20, 30)).sum() == 24


def test_no_target_is_an_empty_mask():
    assert not masks.decode(masks.union([], 20, 30)).any()
    assert not masks.rasterize([], 20, 30, scale=(1, 1), out_height=5, out_width=6).any()


@pytest.mark.parametrize("scale", [(1.0, 1.0), (0.5, 0.5), (2.0, 1.5)])
@pytest.mark.parametrize("offset", [(0, 0), (7, 3)])
def test_polygons_are_moved_and_then_drawn(scale, offset):
    drawn = masks.rasterize([SQUARE], 20, 30, scale=scale, offset=offset, out_height=64, out_width=64)
    x0, x1 = (round(x * scale[0] + offset[0]) for x in (2, 8))
    y0, y1 = (round(y * scale[1] + offset[1]) for y in (2, 6))
    expected = np.zeros((64, 64), bool)
    expected[y0:y1, x0:x1] = True
    assert np.array_equal(drawn, expected)


@pytest.mark.parametrize("scale", [0.5, 0.75, 2.0])
def test_rle_and_polygon_of_the_same_shape_agree(scale):
    big = [[20.0, 10.0, 80.0, 10.0, 80.0, 60.0, 20.0, 60.0]]
    size = round(100 * scale)
    arguments = {"scale": (scale, scale), "offset": (4, 2), "out_height": size + 8, "out_width": size + 8}
    outline = masks.rasterize([big], 100, 100, **arguments)
    pixels = masks.rasterize([masks.to_rle(big, 100, 100)], 100, 100, **arguments)
    overlap = (outline & pixels).sum() / (outline | pixels).sum()
    assert overlap > 0.95


@pytest.mark.parametrize("as_rle", [False, True])
def test_a_small_object_never_vanishes(as_rle):
    dot = [[31.0, 41.0, 33.0, 41.0, 33.0, 43.0, 31.0, 43.0]]
    given = masks.to_rle(dot, 100, 100) if as_rle else dot
    drawn = masks.rasterize([given], 100, 100, scale=(0.1, 0.1), out_height=10, out_width=10)
    assert drawn.sum() == 1
    assert drawn[4, 3]


def test_an_object_at_the_edge_of_its_cell_stays_inside():
    whole = masks.to_rle([[0.0, 0.0, 30.0, 0.0, 30.0, 20.0, 0.0, 20.0]], 20, 30)
    drawn = masks.rasterize([whole], 20, 30, scale=(1, 1), offset=(30, 0), out_height=40, out_width=60)
    assert drawn[:20, 30:].all()
    assert drawn.sum() == 600


@settings(max_examples=200, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    grown=st.tuples(st.integers(0, 400), st.integers(0, 400)),
    seed=st.integers(0, 99),
)
def test_an_enlarged_mask_is_the_one_that_pillow_resizes_by_area(shape, grown, seed):
    mask = np.random.default_rng(seed).random(shape) < 0.5
    height, width = (old + more for old, more in zip(shape, grown))
    gray = Image.fromarray(mask.astype(np.uint8) * 255).resize((width, height), Image.Resampling.BOX)
    drawn = masks.rasterize(
        [masks.encode(mask)],
        *shape,
        scale=(width / shape[1], height / shape[0]),
        out_height=height,
        out_width=width,
    )
    assert np.array_equal(drawn, np.asarray(gray) >= 128)
