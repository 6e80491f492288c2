import pytest
import torch
import torch.nn.functional as F

from grisq.models.heads import MaskHead, mlp
from grisq.models.multimodal_encoder import FeatureMap


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
