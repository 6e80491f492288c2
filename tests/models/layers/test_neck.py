"""The neck that CRIS, VLT and LTS share."""

import torch
import torch.nn.functional as F
from torch import nn

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


def test_the_map_is_its_formula():
    """The convolutions are taken as they are; what joins them is written out."""
    neck = Neck((6, 7, 9), 5, (8, 10, 12)).eval()
    for norm in neck.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2.0)
    maps = [FeatureMap(torch.randn(2, *size, C), None) for *size, C in ((8, 12, 6), (4, 6, 7), (2, 3, 9))]
    sentence = torch.randn(2, 5)
    found = neck(maps, sentence).features

    def doubled(x):
        return F.interpolate(x, scale_factor=2, mode="bilinear")

    v3, v4, v5 = (each.features.permute(0, 3, 1, 2) for each in maps)
    t = neck.sentence_norm(sentence @ neck.sentence.weight.T).clamp(min=0)
    assert (t == 0).any()  # the ReLU has something to do
    f5 = F.relu(neck.fused_norm(neck.coarse(v5) * t[:, :, None, None]))
    f4 = neck.join_middle(torch.cat([neck.middle(v4), doubled(f5)], dim=1))
    x = neck.fine(v3)
    averaged = (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4
    f3 = neck.join_fine(torch.cat([averaged, f4], dim=1))
    smooth3, smooth4, smooth5 = neck.smooth
    x = neck.aggregate(torch.cat([smooth3(f3), smooth4(f4), doubled(smooth5(f5))], dim=1))
    columns = torch.tensor([-5, -3, -1, 1, 3, 5]) / 6
    rows = torch.tensor([-3, -1, 1, 3]) / 4
    places = torch.stack([columns.expand(4, 6), rows[:, None].expand(4, 6)])
    first, second = neck.place
    x = second(first(torch.cat([x, places.expand(2, -1, -1, -1)], dim=1)))
    torch.testing.assert_close(found, x.permute(0, 2, 3, 1), atol=1e-5, rtol=1e-4)


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
