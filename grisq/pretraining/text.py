"""BERT learns which words fit: masked words over expressions (Devlin et al. 2019), without any picture."""

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.config import TextConfig
from grisq.data.tokenizer import SPECIAL, ExpressionTokenizer
from grisq.models.text_encoder import TextEncoder
from grisq.pretraining.schedule import PretrainConfig, key_of, train
from grisq.runtime.device import resolve_device
from grisq.runtime.seed import generator, seed_everything

_MASKED = 0.2  # share of the pieces to predict; more than BERT's 0.15, since these expressions are short
_MASK, _FIRST_WORD = SPECIAL.index("[MASK]"), len(SPECIAL)
HELD_OUT = 1000  # expressions


class MaskedWords(nn.Module):
    """The text encoder with BERT's head over the vocabulary, which is thrown away afterwards.

    Shapes: tokens (B, T) long, token_mask (B, T) bool -> logits (B, T, vocabulary).
    """

    def __init__(self, config: TextConfig):
        super().__init__()
        self.encoder = TextEncoder(config)
        self.head = nn.Sequential(
            nn.Linear(config.hidden, config.hidden),
            nn.GELU(),
            nn.LayerNorm(config.hidden),
            nn.Linear(config.hidden, config.vocabulary),
        )

    def forward(self, tokens: Tensor, token_mask: Tensor) -> Tensor:
        return self.head(self.encoder(tokens, token_mask))


def pretrain_bert(
    config: TextConfig,
    tokenizer: ExpressionTokenizer,
    texts: list[str],
    schedule: PretrainConfig,
    state: Path,
    *,
    device: str = "cpu",
    progress: bool = True,
) -> tuple[TextEncoder, float]:
    """Train a text encoder; a stopped training of the same schedule, sizes and texts resumes from the file `state`.

    The last 1,000 texts are held out. `device` is auto, cpu, cuda, cuda:1 or mps.

    Returns:
        The encoder on the CPU, and the share of masked pieces of the held-out texts that it fills in correctly.
    """
    seed_everything(schedule.seed)
    tokens = padded([tokenizer.encode(text, config.max_tokens) for text in texts], tokenizer.pad_id)
    model = MaskedWords(config).to(resolve_device(device))

    def losses(done: int) -> Iterator[Tensor]:
        for step in range(done, schedule.steps):
            draw = torch.Generator().manual_seed(int(generator(schedule.seed, step).integers(2**31)))
            chosen = torch.randint(len(tokens) - HELD_OUT, (schedule.batch,), generator=draw)
            yield _ask(model, tokens[chosen], tokenizer.pad_id, draw)[0]

    train(model, schedule, state, key_of(schedule, config, texts), losses, what="BERT, masked words", progress=progress)
    model.eval()
    with torch.no_grad():
        _, right = _ask(model, tokens[-HELD_OUT:], tokenizer.pad_id, torch.Generator().manual_seed(schedule.seed))
    return model.cpu().encoder, right


def padded(sequences: list[list[int]], pad_id: int) -> Tensor:
    """Lists of ids as one tensor (N, longest), filled up with `pad_id`."""
    rows = [torch.tensor(sequence) for sequence in sequences]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=pad_id)


def mask_words(tokens: Tensor, vocabulary: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Hide pieces as BERT does: of those asked for, 80 % become [MASK], 10 % any other piece, 10 % stay.

    Args:
        tokens: (B, T) long.
        vocabulary: number of pieces.
        draw: source of every choice.

    Returns:
        The tokens with some hidden, and (B, T) bool, True where the piece is asked for.
    """
    asked = (torch.rand(tokens.shape, generator=draw) < _MASKED) & (tokens >= _FIRST_WORD)
    fate = torch.rand(tokens.shape, generator=draw)
    others = torch.randint(_FIRST_WORD, vocabulary, tokens.shape, generator=draw)
    hidden = torch.where(asked & (fate < 0.8), _MASK, tokens)
    return torch.where(asked & (fate > 0.9), others, hidden), asked


def _ask(model: MaskedWords, tokens: Tensor, pad_id: int, draw: torch.Generator) -> tuple[Tensor, float]:
    """Loss and accuracy over the pieces that are asked for; drawn again until there is one."""
    tokens = tokens[:, : int((tokens != pad_id).sum(1).max())]
    hidden, asked = mask_words(tokens, model.head[-1].out_features, draw)
    while not asked.any():  # a loss over nothing would be nan
        hidden, asked = mask_words(tokens, model.head[-1].out_features, draw)
    device = model.head[0].weight.device
    tokens, hidden, asked = tokens.to(device), hidden.to(device), asked.to(device)
    logits = model(hidden, tokens != pad_id)[asked]
    right = (logits.argmax(-1) == tokens[asked]).float().mean().item()
    return F.cross_entropy(logits, tokens[asked]), right
