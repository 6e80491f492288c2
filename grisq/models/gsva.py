"""GSVA (Xia et al. 2024): LISA with a second word, [REJ], for an expression that means nothing here."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from grisq.config import TrainConfig
from grisq.config.answer import THRESHOLD
from grisq.models.base import LossTerm, Output, check_canvas, of_one_logit
from grisq.models.layers.prompted_mask_decoder import dice_loss
from grisq.models.lisa import DICE, LISA, NEXT_WORD, TOKEN

if TYPE_CHECKING:
    from grisq.data.sample import Batch


class GSVA(LISA):
    """Expressions of one picture are answered in turn, with the answers so far in view: [SEG] or [REJ].

    [picture, e_1, a_1, e_2, a_2, ...],   presence of e_k = softmax over the logits of [REJ] and [SEG] after e_k

    In training the earlier answers are the true ones (teacher forcing), and the mask of a rejected expression gives
    way to zeros, so that it is not trained. It stays in the mean of the mask losses, as released, and adds a constant
    to the pixel loss. In evaluation every expression stands alone; `converse` answers several in turn with the model's
    own answers.
    """

    new_words = 2

    @property
    def decides_presence(self) -> bool:
        """By a word."""
        return True

    @property
    def rej(self) -> int:
        """The id of [REJ]; that of [SEG] comes before it."""
        return self.seg + 1

    def inputs(self, batch: "Batch") -> tuple[Tensor | None, ...]:
        """In training also the true answers, and which samples are turns of one conversation."""
        if not self.training:
            return batch.inputs()
        return *super().inputs(batch), batch.presence

    def forward(
        self,
        image: Tensor,
        valid: Tensor | None,
        tokens: Tensor,
        token_mask: Tensor,
        turns: Tensor | None = None,
        presence: Tensor | None = None,
    ) -> Output:
        """As every system; with conversations for training.

        Args:
            image: (B or 1, 3, S, S).
            valid: (B or 1, S, S) bool, or None.
            tokens: (B, T).
            token_mask: (B, T).
            turns: (G, K) long, the samples of each conversation in turn; -1 for none.
            presence: (B,) long, the true answers, given with `turns`.
        """
        if turns is None:
            output = super().forward(image, valid, tokens, token_mask)
            return self._with_presence(output)
        check_canvas(image, self.config.image_size)
        first = turns[:, 0]
        image, valid = image[first], None if valid is None else valid[first]
        masks, words = self.decode(image, valid, tokens, token_mask, turns, presence)
        masks = torch.where(presence[:, None, None] > 0, masks, 0.0)
        return self._with_presence(Output(of_one_logit(masks[:, None], image.shape[-2:]), extras={NEXT_WORD: words}))

    @torch.no_grad()
    def converse(
        self,
        image: Tensor,
        valid: Tensor | None,
        tokens: Tensor,
        token_mask: Tensor,
        answers: Tensor | None = None,
    ) -> Tensor:
        """Probability of presence of K expressions about one picture, answered in turn.

        Args:
            image: (1, 3, S, S).
            valid: (1, S, S) bool, or None.
            tokens: (K, T).
            token_mask: (K, T).
            answers: (K,) long, the answers in view; None for the model's own.

        Returns:
            (K,).
        """
        K = len(tokens)
        turns, picture = torch.arange(K, device=tokens.device)[None], self.llava.image_tokens(image, valid)

        def probabilities(in_view: Tensor) -> Tensor:
            _, words = self.read(*picture, tokens, token_mask, turns, in_view)
            return self._refuse_or_segment(words[0]).softmax(-1)[:, 1]

        if answers is not None:  # an answer sees the earlier ones alone, so all can be read at once
            return probabilities(answers)
        predicted, found = tokens.new_zeros(K), []
        for k in range(K):
            found.append(probabilities(predicted)[k])
            predicted[k] = found[k] >= THRESHOLD
        return torch.stack(found)

    def _refuse_or_segment(self, words: Tensor) -> Tensor:
        """Logits of [REJ] and [SEG]. (..., words) -> (..., 2)."""
        return words[..., [self.rej, self.seg]]

    def _with_presence(self, output: Output) -> Output:
        output.presence_logits = self._refuse_or_segment(output.extras[NEXT_WORD])
        return output

    def answers(self, presence: Tensor) -> Tensor:
        """The id of the right word after each expression: [SEG] where something is present, else [REJ]."""
        return torch.where(presence > 0, self.seg, self.rej)

    def extra_losses(self, output: Output, batch: "Batch", config: TrainConfig) -> dict[str, LossTerm]:
        """Dice of the masks of what is present, and cross-entropy of the next word.

        Args: as `System.extra_losses`.
        """
        token = F.cross_entropy(output.extras[NEXT_WORD].float(), self.answers(batch.presence))
        dice = (dice_loss(output.mask_logits[:, 1], batch.masks, batch.valid) * batch.presence).mean()
        sizes = self.config.lisa
        return {DICE: LossTerm(dice, sizes.lambda_dice), TOKEN: LossTerm(token, sizes.lambda_token)}
