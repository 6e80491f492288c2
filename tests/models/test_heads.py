import pytest
import torch
import torch.nn.functional as F

from grisq.models.heads import MaskHead, mlp
from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.padding import pool


def inputs(height=8):
    first, second = FeatureMap(torch.randn(2, height, 12, 6), None), FeatureMap(torch.randn(2, height // 2, 6, 9), None)
    return torch.randn(2, height // 2 * 6, 16), second, first


@pytest.mark.parametrize("height", [2, 4, 10])  # less than one strip, one, and several with a rest
def test_full_resolution_head_equals_the_papers_order(height):
    """Sum, upsample to the picture, then the whole MLP: the first layer here runs before the upsampling."""
    head = MaskHead(channels_in=6, channels=16).eval()
    finest, second, first = inputs(height)
    coarse = finest.transpose(1, 2).reshape(2, 16, height // 2, 6)
    lateral = head.lateral(first).transpose(1, 2).reshape(2, 16, height, 12)
    x = lateral + F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    x = F.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)
    expected = head.mlp(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    torch.testing.assert_close(head(finest, second, first, None), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("padded", [False, True])
def test_strips_of_prediction_and_the_one_of_training_are_alike(padded):
    head = MaskHead(channels_in=6, channels=16)
    finest, second, first = inputs(10)
    valid = None
    if padded:
        valid = torch.zeros(2, 40, 48, dtype=torch.bool)
        valid[0, :27, :41], valid[1] = True, True
        first, second = FeatureMap(first.features, pool(valid, 4)), FeatureMap(second.features, pool(valid, 8))
    trained = head(finest, second, first, valid)
    with torch.no_grad():
        predicted = head(finest, second, first, valid)
    torch.testing.assert_close(predicted, trained, atol=2e-6, rtol=0)


@pytest.mark.parametrize("at", ["full", "quarter"])
def test_more_padding_changes_nothing_inside_the_picture(at):
    head = MaskHead(channels_in=6, channels=16, at=at)
    valid = torch.zeros(1, 48, 64, dtype=torch.bool)
    valid[:, :32, :48] = True
    features = torch.randn(1, 8, 12, 6), torch.randn(1, 4, 6, 9), torch.randn(1, 4, 6, 16)
    first, second, finest = (F.pad(x, (0, 0, 0, w, 0, h), value=9.0) for x, h, w in zip(features, (4, 2, 2), (4, 2, 2)))
    padded = head(finest.flatten(1, 2), FeatureMap(second, pool(valid, 8)), FeatureMap(first, pool(valid, 4)), valid)
    alone = head(features[2].flatten(1, 2), FeatureMap(features[1], None), FeatureMap(features[0], None), None)
    torch.testing.assert_close(padded[:, :, :32, :48], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("at", ["full", "quarter"])
def test_two_channels_at_the_pictures_size(at):
    head = MaskHead(channels_in=6, channels=16, at=at)
    assert head(*inputs(), None).shape == (2, 2, 32, 48)


def test_mlp_has_relu_between_its_layers_and_none_after():
    head = mlp(3, 5, 2, layers=3)
    x = torch.randn(4, 3)
    a, b, c = head[0], head[2], head[4]
    torch.testing.assert_close(head(x), c(b(a(x).clamp(min=0)).clamp(min=0)))
    assert len(head) == 5
