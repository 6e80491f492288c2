"""From ImageNet's normalization, which all pictures have here, to CLIP's."""

from torch import Tensor

from grisq.config.normalization import CLIP_MEAN, CLIP_STD, IMAGENET_MEAN, IMAGENET_STD
from grisq.runtime.constants import constant


def normalize_for_clip(image: Tensor) -> Tensor:
    """(B, 3, H, W) normalized by ImageNet's mean and deviation -> the same pixels normalized by CLIP's."""
    mean, std, clip_mean, clip_std = (
        constant(each, device=image.device).view(3, 1, 1) for each in (IMAGENET_MEAN, IMAGENET_STD, CLIP_MEAN, CLIP_STD)
    )
    return image * (std / clip_std) + (mean - clip_mean) / clip_std
