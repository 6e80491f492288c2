"""LISA (Lai et al. 2024): "segment" is a word, and the state that is about to say it prompts a mask decoder."""

from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

from grisq.config import ModelConfig, TrainConfig
from grisq.models.base import LossTerm, Output, System, of_one_logit
from grisq.models.layers.conversations import conversations, places_of
from grisq.models.layers.language_model import PromptedMaskDecoder, SeeingLanguageModel, dice_loss
from grisq.models.layers.lora import add_lora
from grisq.models.pretrained import load_weights
from grisq.runtime.errors import InputError

if TYPE_CHECKING:
    from grisq.data.sample import Batch

NEXT_WORD, DICE, TOKEN = "next_word", "dice", "token"  # the first in Output.extras, the others in the history


class LISA(System):
    """[picture, expression] -> the next word; the state before it is all that the mask decoder hears of the words.

    The new word [SEG] is the last of the vocabulary, and the right answer to every expression. So nothing in the loss
    of the words teaches the model to refuse: it has no presence head, and under Sec. 4.1 a mask of fewer than 50
    pixels at 480x480 predicts "no target". The state is that of the position *before* [SEG], as in the released code.

    CLIP and SAM see the letterbox's padding as mean color; the language model does not read its patches. Their
    positions are absolute, so the canvas has one size. `Output.extras` has the logits of the next word, (B, words).
    """

    free_canvas = False
    new_words = 1

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        self.speaker = SeeingLanguageModel(config.lisa.eye, config.text, self.new_words)
        self.decoder = PromptedMaskDecoder(config.lisa.sam, config.image_size, config.text.hidden)
        if config.lisa.lora_rank:
            add_lora(self.speaker.language.model, config.lisa.lora_rank)
            for frozen in (self.speaker.eye, self.speaker.project, self.decoder.sam.vision_encoder):
                frozen.requires_grad_(False)

    @property
    def backbones(self) -> dict[str, str | None]:
        """CLIP's tower, the language model and SAM."""
        sizes = self.config.lisa
        return {
            "speaker.eye.": sizes.aligned or sizes.eye.pretrained,
            "speaker.project.": sizes.aligned,
            "speaker.language.": sizes.aligned or self.config.text.pretrained,
            "decoder.sam.": sizes.sam.pretrained,
        }

    def load_pretrained(self) -> list[str]:
        """Fill the speaker and SAM, whose mask decoder knows what clicks mean."""
        loaded, sam = load_speaker(self.speaker, self.config, self.new_words), self.decoder.sam
        if name := self.config.lisa.sam.pretrained:
            load_weights(sam, "SAM", "model.lisa.sam.pretrained", name, type(sam).from_pretrained)
            loaded.append(f"SAM: weights of {name}")
        return loaded

    @property
    def seg(self) -> int:
        """The id of [SEG]."""
        return self.config.text.vocabulary

    def inputs(self, batch: "Batch") -> tuple[Tensor | None, ...]:
        """In training also which samples share a picture: it is encoded once for all of them."""
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
        self.check_side(image)
        B = tokens.shape[0]
        if turns is not None:
            first, places = turns[:, 0], places_of(turns, B)
            image, valid = image[first], None if valid is None else valid[first]
        picture, seen = self.speaker.look(image, valid)
        if turns is None:
            picture, seen = picture.expand(B, -1, -1), seen.expand(B, -1)  # one picture, several expressions
        else:
            picture, seen = (each[places // turns.shape[1]] for each in (picture, seen))
        states, words = self.speaker(picture, seen, tokens, token_mask, token_mask.sum(1, keepdim=True) - 1)
        embedded = self.decoder.embed(image, valid)  # (B, 1 or G, C, h, w)
        if turns is None:
            prompts = states.view(image.shape[0], -1, states.shape[-1])
        else:
            prompts = states[turns.clamp(min=0), 0]  # (G, K, D)
        masks = self.decoder(embedded, prompts).flatten(0, 1)  # an expression each
        masks = masks if turns is None else masks[places]
        return Output(of_one_logit(masks[:, None], image.shape[-2:]), extras={NEXT_WORD: words[:, 0]})

    def check_side(self, image: Tensor) -> None:
        """Raise InputError unless image (B, 3, H, W) is a canvas of the configured side."""
        side = self.config.image_size
        if tuple(image.shape[-2:]) != (side, side):
            raise InputError(
                f"The input is {image.shape[-2]}x{image.shape[-1]} pixels: {type(self).__name__} needs {side}x{side}."
            )

    def extra_losses(self, output: Output, batch: "Batch", config: TrainConfig) -> dict[str, LossTerm]:
        """Dice of the masks, and cross-entropy of the next word, which is always [SEG].

        Args: as `System.extra_losses`.
        """
        words = output.extras[NEXT_WORD].float()
        token = F.cross_entropy(words, self.answers(batch.presence))
        dice = dice_loss(output.mask_logits[:, 1], batch.masks).mean()
        sizes = self.config.lisa
        return {DICE: LossTerm(dice, sizes.lambda_dice), TOKEN: LossTerm(token, sizes.lambda_token)}

    def answers(self, presence: Tensor) -> Tensor:
        """The id of the right word after each expression. presence (...) long -> (...) long."""
        return presence.new_full(presence.shape, self.seg)


def load_speaker(speaker: SeeingLanguageModel, config: ModelConfig, new_words: int) -> list[str]:
    """Fill CLIP's tower and the language model, with the projector where they have learned together.

    Args:
        speaker: to fill.
        config: names the weights.
        new_words: entries of the vocabulary that the weights do not have.

    Returns:
        A line for each part that was loaded.

    Raises:
        InputError: weights cannot be read or do not fit.
    """
    if name := config.lisa.aligned:
        load_weights(speaker, "speaker", "model.lisa.aligned", name, _no_hub, new_words)
        return [f"CLIP vision tower, projector and language model: weights of {name}"]
    parts = (
        (speaker.eye, "CLIP vision tower", "model.lisa.eye.pretrained", config.lisa.eye.pretrained, 0),
        (speaker.language, "language model", "model.text.pretrained", config.text.pretrained, new_words),
    )
    loaded = []
    for module, what, setting, name, new_rows in parts:
        if name:
            load_weights(module, what, setting, name, type(module).from_pretrained, new_rows)
            loaded.append(f"{what}: weights of {name}")
    return loaded


def _no_hub(name: str) -> nn.Module:
    raise FileNotFoundError(f"There is no file {name}.")
