"""LISA (Lai et al. 2024): "segment" is a word, and the state that is about to say it prompts a mask decoder."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.config import ModelConfig, TrainConfig
from grisq.models.base import LossTerm, Output, System, check_canvas, of_one_logit
from grisq.models.layers.conversations import conversations, slot_of_sample
from grisq.models.layers.llava import LLaVA
from grisq.models.layers.lora import LORA_TENSORS, add_lora
from grisq.models.layers.prompted_mask_decoder import PromptedMaskDecoder, dice_loss
from grisq.models.pretrained import load_weights
from grisq.runtime.errors import InputError

if TYPE_CHECKING:
    from grisq.data.sample import Batch

_TOWER, _PROJECTOR, _LANGUAGE_MODEL = "llava.vision_tower.", "llava.projector.", "llava.language_model."
_SAM = "decoder.sam."
NEXT_WORD, DICE, TOKEN = "next_word", "dice", "token"  # the first in Output.extras, the others in the history


class LISA(System):
    """[picture, expression] -> the next word. The hidden state that predicts it is the prompt of SAM's mask decoder.

    This state is all that the mask decoder knows of the expression. It is that of the position *before* [SEG], as in
    the released code. [SEG], a new word of the vocabulary, is the right answer to every expression, so the loss of the
    words cannot teach the model to refuse. It has no presence head: under Sec. 4.1 a mask of fewer than 50 pixels at
    480x480 predicts "no target".

    CLIP and SAM see the letterbox's padding as mean color; the language model does not read its patches. Their
    positions are absolute, so the canvas has one size. `Output.extras` has the logits of the next word, (B, words).
    """

    free_canvas = False
    new_words = 1
    image_encoders = (_TOWER, "decoder.sam.vision_encoder.")
    text_encoders = (_LANGUAGE_MODEL,)

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        self.llava = LLaVA(config.lisa.vision_tower, config.text, self.new_words)
        self.decoder = PromptedMaskDecoder(config.lisa.sam, config.image_size, config.text.hidden)
        # Frozen is only what has pretrained weights: random ones have to learn.
        sizes, weights = config.lisa, self._weights
        if sizes.frozen_encoders and weights[_TOWER]:
            self.llava.vision_tower.requires_grad_(False)
        if sizes.frozen_encoders and weights[_SAM]:
            self.decoder.sam.vision_encoder.requires_grad_(False)
        if sizes.lora_rank:
            add_lora(self.llava.language_model.model, sizes.lora_rank)
            if weights[_SAM]:
                self.decoder.sam.prompt_encoder.requires_grad_(False)
            if weights[_PROJECTOR]:
                self.llava.projector.requires_grad_(False)

    @property
    def _weights(self) -> dict[str, str | None]:
        """The name of the pretrained weights of each part; None where it starts from random ones."""
        sizes = self.config.lisa
        return {
            _TOWER: sizes.aligned or sizes.vision_tower.pretrained,
            _PROJECTOR: sizes.aligned,
            _LANGUAGE_MODEL: sizes.aligned or self.config.text.pretrained,
            _SAM: sizes.sam.pretrained,
        }

    @property
    def backbones(self) -> dict[str, str | None]:
        """CLIP's tower, the language model and SAM; with LoRA none, since all that learns has one rate there."""
        return {} if self.config.lisa.lora_rank else self._weights

    def load_pretrained(self) -> list[str]:
        """Fill LLaVA and SAM, whose mask decoder knows what clicks mean.

        Raises: InputError as `System.load_pretrained`, and for LoRA on a language model without pretrained weights.
        """
        if self.config.lisa.aligned and not self.config.text.pretrained:
            raise InputError(
                "The weights of model.lisa.aligned have a vocabulary of their own: set model.text.pretrained to the "
                "folder with its tokenizer."
            )
        if self.config.lisa.lora_rank and not self._weights[_LANGUAGE_MODEL]:
            raise InputError(
                "LoRA corrects a pretrained language model, and this one is random: name its weights in "
                "model.lisa.aligned or model.text.pretrained, or set model.lisa.lora_rank=0 to train all of it."
            )
        loaded, sam = load_llava(self.llava, self.config, self.new_words), self.decoder.sam
        if name := self.config.lisa.sam.pretrained:
            load_weights(sam, "SAM", "model.lisa.sam.pretrained", name, type(sam).from_pretrained)
            loaded.append(f"SAM: weights of {name}")
        return loaded

    @property
    def seg(self) -> int:
        """The id of [SEG]."""
        return self.config.text.vocabulary

    def inputs(self, batch: "Batch") -> tuple[Tensor | None, ...]:
        """In training also which samples share a picture, which is then encoded once for all of them."""
        if not self.training:
            return batch.inputs()
        return *batch.inputs(), conversations(batch).to(batch.presence.device)

    def forward(
        self,
        image: Tensor,
        valid: Tensor | None,
        tokens: Tensor,
        token_mask: Tensor,
        turns: Tensor | None = None,
    ) -> Output:
        """As every system; in training several expressions may share a picture, each a conversation of its own.

        Args:
            image: (B or 1, 3, S, S).
            valid: (B or 1, S, S) bool, or None.
            tokens: (B, T).
            token_mask: (B, T).
            turns: (G, K) long, the samples of each picture; -1 for none.
        """
        check_canvas(image, self.config.image_size)
        B = tokens.shape[0]
        if turns is None:  # one picture for each expression, or one for all of them
            turns = torch.arange(B, device=tokens.device)
            turns = turns[:, None] if image.shape[0] == B else turns[None]
        else:
            first = turns[:, 0]
            image, valid = image[first], None if valid is None else valid[first]
        masks, words = self.decode(image, valid, tokens, token_mask, turns)
        return Output(of_one_logit(masks[:, None], image.shape[-2:]), extras={NEXT_WORD: words})

    def decode(
        self,
        image: Tensor,
        valid: Tensor | None,
        tokens: Tensor,
        token_mask: Tensor,
        turns: Tensor,
        presence: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Mask logits (B, h, w) and logits of the next word (B, words) of samples that share pictures.

        Args:
            image: (G, 3, S, S).
            valid: (G, S, S) bool, or None.
            tokens: as `read`, like all that follow.
            token_mask: (B, T).
            turns: (G, K).
            presence: (B,), or None.
        """
        picture = self.llava.image_tokens(image, valid)
        states, words = self.read(*picture, tokens, token_mask, turns, presence)
        masks = self.decoder(self.decoder.embed(image, valid), states)  # (G, K, h, w)
        slots = slot_of_sample(turns, tokens.shape[0])
        return masks.flatten(0, 1)[slots], words.flatten(0, 1)[slots]

    def read(
        self,
        image_tokens: Tensor,
        image_mask: Tensor,
        tokens: Tensor,
        token_mask: Tensor,
        turns: Tensor,
        presence: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Hidden states (G, K, D) and logits of the next word (G, K, words) after each expression of G pictures.

        Args:
            image_tokens: (G, N, D), of `LLaVA.image_tokens`.
            image_mask: (G, N) bool.
            tokens: (B, T).
            token_mask: (B, T).
            turns: (G, K) long, the samples of each picture; -1 for none.
            presence: (B,) long. With it the expressions of a picture are one conversation: each sees the earlier ones
                and their answers, `answers` of this. Without it no expression sees another.
        """
        asked, exists = turns.clamp(min=0), (turns >= 0)[..., None]
        mask = token_mask[asked] & exists  # (G, K, T)
        last, words = (mask.sum(2) - 1).clamp(min=0), tokens[asked]
        if presence is not None:
            words = torch.cat([words, self.answers(presence)[asked][..., None]], dim=2)
            mask = torch.cat([mask, exists], dim=2)
        order, T = torch.arange(turns.shape[1], device=tokens.device), words.shape[2]
        apart = order.repeat_interleave(T) if presence is None else None
        return self.llava(image_tokens, image_mask, words.flatten(1), mask.flatten(1), T * order + last, apart)

    def extra_losses(self, output: Output, batch: "Batch", config: TrainConfig) -> dict[str, LossTerm]:
        """Dice of the masks, and cross-entropy of the next word, which is always [SEG].

        Args: as `System.extra_losses`.
        """
        words = output.extras[NEXT_WORD].float()
        token = F.cross_entropy(words, self.answers(batch.presence))
        dice = dice_loss(output.mask_logits[:, 1], batch.masks, batch.valid).mean()
        sizes = self.config.lisa
        return {DICE: LossTerm(dice, sizes.lambda_dice), TOKEN: LossTerm(token, sizes.lambda_token)}

    def answers(self, presence: Tensor) -> Tensor:
        """The id of the right word after each expression. presence (...) long -> (...) long."""
        return presence.new_full(presence.shape, self.seg)


def load_llava(llava: LLaVA, config: ModelConfig, new_words: int) -> list[str]:
    """Fill CLIP's tower and the language model, and the projector where the three have learned together.

    Args:
        llava: to fill.
        config: names the weights.
        new_words: entries of the vocabulary that the weights do not have.

    Returns:
        A line for each part that was loaded.

    Raises:
        InputError: weights cannot be read or do not fit.
    """
    fresh = {"new_rows": new_words, "new_tensors": LORA_TENSORS}
    if name := config.lisa.aligned:
        load_weights(llava, "LLaVA", "model.lisa.aligned", name, _no_hub, **fresh)
        return [f"CLIP vision tower, projector and language model: weights of {name}"]
    loaded = []
    if name := config.lisa.vision_tower.pretrained:
        tower, setting = llava.vision_tower, "model.lisa.vision_tower.pretrained"
        load_weights(tower, "CLIP vision tower", setting, name, type(tower).from_pretrained)
        loaded.append(f"CLIP vision tower: weights of {name}")
    if name := config.text.pretrained:
        words = llava.language_model
        load_weights(words, "language model", "model.text.pretrained", name, type(words).from_pretrained, **fresh)
        loaded.append(f"language model: weights of {name}")
    return loaded


def _no_hub(name: str) -> nn.Module:
    raise FileNotFoundError(f"There is no file {name}.")
