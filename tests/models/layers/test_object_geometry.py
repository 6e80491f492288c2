"""Where objects lie to each other and in their picture, by hand."""

import pytest
import torch

from grisq.models.layers.object_geometry import FAR, clip, distances, nearest, offsets_to


def test_boxes_are_cut_at_the_border_of_their_own_picture():
    """Two pictures of 40x80 and 60x50 pixels, height first."""
    boxes = torch.tensor([[[-5.0, -7.0, 90.0, 100.0], [30.0, -2.0, 70.0, 55.0]]]).expand(2, -1, -1)
    cut = clip(boxes, torch.tensor([[40.0, 80.0], [60.0, 50.0]]))
    assert cut[0].tolist() == [[0, 0, 80, 40], [30, 0, 70, 40]]
    assert cut[1].tolist() == [[0, 0, 50, 60], [30, 0, 50, 55]]


def test_boxes_inside_the_picture_are_left_as_they_are():
    boxes = torch.tensor([[[0.0, 0.0, 80.0, 40.0], [3.25, 4.5, 10.75, 39.5], [79.0, 39.0, 80.0, 40.0]]])
    assert torch.equal(clip(boxes, torch.tensor([[40.0, 80.0]])), boxes)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([-30, 5, -10, 15], [0, 5, 1, 15]),  # to the left
        ([95, 5, 120, 15], [79, 5, 80, 15]),  # to the right
        ([20, -9, 30, -4], [20, 0, 30, 1]),  # above
        ([20, 55, 30, 70], [20, 39, 30, 40]),  # below
        ([120, 90, 150, 95], [79, 39, 80, 40]),  # beyond a corner
        ([20.25, 5, 20.5, 15], [20.25, 5, 21.25, 15]),  # inside, but narrow
    ],
)
def test_a_box_keeps_a_pixel_in_width_and_height(box, expected):
    assert clip(torch.tensor([[box]]).float(), torch.tensor([[40.0, 80.0]])).tolist() == [[expected]]


def test_distances_are_those_of_centers():
    """From (5, 10) to (20, 30) are 15 to the right and 20 down; the third place is empty."""
    boxes = torch.tensor([[[0.0, 0.0, 10.0, 20.0], [10.0, 20.0, 30.0, 40.0], [0.0, 0.0, 2.0, 2.0]]])
    apart = distances(boxes, torch.tensor([[True, True, False]]))
    assert apart[0, :2].tolist() == [[FAR, 25, FAR], [25, FAR, FAR]]


def test_offsets_and_neighbors_by_hand():
    boxes = torch.tensor([[[0.0, 0.0, 10.0, 20.0], [10.0, 20.0, 30.0, 40.0]]])
    which = torch.tensor([[[1], [0]]])
    # From the center (5, 10) of the first, in units of its sides 10 and 20; the other has twice its area.
    expected = [(10 - 5) / 10, (20 - 10) / 20, (30 - 5) / 10, (40 - 10) / 20, 400 / 200]
    torch.testing.assert_close(offsets_to(boxes, which)[0, 0, 0], torch.tensor(expected))
    apart = torch.tensor([[[1e6, 3.0, 1.0], [3.0, 1e6, 1e6], [1.0, 1e6, 1e6]]])
    closest, known = nearest(apart)
    assert closest[0, 0, :2].tolist() == [2, 1]
    assert known[0].sum(-1).tolist() == [2, 1, 1]
