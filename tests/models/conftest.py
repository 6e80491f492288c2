"""Every system as small as it can be and still have all of its parts."""

import pytest

from grisq.config import (
    CLIPEyeConfig,
    ConvNetConfig,
    CRISConfig,
    LAVTConfig,
    LISAConfig,
    LTSConfig,
    MAttNetConfig,
    ReLAConfig,
    SAMConfig,
    VLTConfig,
)


def small_trunk(family):
    return ConvNetConfig(family, stem=8, widths=(16, 16, 24, 32), depths=(1, 1, 1, 1))


@pytest.fixture(scope="session")
def small_systems():
    """The groups of settings that the systems have for themselves, to be put into the small model's."""
    return {
        "lavt": LAVTConfig(hidden=16),
        "rela": ReLAConfig(regions=4, layers=2, feedforward=32),
        "cris": CRISConfig(
            small_trunk("clip-resnet"), 16, 4, 3, (8, 16, 24), layers=2, heads=2, feedforward=32, dropout=0.0
        ),
        "lts": LTSConfig(small_trunk("darknet"), 12, (8, 16, 24), heads=2, feedforward=32, dropout=0.0, segmenter=16),
        "vlt": VLTConfig(
            small_trunk("darknet"), 12, (8, 16, 24), 4, 16, layers=1, heads=2, feedforward=32, dropout=0.0, drawing=16
        ),
        "lisa": LISAConfig(
            CLIPEyeConfig(hidden=16, layers=2, heads=2, intermediate=32, side=64, patch=8, read_layer=-1),
            SAMConfig(
                hidden=16,
                layers=2,
                heads=2,
                intermediate=32,
                patch=8,
                window=4,
                global_layers=(1,),
                channels=16,
                decoder_feedforward=32,
                decoder_heads=2,
                further_masks=0,
            ),
            lora_rank=0,
        ),
        "mattnet": MAttNetConfig(
            small_trunk("resnet"),
            16,
            categories=30,
            mask_maps=4,
            least_score=0.05,
            cells=3,
            width=16,
            attributes=12,
            lambda_attributes=0.1,
            dropout=0.0,
            word_dropout=0.0,
        ),
    }
