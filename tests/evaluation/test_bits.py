"""Packed masks against numpy's booleans."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from grisq.data import masks
from grisq.data.letterbox import Letterbox
from grisq.evaluation.bits import InstanceMasks, count, no_pixels, pack

SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=30)


@given(SHAPES.flatmap(lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))))
def test_pixels_are_counted_as_booleans_are(pair):
    one, other = pair
    assert count(pack(one)) == one.sum()
    assert count(pack(one) & pack(other)) == (one & other).sum()
    assert count(pack(one) | pack(other)) == (one | other).sum()
    assert np.array_equal(pack(np.zeros_like(one)), no_pixels(one.shape))


@pytest.mark.parametrize("limit", [0, 10**7])
def test_instances_are_drawn_at_any_size_and_not_twice_if_they_are_kept(mini, monkeypatch, limit):
    row = int(np.flatnonzero(mini.target_counts > 1)[0])
    expression = mini.expression(row)
    info = mini.image(expression.image_id)
    box, kept = Letterbox(info.width, info.height, 64), InstanceMasks(mini, limit)
    for size in ((48, 80), (info.height, info.width)):
        expected = [
            masks.rasterize(
                mini.segmentations((ann_id,)),
                info.height,
                info.width,
                scale=(size[1] / info.width, size[0] / info.height),
                out_height=size[0],
                out_width=size[1],
            )
            for ann_id in expression.ann_ids
        ]
        for _ in range(2):
            found = kept.of(expression.ann_ids, box, size)
            assert [each.tolist() for each in found] == [pack(each).tolist() for each in expected]
    if limit:
        monkeypatch.setattr(masks, "rasterize", lambda *_, **__: pytest.fail("drawn again"))
        (again, *_) = kept.of(expression.ann_ids, box, (48, 80))
        with pytest.raises(ValueError, match="read-only"):
            again[0] = 0
