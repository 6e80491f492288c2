"""ImageNet's normalization turned into CLIP's, with timm's numbers for both."""

import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from grisq.models.layers.clip_normalization import normalize_for_clip


def test_pixels_are_those_that_clips_own_normalization_gives():
    pixels = torch.rand(2, 3, 4, 5)

    def normalized(mean, std):
        return (pixels - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)

    found = normalize_for_clip(normalized(IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD))
    torch.testing.assert_close(found, normalized(OPENAI_CLIP_MEAN, OPENAI_CLIP_STD), atol=1e-5, rtol=1e-4)
