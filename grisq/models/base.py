"""What every system of Table 1 that is built here has in common: words fused into a Swin, level by level."""

from dataclasses import dataclass, field

from torch import Tensor, nn

from grisq.config import ModelConfig
from grisq.models.multimodal_encoder import FeatureMap, MultimodalEncoder
from grisq.models.text_encoder import TextEncoder
from grisq.runtime.errors import InputError

STRIDE = 32  # of the coarsest level; canvas sides are multiples of it


@dataclass
class Decision:
    """What the model predicts for one sample: difference (S, S), the logit of target minus that of background on the
    canvas; the probabilities of presence and plurality, None where the model has no such head."""

    difference: Tensor
    presence: float | None
    plurality: float | None


@dataclass
class Output:
    """mask_logits (B, 2, H, W); presence_logits (B, 2), index 1 = present; plurality_logits (B, 2), index 1 =
    several; minimap_logits (B, 2, P, P), ReLA's. All but the first are None where the system has no such head.
    `attention` as in TargetQuery."""

    mask_logits: Tensor
    presence_logits: Tensor | None = None
    plurality_logits: Tensor | None = None
    minimap_logits: Tensor | None = None
    attention: list[Tensor] = field(default_factory=list)

    def decide(self) -> list[Decision]:
        """Per sample: softmax over each head, and the difference whose sign is the mask (threshold 0.5, Sec. 3.4)."""
        difference = (self.mask_logits[:, 1].float() - self.mask_logits[:, 0].float()).cpu()
        probabilities = [
            [None] * len(difference) if logits is None else logits.float().softmax(-1)[:, 1].tolist()
            for logits in (self.presence_logits, self.plurality_logits)
        ]
        return [Decision(*each) for each in zip(difference, *probabilities)]


class System(nn.Module):
    """Text encoder and multimodal encoder (Sec. 3.1), the same for LAVT, ReLA and GRISQ; each adds its decoder.

    `presence_head` is None where a system cannot say that nothing is meant; the 50-pixel rule of Sec. 4.1 then does.

    Shapes: forward takes image (B, 3, H, W) normalized with zeros in the padding, valid (B, H, W) bool or None,
    tokens (B, T) long, token_mask (B, T) bool -> Output. One picture (1, 3, H, W) with B expressions shares what
    it can. Errors: InputError if H or W is not a multiple of 32.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.presence_head: nn.Module | None = None
        self.text_encoder = TextEncoder(config.text)
        self.multimodal_encoder = MultimodalEncoder(
            swin=config.swin, image_size=config.image_size, text_channels=config.text.hidden, gate=config.gate
        )

    def encode(
        self, image: Tensor, valid: Tensor | None, tokens: Tensor, token_mask: Tensor
    ) -> tuple[Tensor, list[FeatureMap]]:
        """-> f^T (B, T, D) and F^{M,1..4} (Eq. 1)."""
        H, W = image.shape[-2:]
        if H % STRIDE or W % STRIDE:
            raise InputError(
                f"The input is {H}x{W} pixels: both sides must be multiples of {STRIDE}; letterbox it first."
            )
        words = self.text_encoder(tokens, token_mask)
        return words, self.multimodal_encoder(image, words, token_mask, valid)


def count_parameters(module: nn.Module) -> int:
    """Number of trainable parameters; works on the meta device too."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
