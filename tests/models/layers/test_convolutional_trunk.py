"""The convolutional trunks are timm's own, and do not read the padding."""

import pytest
import timm
import torch
from torch import nn

from grisq.config import ConvNetConfig
from grisq.models.layers.convolutional_trunk import ConvolutionalTrunk, build_convnet

PUBLISHED = {
    "darknet": (ConvNetConfig(), "darknet53", 40_584_928),
    "resnet": (ConvNetConfig("resnet", 64, (256, 512, 1024, 2048), (3, 4, 23, 3)), "resnet101", 42_500_160),
    "clip-resnet": (
        ConvNetConfig("clip-resnet", 64, (256, 512, 1024, 2048), (3, 4, 23, 3)),
        "resnet101_clip_gap",
        42_519_392,
    ),
}


def small(family):
    return ConvNetConfig(family, stem=8, widths=(16, 16, 24, 32), depths=(1, 1, 2, 1))


@pytest.mark.parametrize("family", PUBLISHED)
def test_the_published_sizes_are_those_of_timm_and_of_the_papers(family):
    config, name, parameters = PUBLISHED[family]
    with torch.device("meta"):
        own, reference = build_convnet(config), timm.create_model(name, num_classes=0)
    shapes = {key: value.shape for key, value in reference.state_dict().items()}
    assert {key: value.shape for key, value in own.state_dict().items()} == shapes
    assert sum(p.numel() for p in own.parameters()) == parameters


@pytest.mark.parametrize("family", PUBLISHED)
def test_without_padding_the_levels_are_those_of_timm(family):
    trunk = ConvolutionalTrunk(small(family)).eval()
    trunk.of_clip = False  # timm's network does not normalize
    image = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        levels = trunk(image, None)
        expected = build_convnet(small(family)).eval()
        expected.load_state_dict(trunk.net.state_dict())
        features = expected.forward_intermediates(image, indices=4, intermediates_only=True)
    for level, feature, stride in zip(levels, features, (4, 8, 16, 32), strict=True):
        assert level.size == (64 // stride, 96 // stride)
        torch.testing.assert_close(level.features.permute(0, 3, 1, 2), feature)


@pytest.mark.parametrize("family", PUBLISHED)
def test_neither_more_padding_nor_what_lies_in_it_changes_a_feature(family):
    trunk = ConvolutionalTrunk(small(family)).eval()
    for module in trunk.modules():  # else a normalization of zeros gives zeros
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
    picture = torch.randn(1, 3, 50, 61)

    def on_canvas(height, width, filling):
        image, valid = torch.full((1, 3, height, width), filling), torch.zeros(1, height, width, dtype=torch.bool)
        image[..., :50, :61], valid[:, :50, :61] = picture, True
        return image, valid

    with torch.no_grad():
        small_canvas = trunk(*on_canvas(64, 64, 0.0))
        for other in (trunk(*on_canvas(96, 128, 0.0)), trunk(*on_canvas(64, 64, 9.0))):
            for level, again in zip(small_canvas, other):
                h, w = int(level.valid[0, :, 0].sum()), int(level.valid[0, 0].sum())
                torch.testing.assert_close(level.features[:, :h, :w], again.features[:, :h, :w], atol=1e-4, rtol=1e-4)


def test_the_leak_of_darknet_is_a_tenth():
    slopes = {
        each.negative_slope for each in build_convnet(small("darknet")).modules() if isinstance(each, nn.LeakyReLU)
    }
    assert slopes == {0.1}


def test_a_copied_trunk_has_masks_of_its_own():
    import copy

    trunk = ConvolutionalTrunk(small("darknet")).eval()
    twin = copy.deepcopy(trunk)
    image, valid = torch.randn(1, 3, 64, 64), torch.ones(1, 64, 64, dtype=torch.bool)
    valid[:, 40:] = False
    with torch.no_grad():
        for level, again in zip(trunk(image, valid), twin(image, valid)):
            torch.testing.assert_close(level.features, again.features)
