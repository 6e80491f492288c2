"""Every size, rate and step of a run as frozen dataclasses. No module asks which preset it serves."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class SwinConfig:
    """Swin Transformer (Liu et al. 2021) that carries the multimodal encoder."""

    embed_dim: int = 128
    depths: tuple[int, ...] = (2, 2, 18, 2)
    num_heads: tuple[int, ...] = (4, 8, 16, 32)
    window: int = 12
    drop_path: float = 0.3  # as ReLA and Mask2Former; the paper does not say
    pretrained: str | None = None  # name of a timm model with ImageNet weights; None: random initialization


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
    holdout: float = 0.0  # share of the train pictures kept from training to choose the checkpoint `best`; 0: no `best`
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
