"""What every system of Table 1 offers to training, evaluation, prediction and export."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.config import ModelConfig, TrainConfig
from grisq.config.answer import THRESHOLD, Answer
from grisq.models.layers.convolutional_trunk import ConvolutionalTrunk
from grisq.models.layers.feature_map import FeatureMap
from grisq.models.multimodal_encoder import MultimodalEncoder
from grisq.models.pretrained import load_bert, load_swin, load_trunk
from grisq.models.text_encoder import TextEncoder
from grisq.runtime.constants import constant
from grisq.runtime.errors import InputError

if TYPE_CHECKING:
    from grisq.data.sample import Batch

STRIDE = 32  # of the coarsest level; canvas sides are multiples of it


@dataclass
class Decision(Answer):
    """What the model predicts for one sample."""

    difference: Tensor  # (S, S), logit of target minus logit of background on the canvas
    presence: float | None
    plurality: float | None
    threshold: float = THRESHOLD


@dataclass
class Output:
    """What a system predicts for a batch. All but the mask is None or empty where a system has no such head."""

    mask_logits: Tensor  # (B, 2, H, W), channel 0 background, channel 1 target
    presence_logits: Tensor | None = None  # (B, 2), index 1 = present
    plurality_logits: Tensor | None = None  # (B, 2), index 1 = several
    attention: list[Tensor] = field(default_factory=list)  # of the target query, see TargetQuery
    extras: dict[str, Tensor] = field(default_factory=dict)  # what this system alone predicts, by name

    def decide(self, threshold: float = THRESHOLD) -> list[Decision]:
        """Per sample: softmax over each head, and the difference whose sign is the mask (Sec. 3.4)."""
        difference = (self.mask_logits[:, 1].float() - self.mask_logits[:, 0].float()).cpu()
        probabilities = [
            [None] * len(difference) if logits is None else logits.float().softmax(-1)[:, 1].tolist()
            for logits in (self.presence_logits, self.plurality_logits)
        ]
        return [Decision(*each, threshold) for each in zip(difference, *probabilities)]


class LossTerm(NamedTuple):
    """A loss that one system alone has."""

    value: Tensor  # scalar, as the history records it
    weight: float  # its factor in the total loss


class System(nn.Module):
    """A system of Table 1: a picture and an expression in, an Output out.

    Subclasses define `forward`, whose arguments are what `inputs` returns. The first four are image (B, 3, H, W)
    normalized with zeros in the padding, valid (B, H, W) bool or None, tokens (B, T) long, token_mask (B, T) bool.
    Any further argument has a default, with which the system predicts. One picture (1, 3, H, W) with B expressions
    shares what it can.
    """

    least_samples = 1  # of a part of a batch in training
    learns_from_instances = False  # whether training needs all objects of the pictures, see `Batch.instances`
    most_tokens = 512  # that an expression may have
    free_length = True  # whether an exported model takes any number of tokens; a recurrent network is unrolled
    free_canvas = True  # whether any canvas whose sides are multiples of 32 will do; else `image_size` alone
    image_encoders: tuple[str, ...] = ("trunk.",)  # prefixes of their parameters
    text_encoders: tuple[str, ...] = ("text_encoder.",)

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.presence_head: nn.Module | None = None  # None: the 50-pixel rule of Sec. 4.1 decides on presence

    @property
    def decides_presence(self) -> bool:
        """Whether the system predicts presence itself; else the size of its mask decides."""
        return self.presence_head is not None

    @property
    def reads_instances(self) -> bool:
        """Whether `inputs` needs all objects of the pictures, in the mode that the system is in."""
        return False

    @property
    def backbones(self) -> dict[str, str | None]:
        """Prefixes of the parameters of each backbone, and the pretrained weights that it starts from, if any."""
        return {}

    def load_pretrained(self) -> list[str]:
        """Fill the backbones with the weights that the configuration names; one line for each that was loaded.

        Raises: InputError if weights cannot be read or do not fit.
        """
        return []

    def check_labels(self, categories: int, colors: int) -> None:
        """Raise InputError if the settings do not fit a data set with so many categories and colors of objects.

        Training asks a system that learns from instances, before it begins.
        """

    def inputs(self, batch: "Batch") -> tuple[Tensor | None, ...]:
        """What `forward` takes of a batch."""
        return batch.inputs()

    def extra_losses(self, output: Output, batch: "Batch", config: TrainConfig) -> dict[str, LossTerm]:
        """Losses on top of Eq. 5 that only this system has, by the name of their column in the history.

        They are computed without the parameters, and averaged so that the parts of a batch average to the whole.

        Args:
            output: of this system.
            batch: the samples with their labels.
            config: class weights and whatever else all systems share.
        """
        return {}


class TrunkSystem(System):
    """A system with a convolutional trunk that never sees the words, and words learned from scratch.

    Its sizes are the group of `ModelConfig` that has the system's name; a subclass names it.
    """

    group: str

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        self.trunk = ConvolutionalTrunk(self.sizes.trunk)

    @property
    def sizes(self) -> Any:
        """The system's own group of settings."""
        return getattr(self.config, self.group)

    @property
    def backbones(self) -> dict[str, str | None]:
        """The trunk."""
        return {"trunk.": self.sizes.trunk.pretrained}

    def load_pretrained(self) -> list[str]:
        """Fill the trunk."""
        sizes = self.sizes.trunk
        return [load_trunk(self.trunk, sizes, f"model.{self.group}.trunk")] if sizes.pretrained else []


class FusedSystem(System):
    """A system whose encoders are BERT and a Swin with words fused in at every stage (Sec. 3.1): LAVT, ReLA, GRISQ."""

    image_encoders = ("multimodal_encoder.patch_embed.", "multimodal_encoder.stages.")

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        self.text_encoder = TextEncoder(config.text)
        self.multimodal_encoder = MultimodalEncoder(
            swin=config.swin, image_size=config.image_size, text_channels=config.text.hidden, gate=config.gate
        )

    @property
    def backbones(self) -> dict[str, str | None]:
        """BERT and Swin; PWAM, gates and output norms are new."""
        text, swin = self.config.text.pretrained, self.config.swin.pretrained
        return {
            "text_encoder.": text,
            "multimodal_encoder.patch_embed.": swin,
            "multimodal_encoder.stages.": swin,
        }

    def load_pretrained(self) -> list[str]:
        """Fill Swin and BERT (see `grisq.models.pretrained`)."""
        loaded = []
        if name := self.config.swin.pretrained:
            encoder = self.multimodal_encoder
            load_swin(encoder.patch_embed, encoder.stages, self.config)
            loaded.append(f"Swin: weights of {name}")
        if name := self.config.text.pretrained:
            load_bert(self.text_encoder.bert, self.config.text)
            loaded.append(f"BERT: weights of {name}")
        return loaded

    def encode(
        self, image: Tensor, valid: Tensor | None, tokens: Tensor, token_mask: Tensor
    ) -> tuple[Tensor, list[FeatureMap]]:
        """The words f^T (B, T, D) and the levels F^{M,1..4} (Eq. 1).

        Args:
            image: (B or 1, 3, H, W), normalized, zeros in the padding.
            valid: (B or 1, H, W) bool, False in the padding, or None.
            tokens: (B, T) long.
            token_mask: (B, T) bool, False in the padding.

        Raises:
            InputError: H or W is not a multiple of 32.
        """
        check_canvas(image)
        words = self.text_encoder(tokens, token_mask)
        return words, self.multimodal_encoder(image, words, token_mask, valid)


def check_count(there: int, what: str, setting: str, known: int) -> None:
    """Raise InputError if a data set has more categories, colors, ... than a setting provides for."""
    if there > known:
        raise InputError(f"The data set has {there} {what}, and {setting} is {known}: set it to {there} or more.")


def check_canvas(image: Tensor, side: int | None = None) -> None:
    """Raise InputError unless both sides of image (..., H, W) are multiples of 32, or `side` if it is given."""
    H, W = image.shape[-2:]
    if side is not None and not H == W == side:
        raise InputError(f"The input is {H}x{W} pixels, and this model takes {side}x{side} alone: letterbox it first.")
    if H % STRIDE or W % STRIDE:
        raise InputError(f"The input is {H}x{W} pixels: both sides must be multiples of {STRIDE}; letterbox it first.")


def of_one_logit(target: Tensor, size: tuple[int, int]) -> Tensor:
    """The two channels of `Output.mask_logits` from the logit of the target alone, upsampled bilinearly.

    Softmax over (0, z) gives the target sigmoid(z), and its cross-entropy is the binary one of z.
    Shapes: target (B, 1, h, w) -> (B, 2, *size).
    """
    target = F.interpolate(target, size=size, mode="bilinear", align_corners=False)
    return torch.cat([torch.zeros_like(target), target], dim=1)


def weighted_cross_entropy(logits: Tensor, labels: Tensor, weights: tuple[float, float]) -> Tensor:
    """Cross-entropy of two classes with class weights, averaged over all labels, in float32.

    LAVT and ReLA divide by the sum of the weights instead; dividing by the number of labels makes the parts of a
    batch average to the whole.

    Args:
        logits: (B, 2, ...).
        labels: (B, ...) long.
        weights: of class 0 and of class 1.
    """
    weight = constant(tuple(weights), device=logits.device)
    return F.cross_entropy(logits.float(), labels, weight, reduction="sum") / labels.numel()


# Small tables that are indexed by position; weight decay would pull them to zero.
_POSITION_TABLES = (
    "bias_table",
    "position_embedding",
    "positional_embedding",
    "pool.positions",
    "pos_embed",
    "rel_pos_",
    "level_embedding",
)


def decays(name: str, parameter: Tensor) -> bool:
    """Whether weight decay applies to a parameter of that name: not to norms, biases and position tables."""
    return parameter.ndim > 1 and not any(table in name for table in _POSITION_TABLES)


def count_parameters(module: nn.Module) -> int:
    """Number of parameters, frozen ones too; works on the meta device."""
    return sum(parameters_by_part(module).values())


def parameters_by_role(system: System) -> dict[str, int]:
    """Number of parameters of "image encoders", "text encoders" and "the rest", which fuses, decides and draws."""
    counts = {"image encoders": 0, "text encoders": 0, "the rest": 0}
    for name, parameter in system.named_parameters():
        roles = {"image encoders": system.image_encoders, "text encoders": system.text_encoders}
        role = next((role for role, prefixes in roles.items() if name.startswith(prefixes)), "the rest")
        counts[role] += parameter.numel()
    return counts


def parameters_by_part(module: nn.Module) -> dict[str, int]:
    """Number of parameters of each submodule, and of each tensor that belongs to the module itself."""
    counts: Counter[str] = Counter()
    for name, parameter in module.named_parameters():
        counts[name.split(".")[0]] += parameter.numel()
    return dict(counts)
