import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grisq.data.letterbox import Letterbox


@given(st.integers(1, 4000), st.integers(1, 4000), st.sampled_from([32, 96, 480]))
def test_the_longer_side_fits_and_the_shape_is_kept(width, height, side):
    box = Letterbox(width, height, side)
    assert max(box.fitted_width, box.fitted_height) == side
    assert min(box.fitted_width, box.fitted_height) >= 1
    if min(box.fitted_width, box.fitted_height) > 1:
        assert abs(box.fitted_width / box.fitted_height - width / height) / (width / height) < 1.01 / min(
            box.fitted_width, box.fitted_height
        )


def test_a_position_comes_back_where_it_was():
    """A gradient over the canvas, seen from the picture, is the same gradient in picture coordinates."""
    box = Letterbox(200, 100, 64)
    rows = torch.arange(64.0)[:, None].expand(64, 64) + 0.5
    back = box.to_picture(rows)
    assert back.shape == (100, 200)
    expected = (torch.arange(100.0) + 0.5) * 32 / 100
    torch.testing.assert_close(back[2:-2, 0], expected[2:-2], atol=1e-4, rtol=0)


def test_padding_never_leaks_into_the_picture():
    box = Letterbox(100, 50, 64)
    values = torch.zeros(2, 64, 64)
    values[:, 32:] = 1e6
    assert not box.to_picture(values).any()


@pytest.mark.parametrize("size", [(480, 480), (7, 3)])
def test_any_size_can_be_asked_for(size):
    assert Letterbox(100, 50, 64).to_picture(torch.zeros(3, 64, 64), size).shape == (3, *size)
