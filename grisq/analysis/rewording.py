"""What a model hears in an expression: the same picture asked with other words, and how far the mask moves.

A word that the model does not hear can be changed, and one whose place it does not hear can be moved, without any
change of the mask.
"""

import re
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from grisq.data.loader import batches
from grisq.data.sample import Batch, SampleReader
from grisq.models.base import Output
from grisq.models.grisq import GRISQ
from grisq.runtime.errors import InputError

COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "black")
_PAIRS = ("left right", "above below", "over under", "higher lower", "top bottom", "up down", "high low")
_TURNED = dict(pair.split() for pair in _PAIRS) | dict(pair.split()[::-1] for pair in _PAIRS)
_COLOR = re.compile(rf"\b({'|'.join(COLORS)})\b")
_WORD = re.compile(r"\w+")
_BATCH = 25


@dataclass
class Answers:
    """What the model says about some expressions."""

    masks: Tensor  # (N, S, S) bool on the canvas, before the presence decision
    presence: Tensor  # (N,), its probability
    targets: Tensor  # (N, S, S) bool, as annotated for the rows' own expressions

    def overlap(self, masks: Tensor) -> np.ndarray:
        """IoU of these masks with others (N, S, S), one where both are empty. -> (N,)"""
        union = (self.masks | masks).sum((1, 2))
        shared = (self.masks & masks).sum((1, 2))
        return torch.where(union > 0, shared / union.clamp(min=1), 1.0).numpy()


def ask(
    model: GRISQ,
    reader: SampleReader,
    rows: Sequence[int],
    texts: Sequence[str] | None = None,
    *,
    stages: Collection[int] | None = None,
) -> Answers:
    """Ask a model about the pictures of some rows.

    Args:
        model: in evaluation mode, on the CPU.
        reader: of the data set.
        rows: N expressions of the data set.
        texts: N other expressions to ask with; None: the rows' own.
        stages: of the encoder, counted from 1, that hear the other expressions while everything else hears the rows'
            own; None: everything hears the other ones.

    Raises:
        InputError: there are not as many texts as rows.
    """
    if texts is not None and len(texts) != len(rows):
        raise InputError(f"There are {len(rows)} rows and {len(texts)} texts: give a text for each row.")
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    for batch in batches(reader, rows, batch=_BATCH):
        start = sum(len(masks) for masks, *_ in found)
        told = None if texts is None else _told(reader, texts[start : start + len(batch.samples)])
        output = _answer(model, batch, told, stages)
        masks = output.mask_logits[:, 1] > output.mask_logits[:, 0]
        found.append((masks, output.presence_logits.softmax(1)[:, 1], batch.masks))
    return Answers(*(torch.cat(parts) for parts in zip(*found)))


def _told(reader: SampleReader, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Tokens and their mask, (B, T) each."""
    encoded = [torch.tensor(reader.tokenizer.encode(text, reader.max_tokens)) for text in texts]
    tokens = torch.nn.utils.rnn.pad_sequence(encoded, batch_first=True, padding_value=reader.tokenizer.pad_id)
    lengths = torch.tensor([len(each) for each in encoded])
    return tokens, torch.arange(tokens.shape[1]) < lengths[:, None]


def _answer(model: GRISQ, batch: Batch, told: tuple[Tensor, Tensor] | None, stages: Collection[int] | None) -> Output:
    image, valid, *own = batch.inputs()
    with torch.inference_mode(), ExitStack() as hooks:
        if told is None or stages is None:
            return model(image, valid, *(told or own))
        words = model.text_encoder(*told)
        for stage in stages:
            fusion = model.multimodal_encoder.fusions[stage - 1]
            hook = fusion.register_forward_pre_hook(lambda part, given: (given[0], words, told[1], *given[3:]))
            hooks.callback(hook.remove)
        return model(image, valid, *own)


def colors_of(text: str) -> list[str]:
    """The color words of an expression, in reading order."""
    return _COLOR.findall(text)


def with_colors(text: str, colors: Sequence[str]) -> str:
    """The expression with other color words in the places of its own.

    Args:
        text: of the expression.
        colors: as many as it has, in reading order.
    """
    new = iter(colors)
    return _COLOR.sub(lambda found: next(new), text)


def turned_round(text: str) -> str:
    """Left becomes right, above becomes below and so on, and the other way round."""
    return _WORD.sub(lambda found: _TURNED.get(found[0], found[0]), text)
