"""Every size, rate and step of a run as frozen dataclasses. No module asks which preset it serves.

The text behind a field's type is its meaning; `grisq settings` prints it, and the bounds are checked when a value is
read (see `grisq.config.fields`).
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

Count = Annotated[int, Meta(ge=1)]
CountOrZero = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
ShareBelowOne = Annotated[float, Meta(ge=0, lt=1)]
Inside = Annotated[float, Meta(gt=0, lt=1)]
Factor = Annotated[float, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
Tokens = Annotated[int, Meta(ge=3, le=512)]  # [CLS], a piece, [SEP]; BERT has positions for 512
Side = Annotated[int, Meta(ge=32, multiple_of=32)]


_RESNET_101 = ((256, 512, 1024, 2048), (3, 4, 23, 3))  # widths and depths (He et al. 2016)


@dataclass(frozen=True)
class SwinConfig:
    """Swin Transformer (Liu et al. 2021), the trunk of the multimodal encoder."""

    embed_dim: Annotated[Count, "channels of the first stage; each further stage doubles them"] = 128
    depths: Annotated[tuple[Count, Count, Count, Count], "blocks of the four stages"] = (2, 2, 18, 2)
    num_heads: Annotated[tuple[Count, Count, Count, Count], "attention heads of the four stages"] = (4, 8, 16, 32)
    window: Annotated[Count, "side of an attention window, positions"] = 12
    drop_path: Annotated[Share, "highest rate of stochastic depth; as ReLA and Mask2Former, the paper gives none"] = 0.3
    fused_attention: Annotated[
        bool,
        "attention by scaled_dot_product_attention: less memory on GPUs, no gain on CPUs; the same but for rounding",
    ] = False
    pretrained: Annotated[
        str | None, "ImageNet weights: a file or the name of a timm model; none: random initialization"
    ] = None


@dataclass(frozen=True)
class ConvNetConfig:
    """A convolutional trunk; the defaults are DarkNet-53 (Redmon and Farhadi 2018)."""

    family: Annotated[Literal["darknet", "resnet", "clip-resnet"], "the network"] = "darknet"
    stem: Annotated[Count, "channels of the first layers"] = 32
    widths: Annotated[tuple[Count, Count, Count, Count], "channels of the stages at strides 4, 8, 16 and 32"] = (
        128,
        256,
        512,
        1024,
    )
    depths: Annotated[tuple[Count, Count, Count, Count], "blocks of these stages"] = (2, 8, 8, 4)
    pretrained: Annotated[str | None, "weights: a file or the name of a timm model; none: random initialization"] = None


@dataclass(frozen=True)
class TextConfig:
    """The text encoder and its tokenizer: BERT (Devlin et al. 2019) for LAVT, ReLA and ours.

    CRIS and LISA read the same sizes for CLIP's transformer and for Llama; a recurrent network has `hidden`,
    `vocabulary` and the two limits alone.
    """

    hidden: Annotated[Count, "channels of f^T"] = 768
    layers: Annotated[Count, "transformer layers"] = 12
    heads: Annotated[Count, "attention heads of a layer"] = 12
    intermediate: Annotated[Count, "hidden channels of a layer's feed-forward part"] = 3072
    vocabulary: Annotated[Count, "number of word pieces"] = 30522
    dropout: Annotated[Share, "rate of dropout, in attention too"] = 0.1
    max_tokens: Annotated[Tokens, "tokens of one expression, [CLS] and [SEP] included; longer ones are cut"] = 20
    max_tokens_mosaic: Annotated[Tokens, 'tokens of up to four expressions joined by "and"'] = 80
    pretrained: Annotated[
        str | None,
        "weights and tokenizer: a folder, a hub name or package:NAME/FOLDER; none: random weights, own vocabulary",
    ] = None


@dataclass(frozen=True)
class LAVTConfig:
    """Decoder of LAVT (Yang et al. 2022), used where `ModelConfig.system` is "lavt"."""

    hidden: Annotated[Count, "channels of the decoder's convolutions"] = 512


@dataclass(frozen=True)
class ReLAConfig:
    """Decoder of ReLA (Liu, Ding and Jiang 2023), used where `ModelConfig.system` is "rela"."""

    regions: Annotated[Count, "P: the picture is divided into P x P regions, one query each"] = 10
    layers: Annotated[Count, "layers over the region queries"] = 9
    feedforward: Annotated[Count, "hidden channels of a layer's feed-forward part"] = 2048
    lambda_minimap: Annotated[Factor, "weight of the minimap's cross-entropy in the total loss"] = 0.1


@dataclass(frozen=True)
class CRISConfig:
    """CRIS (Wang et al. 2022), used where `ModelConfig.system` is "cris"."""

    trunk: ConvNetConfig = field(default_factory=lambda: ConvNetConfig("clip-resnet", 64, *_RESNET_101))
    joint: Annotated[Count, "channels of the sentence and of the coarsest level, the space that CLIP aligned"] = 512
    pool_heads: Annotated[Count, "heads of CLIP's attention pool"] = 32
    pool_side: Annotated[Count, "side of the grid of positions that CLIP learned"] = 7
    neck: Annotated[tuple[Count, Count, Count], "channels of the neck at strides 8, 16 and 32"] = (256, 512, 1024)
    layers: Annotated[Count, "decoder layers over positions and words"] = 3
    heads: Annotated[Count, "attention heads of a layer"] = 8
    feedforward: Annotated[Count, "hidden channels of a layer's feed-forward part"] = 2048
    dropout: Annotated[Share, "rate of dropout in the decoder"] = 0.1
    pool_pretrained: Annotated[
        bool, "whether the trunk's weights hold CLIP's attention pool, and it starts from them"
    ] = False


@dataclass(frozen=True)
class LTSConfig:
    """LTS (Jing et al. 2021), used where `ModelConfig.system` is "lts"; the text's width is `model.text.hidden`."""

    trunk: ConvNetConfig = field(default_factory=ConvNetConfig)
    embedding: Annotated[Count, "channels of a word vector"] = 300
    neck: Annotated[tuple[Count, Count, Count], "channels of the neck at strides 8, 16 and 32"] = (256, 512, 1024)
    heads: Annotated[Count, "attention heads of the interaction layer"] = 8
    feedforward: Annotated[Count, "hidden channels of its feed-forward part"] = 512
    dropout: Annotated[Share, "rate of dropout in it"] = 0.1
    segmenter: Annotated[Count, "channels of the segmenter"] = 256
    lambda_prior: Annotated[Factor, "weight of the prior's cross-entropy in the total loss"] = 0.1


@dataclass(frozen=True)
class VLTConfig:
    """VLT (Ding et al. 2021), used where `ModelConfig.system` is "vlt"; the text's width is `model.text.hidden`."""

    trunk: ConvNetConfig = field(default_factory=ConvNetConfig)
    embedding: Annotated[Count, "channels of a word vector"] = 300
    neck: Annotated[tuple[Count, Count, Count], "channels of the neck at strides 8, 16 and 32"] = (256, 512, 1024)
    queries: Annotated[Count, "N, readings of the sentence"] = 16
    width: Annotated[Count, "channels of the queries and of the transformer"] = 256
    layers: Annotated[Count, "layers of the transformer's encoder, and of its decoder"] = 2
    heads: Annotated[Count, "attention heads"] = 8
    feedforward: Annotated[Count, "hidden channels of a layer's feed-forward part"] = 256
    dropout: Annotated[Share, "rate of dropout in the transformer and over the words"] = 0.1
    drawing: Annotated[Count, "channels of the convolutions that turn drawn maps into a mask"] = 256
    drawing_stride: Annotated[Literal[16, 8], "stride of the maps that are drawn"] = 16


@dataclass(frozen=True)
class CLIPVisionTowerConfig:
    """CLIP's vision transformer (Radford et al. 2021); the defaults are ViT-L/14."""

    hidden: Annotated[Count, "channels"] = 1024
    layers: Annotated[Count, "transformer layers"] = 24
    heads: Annotated[Count, "attention heads of a layer"] = 16
    intermediate: Annotated[Count, "hidden channels of a layer's feed-forward part"] = 4096
    side: Annotated[Count, "side of the picture that it reads, pixels; the canvas is shrunk to it"] = 224
    patch: Annotated[Count, "side of a patch, pixels"] = 14
    read_layer: Annotated[int, "the layer whose states are read; -2 is the last but one"] = -2
    pretrained: Annotated[str | None, "weights: a folder or a hub name; none: random initialization"] = None


@dataclass(frozen=True)
class SAMConfig:
    """SAM (Kirillov et al. 2023); the defaults are ViT-H."""

    hidden: Annotated[Count, "channels of the image encoder"] = 1280
    layers: Annotated[Count, "its transformer layers"] = 32
    heads: Annotated[Count, "attention heads of a layer"] = 16
    intermediate: Annotated[Count, "hidden channels of a layer's feed-forward part"] = 5120
    patch: Annotated[Count, "side of a patch, pixels"] = 16
    window: Annotated[Count, "side of an attention window, positions"] = 14
    global_layers: Annotated[tuple[CountOrZero, ...], "layers that attend to the whole map"] = (7, 15, 23, 31)
    channels: Annotated[Count, "channels of the map and of the mask decoder"] = 256
    decoder_feedforward: Annotated[Count, "hidden channels of the mask decoder's feed-forward parts"] = 2048
    decoder_heads: Annotated[Count, "attention heads of the mask decoder"] = 8
    further_masks: Annotated[CountOrZero, "masks beside the one that is used"] = 3
    pretrained: Annotated[str | None, "weights: a folder or a hub name; none: random initialization"] = None


@dataclass(frozen=True)
class LISAConfig:
    """LISA (Lai et al. 2024) and GSVA (Xia et al. 2024); the sizes of the language model are `model.text`'s."""

    vision_tower: CLIPVisionTowerConfig = field(default_factory=CLIPVisionTowerConfig)
    sam: SAMConfig = field(default_factory=SAMConfig)
    aligned: Annotated[
        str | None,
        "weights of tower, projector and language model after they learned to describe pictures; none: each one's own",
    ] = None
    frozen_encoders: Annotated[
        bool, "whether CLIP's tower and SAM's image encoder keep the weights that they were given; random ones learn"
    ] = True
    lora_rank: Annotated[CountOrZero, "rank of the correction to a frozen language model; 0: all of it is trained"] = 8
    lambda_dice: Annotated[Factor, "weight of the dice loss, as a share of the pixel loss"] = 0.25
    lambda_token: Annotated[Factor, "weight of the next word's cross-entropy, as a share of the pixel loss"] = 0.5


@dataclass(frozen=True)
class MAttNetConfig:
    """MAttNet (Yu et al. 2018), used where `ModelConfig.system` is "mattnet"; its proposals are of our own detector."""

    trunk: ConvNetConfig = field(default_factory=lambda: ConvNetConfig("resnet", 64, *_RESNET_101))
    detector: Annotated[Count, "channels of the detector"] = 256
    categories: Annotated[Count, "categories that the detector tells apart"] = 80
    mask_maps: Annotated[Count, "maps that all masks of a picture share"] = 16
    proposals: Annotated[Count, "objects proposed at most"] = 100
    annotated: Annotated[bool, "judge the annotated objects instead of proposals, as a diagnostic"] = False
    least_score: Annotated[Inside, "probability of a proposal's center at least"] = 0.3
    cells: Annotated[Count, "side of the grid that is read of every box"] = 7
    width: Annotated[Count, "channels of words and of the matching"] = 512
    attributes: Annotated[Count, "attributes, such as colors, that the subject module names"] = 50
    lambda_attributes: Annotated[Factor, "weight of their loss; photographs have no such labels"] = 0.0
    dropout: Annotated[Share, "rate of dropout in the matching"] = 0.1
    word_dropout: Annotated[Share, "rate of dropout of word vectors"] = 0.5
    always_answer: Annotated[
        bool, "answer with the best proposal, as published; false: with those above a threshold"
    ] = False


@dataclass(frozen=True)
class ModelConfig:
    """Everything in Fig. 2. `target_query` and `plurality` are the switches of Table 2.

    `system` selects another system of Table 1; its own sizes are in the field of its name. All
    systems read `channels`, `blocks`, `heads`, `points` and `feedforward` where they share a part.
    """

    system: Annotated[
        Literal["cris", "grisq", "gsva", "lavt", "lisa", "lts", "mattnet", "rela", "vlt"],
        "the system of Table 1 to build",
    ] = "grisq"
    image_size: Annotated[Side, "side of the square letterboxed input, pixels"] = 480
    swin: SwinConfig = field(default_factory=SwinConfig)
    text: TextConfig = field(default_factory=TextConfig)
    channels: Annotated[Count, "C, channels of the pixel decoder, the queries and the heads"] = 256
    blocks: Annotated[Count, "L, MSDS blocks of the pixel decoder and cross-attention blocks of the query"] = 6
    heads: Annotated[Count, "attention heads in the pixel decoder and the queries"] = 8
    points: Annotated[Count, "sampling points for each head and level of an MSDS block"] = 4
    feedforward: Annotated[Count, "hidden channels of the feed-forward layers"] = 1024
    gate: Annotated[
        Literal["lavt", "zero-last", "dead", "none"],
        "start of the language gate into Swin's trunk: LAVT's, a zero last layer, all zero as in ReLA; none: no gate",
    ] = "lavt"
    target_query: Annotated[bool, "presence from the target query; false: from pooled decoder features"] = True
    plurality: Annotated[bool, "whether there is a plurality head; it needs the target query"] = True
    query_level: Annotated[
        Literal[2, 3, 4], "j of f^{M,j}, the level that presence is read from: stride 8, 16 or 32 (Eq. 4 has j = 4)"
    ] = 4
    pooled_hidden: Annotated[
        Count | None,
        "hidden channels of the presence head without target query, which then has three layers; none: two layers of C",
    ] = None
    object_categories: Annotated[
        CountOrZero,
        "categories that ours also learns at every position, from the labels that MAttNet has; 0: none",
    ] = 0
    object_colors: Annotated[CountOrZero, "colors that it learns with them"] = 0
    mask_mlp_at: Annotated[
        Literal["full", "quarter"], "resolution of the mask MLP's hidden layers; quarter is 16 times cheaper"
    ] = "full"
    lavt: LAVTConfig = field(default_factory=LAVTConfig)
    rela: ReLAConfig = field(default_factory=ReLAConfig)
    vlt: VLTConfig = field(default_factory=VLTConfig)
    lts: LTSConfig = field(default_factory=LTSConfig)
    mattnet: MAttNetConfig = field(default_factory=MAttNetConfig)
    cris: CRISConfig = field(default_factory=CRISConfig)
    lisa: LISAConfig = field(default_factory=LISAConfig)


@dataclass(frozen=True)
class AugmentConfig:
    """Sec. 3.3; both probabilities are 0.05 in Sec. 4.2. Zero switches an augmentation off."""

    tau_no: Annotated[Share, "probability that a single-target sample gets the words of another picture"] = 0.05
    tau_multi: Annotated[Share, "probability that a single-target sample joins the mosaic of its batch"] = 0.05


@dataclass(frozen=True)
class TrainConfig:
    """Sec. 3.4 and 4.2."""

    batch: Annotated[Count, "samples of a step, over all processes and accumulation parts"] = 48
    expressions_per_picture: Annotated[
        Count, "expressions of one picture that stand together in a batch, for systems that answer them in turn"
    ] = 1
    steps: Annotated[Count, "optimizer steps of the whole schedule"] = 150_000
    lr: Annotated[Factor, "highest learning rate of new parameters"] = 2.5e-5
    lr_backbone: Annotated[Factor, "highest learning rate of a backbone that starts from pretrained weights"] = 2.5e-6
    weight_decay: Annotated[Factor, "of AdamW; norms, biases and position tables have none"] = 0.01
    poly_power: Annotated[Factor, "exponent of the polynomial decay of the learning rate"] = 0.9
    warmup: Annotated[CountOrZero, "steps of linear warm-up; the paper has none"] = 0
    clip: Annotated[Positive | None, "maximum norm of the gradient over all parameters; the paper has none"] = None
    lambda_presence: Annotated[Factor, "weight of the presence loss (Eq. 5)"] = 0.1
    lambda_plurality: Annotated[Factor, "weight of the plurality loss (Eq. 5)"] = 0.01
    lambda_objects: Annotated[Factor, "weight of what `model.object_categories` adds to the loss"] = 0.1
    presence_weights: Annotated[tuple[Factor, Factor], "class weights of the presence loss: absent, present"] = (
        1.0,
        1.0,
    )
    loss_scale: Annotated[
        Positive, "multiplies the total loss; under AdamW it only matters when gradients are clipped"
    ] = 1.0
    pixel_weights: Annotated[tuple[Factor, Factor], "class weights of the pixel loss: background, target"] = (1.0, 1.0)
    accumulate: Annotated[Count, "parts of a batch that run one after the other, to save memory"] = 1
    precision: Annotated[
        Literal["auto", "fp32", "bf16"], "of the forward pass; auto: bf16 autocast on GPUs, fp32 on CPUs"
    ] = "auto"
    eval_every: Annotated[Count, "steps between evaluations on the validation split"] = 5_000
    eval_samples: Annotated[Count, "samples of a periodic evaluation"] = 2_000
    holdout: Annotated[
        ShareBelowOne, "share of the train pictures kept from training to choose the checkpoint `best`; 0: no `best`"
    ] = 0.0
    checkpoint_every: Annotated[Count, "steps between checkpoints"] = 1_000
    workers: Annotated[CountOrZero, "processes that read and augment pictures; 0: the training process itself"] = 8
    cache_mb: Annotated[
        CountOrZero,
        "memory for pictures, masks and tokens that were read, MB, for each process; its data workers share it out; "
        "0: read them every time",
    ] = 0


@dataclass(frozen=True)
class Preset:
    """One complete configuration."""

    name: Annotated[str, "the preset's name"]
    data: Annotated[str | None, "the synthetic set that is made for it; none: a folder has to be given"]
    model: ModelConfig
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
