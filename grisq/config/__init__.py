"""Configuration of a run.

`preset("tiny")` gives one; `override(preset, {"train.steps": 100})` changes single fields by their dotted name;
`settings_of` lists them with their meaning; `to_dict` and `from_dict` carry a configuration through a checkpoint.
"""

from grisq.config.fields import Setting, settings_of
from grisq.config.overrides import flat, from_dict, override, to_dict
from grisq.config.presets import PRESETS, preset
from grisq.config.schema import (
    AugmentConfig,
    CLIPVisionTowerConfig,
    ConvNetConfig,
    CRISConfig,
    LAVTConfig,
    LISAConfig,
    LTSConfig,
    MAttNetConfig,
    ModelConfig,
    Preset,
    ReLAConfig,
    SAMConfig,
    SwinConfig,
    TextConfig,
    TrainConfig,
    VLTConfig,
)

__all__ = [
    "PRESETS",
    "AugmentConfig",
    "CLIPVisionTowerConfig",
    "CRISConfig",
    "ConvNetConfig",
    "LAVTConfig",
    "LISAConfig",
    "LTSConfig",
    "MAttNetConfig",
    "ModelConfig",
    "Preset",
    "ReLAConfig",
    "SAMConfig",
    "Setting",
    "SwinConfig",
    "TextConfig",
    "TrainConfig",
    "VLTConfig",
    "flat",
    "from_dict",
    "override",
    "preset",
    "settings_of",
    "to_dict",
]
