"""The neck that CRIS, VLT and LTS share."""

import torch

from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.neck import Neck, coordinates, for_each_expression


def levels(batch=1):
    return [FeatureMap(torch.randn(batch, side, side, C), None) for side, C in ((8, 6), (4, 7), (2, 9))]


def test_it_has_the_size_of_the_released_one():
    """23,093,760 parameters: counted from the classes that CRIS released, with its configuration for RefCOCO."""
    with torch.device("meta"):
        neck = Neck((512, 1024, 512), 512, (256, 512, 1024))
    assert sum(p.numel() for p in neck.parameters()) == 23_093_760


def test_the_map_has_the_middle_size_and_hears_the_sentence():
    neck, maps = Neck((6, 7, 9), 5, (8, 10, 12)).eval(), levels()
    with torch.no_grad():
        one, other = (neck(maps, torch.randn(1, 5)).features for _ in range(2))
    assert one.shape == (1, 4, 4, 10)
    assert not torch.allclose(one, other)


def test_coordinates_run_over_the_picture_and_not_over_its_padding():
    valid = torch.zeros(1, 4, 4, dtype=torch.bool)
    valid[:, :2, :3] = True
    x, y = coordinates(FeatureMap(torch.zeros(1, 4, 4, 1), valid), torch.zeros(1, 1, 4, 4))[0]
    torch.testing.assert_close(x[0, :3], torch.tensor([-2 / 3, 0.0, 2 / 3]))
    torch.testing.assert_close(y[:2, 0], torch.tensor([-0.5, 0.5]))


def test_one_picture_is_repeated_for_its_expressions():
    maps = for_each_expression(levels(), 3)
    assert [each.features.shape[0] for each in maps] == [3, 3, 3]
    assert for_each_expression(maps, 3) is maps
