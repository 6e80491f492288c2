"""What each system of Table 1 changes in a preset: its own sizes, text encoder, canvas and losses."""

from collections.abc import Mapping
from types import MappingProxyType

from grisq.config.schema import (
    CLIPVisionTowerConfig,
    ConvNetConfig,
    CRISConfig,
    LISAConfig,
    LTSConfig,
    MAttNetConfig,
    SAMConfig,
    VLTConfig,
)
from grisq.runtime.errors import InputError

_DARKNET = ConvNetConfig(
    "darknet", 8, (32, 80, 160, 256), (1, 2, 2, 1), pretrained="bundled:encoders/darknet.safetensors"
)
_NECK = (48, 80, 128)
_RESNET = {"widths": (96, 160, 224, 320), "depths": (1, 1, 2, 1)}
_OWN_WORDS = {"model.text.pretrained": None}  # learned from scratch, with a vocabulary of the training's expressions
_LISA_AND_GSVA = {
    "model.lisa": LISAConfig(
        # CLIP sees the picture at a lower resolution than SAM, as in the original.
        CLIPVisionTowerConfig(
            hidden=96,
            layers=3,
            heads=4,
            intermediate=192,
            side=64,
            patch=8,
            read_layer=-1,
            pretrained="bundled:encoders/clip-vit.safetensors",
        ),
        SAMConfig(
            hidden=128,
            layers=4,
            heads=4,
            intermediate=256,
            patch=8,
            window=4,
            global_layers=(1, 3),
            channels=64,
            decoder_feedforward=128,
            decoder_heads=4,
            further_masks=0,
            pretrained="bundled:encoders/sam-clicks.safetensors",
        ),
        aligned="bundled:encoders/llava.safetensors",
        lora_rank=0,  # the language model is small enough to be trained as a whole
    ),
    "model.text.hidden": 128,
    "model.text.layers": 3,
    "model.text.heads": 4,
    "model.text.intermediate": 256,
    "model.text.pretrained": "bundled:encoders/llama",
}

# At `tiny` all have one to three million parameters. Dropout is off, as for the other systems there.
_TINY = {
    "mattnet": {
        "model.mattnet": MAttNetConfig(
            ConvNetConfig("resnet", 16, **_RESNET, pretrained="bundled:encoders/resnet.safetensors"),
            detector=48,
            categories=30,
            mask_maps=8,
            proposals=12,  # a synthetic picture has at most ten objects
            cells=3,
            width=96,
            attributes=10,
            lambda_attributes=0.1,
            dropout=0.0,
            word_dropout=0.0,
        )
    }
    | _OWN_WORDS,
    "lts": {
        "model.lts": LTSConfig(_DARKNET, 48, _NECK, heads=4, feedforward=128, dropout=0.0, segmenter=48),
    }
    | _OWN_WORDS,
    "vlt": {
        "model.vlt": VLTConfig(
            _DARKNET,
            48,
            _NECK,
            queries=16,
            width=96,
            layers=2,
            heads=4,
            feedforward=128,
            dropout=0.0,
            drawing=64,
            drawing_stride=8,  # an object is one or two cells wide at stride 16 of so small a canvas
        )
    }
    | _OWN_WORDS,
    "cris": {
        "model.cris": CRISConfig(
            ConvNetConfig("clip-resnet", 24, **_RESNET, pretrained="bundled:encoders/clip-resnet.safetensors"),
            joint=96,
            pool_heads=8,
            pool_side=4,
            neck=(48, 96, 128),
            layers=2,
            heads=4,
            feedforward=256,
            dropout=0.0,
        ),
        "model.text.pretrained": "bundled:encoders/clip-text",
    },
    "lisa": _LISA_AND_GSVA,
    "gsva": _LISA_AND_GSVA,
}

_LLAMA_7B = {
    "model.text.hidden": 4096,
    "model.text.layers": 32,
    "model.text.heads": 32,
    "model.text.intermediate": 11008,
    "model.text.vocabulary": 32_002,  # Llama's, and two words that LLaVA adds
    "model.text.dropout": 0.0,
    "model.text.max_tokens": 40,
    "model.text.pretrained": None,  # LLaVA was published as a difference to Llama; docs/systems.md says how to load it
    "model.image_size": 1024,
}
_RECURRENT = {  # LTS, VLT: a GRU of 1,024 over word vectors
    "model.text.hidden": 1024,
    "model.text.heads": 8,
    "model.text.vocabulary": 10_000,
    "model.text.max_tokens": 17,  # 15 words, and the two marks around them
    "model.text.pretrained": None,
    "model.image_size": 416,
}
_PAPER = {
    "mattnet": {"model.text.vocabulary": 1_999, "model.text.max_tokens": 12, "model.text.pretrained": None},
    "lts": _RECURRENT,
    "vlt": _RECURRENT,
    "cris": {
        "model.cris.pool_pretrained": True,
        "model.text.hidden": 512,
        "model.text.layers": 12,
        "model.text.heads": 8,
        "model.text.intermediate": 2048,
        "model.text.vocabulary": 49_408,
        "model.text.dropout": 0.0,
        "model.text.max_tokens": 17,
        "model.text.max_tokens_mosaic": 77,  # all the positions that CLIP has
        "model.text.pretrained": None,
        "model.image_size": 416,
    },
    "lisa": _LLAMA_7B,
    "gsva": _LLAMA_7B,
}

_EVEN = {"train.pixel_weights": (1.0, 1.0)}  # published without class weights
_WEIGHTED = {"train.pixel_weights": (0.9, 1.1)}  # background, target
# Pixel loss 2, dice 0.5, next word 1; several expressions of a picture in a step, as released.
_CONVERSATIONS = {"train.loss_scale": 2.0, "train.expressions_per_picture": 4} | _EVEN
# Each system's own losses, at any size; docs/systems.md compares them.
_LOSSES = {
    # Its threshold has a loss of its own; and it learns to tell two expressions of a picture apart.
    "mattnet": {"train.lambda_presence": 0.0, "train.expressions_per_picture": 2} | _EVEN,
    "lts": _EVEN,
    "vlt": _EVEN,
    "cris": _EVEN,
    "lavt": _WEIGHTED,
    # Class weights for mask, minimap and presence, and the sum times five.
    "rela": {"train.presence_weights": (1.1, 0.9), "train.loss_scale": 5.0} | _WEIGHTED,
    "lisa": _CONVERSATIONS,
    "gsva": {"train.lambda_presence": 0.0} | _CONVERSATIONS,  # refusing is the next word's loss
}

SYSTEM_SETTINGS: Mapping[str, Mapping[str, Mapping[str, object]]] = MappingProxyType({"tiny": _TINY, "paper": _PAPER})


def has_sizes(preset: str, system: str) -> bool:
    """Whether a preset has sizes for a system: those on Swin and BERT take the preset's own, the others need some."""
    return system not in _TINY or system in SYSTEM_SETTINGS.get(preset, {})


def settings_of_system(preset: str, system: str) -> Mapping[str, object]:
    """What a system changes in a preset, by the name of the setting: its losses, and its sizes unless they are the
    preset's own, as those of the systems on Swin and BERT.

    Raises: InputError if the preset has no sizes for the system, which would else be built at its published size.
    """
    if not has_sizes(preset, system):
        raise InputError(f"The preset {preset} has no sizes for {system}: choose {' or '.join(SYSTEM_SETTINGS)}.")
    return {**_LOSSES.get(system, {}), **SYSTEM_SETTINGS.get(preset, {}).get(system, {})}
