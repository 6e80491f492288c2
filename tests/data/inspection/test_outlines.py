"""Every way in which a segmentation was seen to be written, drawn by pycocotools or refused by its reason."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from grisq.data.inspection.findings import NO_OUTLINE, OUTSIDE, WRONG_RUNS
from grisq.data.inspection.outlines import Outline, has_pixel, read_outline

H, W = 40, 60
TRIANGLE = [10.0, 5.0, 30.0, 5.0, 20.0, 25.0]
PAIRS = [[10.0, 5.0], [30.0, 5.0], [20.0, 25.0]]
OTHER = [40.0, 30.0, 50.0, 30.0, 45.0, 38.0]
NAN, INF = float("nan"), float("inf")


def drawn(polygons):
    return coco.decode(coco.merge(coco.frPyObjects(polygons, H, W))).astype(bool)


def runs(mask):
    rle = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(mask.shape), "counts": rle["counts"].decode()}


@pytest.mark.parametrize(
    ("given", "same_as"),
    [
        ([TRIANGLE], [TRIANGLE]),
        (TRIANGLE, [TRIANGLE]),  # flat
        (PAIRS, [TRIANGLE]),
        ([PAIRS], [TRIANGLE]),
        ([PAIRS, OTHER], [TRIANGLE, OTHER]),
        ([TRIANGLE, OTHER], [TRIANGLE, OTHER]),
        ([[64.0, 64.0], TRIANGLE], [TRIANGLE]),  # a point next to a good outline
        ([TRIANGLE, [1.0, 2.0, 3.0, 4.0]], [TRIANGLE]),
        ([TRIANGLE, []], [TRIANGLE]),
        ([TRIANGLE, OTHER[:-1]], [TRIANGLE]),  # an odd number
        ([TRIANGLE, None], [TRIANGLE]),
        ([TRIANGLE, [NAN, *OTHER[1:]]], [TRIANGLE]),
        ([[str(value) for value in TRIANGLE]], [TRIANGLE]),
        ([[int(value) for value in TRIANGLE]], [TRIANGLE]),
        (json.dumps([TRIANGLE]), [TRIANGLE]),
    ],
)
def test_outlines_that_are_read(given, same_as):
    outline = read_outline(given, H, W)
    truth = drawn(same_as)
    assert np.array_equal(drawn([p for p in outline.segmentation if len(p) >= 6]), truth)
    assert outline.area == truth.sum()
    x, y = np.concatenate(same_as).reshape(-1, 2).T
    assert outline.box == (x.min(), y.min(), np.ptp(x), np.ptp(y))
    assert json.loads(json.dumps(outline.segmentation)) == outline.segmentation


def test_what_is_sound_stays_the_same_object():
    for sound in ([TRIANGLE], [[64.0, 64.0], TRIANGLE], runs(drawn([TRIANGLE]))):
        assert read_outline(sound, H, W).segmentation is sound


@pytest.mark.parametrize(
    "given",
    [
        *([], [[]], [[], []], None, "", "none", 5, True, {}, [None], [[None]], [{}], {"counts": [], "size": [H, W]}),
        [[10.0, 5.0, 20.0, 8.0]],  # a box, or two corners
        [10.0, 5.0, 20.0, 8.0],
        [[10.0, 5.0]],
        [[10.0, 5.0], [20.0, 5.0]],
        [TRIANGLE[:-1]],
        TRIANGLE[:-1],
        [[*TRIANGLE[:-1], NAN]],
        [[*TRIANGLE[:-1], INF]],
        [[*TRIANGLE[:-1], "x"]],
        [[10.0, 10.0] * 3],  # a point
        [[10.0, 10.0, 20.0, 10.0, 15.0, 10.0]],  # a line
        runs(np.zeros((H, W))),
        {"counts": None, "size": [H, W]},
    ],
)
def test_no_outline(given):
    assert read_outline(given, H, W) is NO_OUTLINE


@pytest.mark.parametrize("by", [(W, 0), (0, H), (-30, 0), (0, -25), (2e5, 0), (0, 1e300)])
def test_outside_the_picture(by):
    moved = (np.array(TRIANGLE).reshape(-1, 2) + by).ravel().tolist()
    assert read_outline([moved], H, W) is OUTSIDE
    assert not has_pixel([moved], H, W)


def test_an_outline_that_passes_by_the_picture():
    assert read_outline([[-30.0, 20.0, 20.0, -30.0, -30.0, -30.0]], H, W) is OUTSIDE


@pytest.mark.parametrize(
    "change",
    [
        {"size": [W, H]},
        {"size": [H, W + 1]},
        {"size": None},
        {"counts": [5, 10]},  # does not fill the picture
        {"counts": [5, 10, H * W]},
        {"counts": [-5, 10, H * W - 5]},
        {"counts": "abc~"},
        {"counts": "P"},
    ],
)
def test_run_lengths_that_do_not_fit(change):
    assert read_outline(runs(drawn([TRIANGLE])) | change, H, W) is WRONG_RUNS


@pytest.mark.parametrize("form", ["text", "list", "floats", "size as text"])
def test_run_lengths(form):
    mask = drawn([TRIANGLE])
    given = runs(mask)
    if form in ("list", "floats"):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.T.ravel(), [0]])))
        counts = np.diff(np.concatenate([[0], edges, [mask.size]])).tolist()
        given["counts"] = [float(count) for count in counts] if form == "floats" else counts
    if form == "size as text":
        given["size"] = [str(H), str(W)]
    outline = read_outline(given, H, W)
    kept = outline.segmentation
    rle = coco.frPyObjects(kept, H, W) if isinstance(kept["counts"], list) else kept
    assert np.array_equal(coco.decode(rle).astype(bool), mask)
    assert outline.area == mask.sum()
    assert outline.box == tuple(coco.toBbox(rle).tolist())


def test_an_outline_thinner_than_a_pixel_is_one():
    thin = [[10.1, 10.1, 30.0, 10.1, 30.0, 10.12]]
    assert 0 < read_outline(thin, H, W).area < 1
    assert has_pixel(thin, H, W)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.sampled_from(["size", "counts", "x"]), inner),
    max_leaves=30,
)


@settings(deadline=None, max_examples=300)
@given(JUNK)
def test_whatever_is_given_it_is_an_outline_with_pixels_or_a_reason(junk):
    outline = read_outline(junk, H, W)
    if isinstance(outline, Outline):
        assert outline.area > 0
        assert json.loads(json.dumps(outline.segmentation, allow_nan=False)) == outline.segmentation
        assert isinstance(read_outline(outline.segmentation, H, W), Outline)
    else:
        assert outline in (NO_OUTLINE, OUTSIDE, WRONG_RUNS)
