import math

import torch

from grisq.models.layers.position_encoding import grid_centers, index_positions, sine_positions


def test_centers_are_fractions_of_the_valid_rectangle():
    valid = torch.zeros(1, 3, 4, dtype=torch.bool)
    valid[:, :2, :4] = True
    centers = grid_centers((3, 4), valid, torch.zeros(1)).view(3, 4, 2)
    assert centers[0, 0].tolist() == [0.125, 0.25]
    assert centers[1, 3].tolist() == [0.875, 0.75]


def test_sine_positions_equal_the_formula():
    centers, channels = torch.rand(2, 5, 2), 16
    out = sine_positions(centers, channels)
    half = channels // 2
    for b in range(2):
        for n in range(5):
            x, y = centers[b, n].tolist()
            expected = []
            for value in (y, x):
                for i in range(half // 2):
                    angle = 2 * math.pi * value / 10_000 ** (2 * i / half)
                    expected += [math.sin(angle), math.cos(angle)]
            torch.testing.assert_close(out[b, n], torch.tensor(expected), atol=1e-5, rtol=1e-5)


def test_equal_to_mask2formers_up_to_where_a_position_is_measured():
    """transformers measures the lower right corner of a position (cumulative sum), here its center."""
    from transformers.models.mask2former.modeling_mask2former import Mask2FormerSinePositionEmbedding

    theirs = Mask2FormerSinePositionEmbedding(num_position_features=8, normalize=True)
    expected = theirs((1, 1, 6, 4), torch.device("cpu"), torch.float32).flatten(2).transpose(1, 2)
    corners = grid_centers((6, 4), None, torch.zeros(1)) + torch.tensor([0.5 / 4, 0.5 / 6])
    torch.testing.assert_close(sine_positions(corners, 16), expected, atol=1e-4, rtol=1e-4)


def test_index_positions_equal_the_formula():
    H, W, channels = 2, 3, 8
    out = index_positions((H, W), channels, torch.zeros(1)).view(H, W, channels)
    half = channels // 2
    for row in range(H):
        for column in range(W):
            expected = []
            for value in (column, row):
                for i in range(half // 2):
                    angle = value / 10_000 ** (2 * i / half)
                    expected += [math.sin(angle), math.cos(angle)]
            torch.testing.assert_close(out[row, column], torch.tensor(expected))
