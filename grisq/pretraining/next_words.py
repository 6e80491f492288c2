"""Causal text encoders learn which word comes next in an expression, without any picture."""

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.config import ModelConfig
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.models.causal_text_encoder import CausalTextEncoder
from grisq.models.layers.llava import new_language_model
from grisq.pretraining.schedule import PretrainConfig, key_of, train
from grisq.pretraining.text import HELD_OUT, padded
from grisq.runtime.device import resolve_device
from grisq.runtime.seed import generator, seed_everything


class NextWords(nn.Module):
    """CLIP's text transformer with a head over the vocabulary, which is thrown away, or Llama with its own.

    Shapes: tokens (B, T) long, padding at the end -> logits of the next piece (B, T, vocabulary).
    """

    def __init__(self, name: str, model: ModelConfig):
        super().__init__()
        self.name = name
        if name == "clip-text":
            self.encoder = CausalTextEncoder(model.text, model.cris.joint)
            self.encoder.clip.text_projection.requires_grad_(False)  # a sentence as a whole is not asked for
            self.head = nn.Linear(model.text.hidden, model.text.vocabulary)
        else:
            self.encoder = new_language_model(model.text, 0)

    def forward(self, tokens: Tensor) -> Tensor:
        if self.name == "clip-text":
            return self.head(self.encoder(tokens, torch.ones_like(tokens, dtype=torch.bool)).words)
        return self.encoder(input_ids=tokens, use_cache=False).logits

    @property
    def transformer(self) -> nn.Module:
        """The transformer of the class that transformers has for it."""
        return self.encoder.clip if self.name == "clip-text" else self.encoder


def pretrain_next_words(
    name: str,
    config: ModelConfig,
    tokenizer: ExpressionTokenizer,
    texts: list[str],
    schedule: PretrainConfig,
    state: Path,
    *,
    device: str = "cpu",
    progress: bool = True,
) -> tuple[nn.Module, float]:
    """Train a causal text encoder; a stopped training of the same schedule, sizes and texts resumes from `state`.

    The last 1,000 texts are held out. `device` is auto, cpu, cuda, cuda:1 or mps.

    Returns:
        The transformer on the CPU, and the share of the pieces of held-out texts that it predicts.
    """
    seed_everything(schedule.seed)
    tokens = padded([tokenizer.encode(text, config.text.max_tokens) for text in texts], tokenizer.pad_id)
    where = resolve_device(device)
    tokens, model = tokens.to(where), NextWords(name, config).to(where)

    def losses(done: int) -> Iterator[Tensor]:
        for step in range(done, schedule.steps):
            draw = generator(schedule.seed, step).integers(len(tokens) - HELD_OUT, size=schedule.batch)
            yield _ask(model, tokens[torch.from_numpy(draw)], tokenizer.pad_id)[0]

    key = key_of(schedule, name, config.text, texts)
    train(model, schedule, state, key, losses, what=f"{name}, next words", progress=progress)
    model.eval()
    with torch.no_grad():
        _, right = _ask(model, tokens[-HELD_OUT:], tokenizer.pad_id)
    return model.cpu().transformer, right


def _ask(model: NextWords, tokens: Tensor, pad_id: int) -> tuple[Tensor, float]:
    """Loss and accuracy over the pieces after the first."""
    tokens = tokens[:, : int((tokens != pad_id).sum(1).max())]
    wanted = tokens[:, 1:]
    real = wanted != pad_id
    logits = model(tokens[:, :-1])[real]
    right = (logits.argmax(-1) == wanted[real]).float().mean().item()
    return F.cross_entropy(logits, wanted[real]), right
