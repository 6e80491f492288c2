"""The model and the tokenizer that a training starts from: new, pretrained, or those of a checkpoint."""

from collections.abc import Callable, Sequence
from pathlib import Path

from grisq import checkpoint
from grisq.config import ModelConfig, TextConfig
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.models.base import System
from grisq.models.packaged_weights import local_copy
from grisq.models.registry import build_model
from grisq.runtime.seed import seed_everything


def initial_model(
    config: ModelConfig, texts: Sequence[str], seed: int, start: Path | None, report: Callable[[str], None] = print
) -> tuple[System, ExpressionTokenizer]:
    """Make the model and the tokenizer of a training.

    Args:
        config: of the model.
        texts: expressions that are trained on, for a vocabulary of one's own.
        seed: of the random weights; everything that draws from global generators is seeded with it.
        start: checkpoint that gives weights and tokenizer instead, or None.
        report: takes one line for each pretrained part that was loaded.

    Raises:
        InputError: if weights are missing or do not fit.
    """
    seed_everything(seed)
    if start is not None:
        found = checkpoint.find(start)
        model, tokenizer = build_model(config), ExpressionTokenizer.load(found)
        checkpoint.load_weights(model, found / checkpoint.WEIGHTS)
        return model, tokenizer
    tokenizer = _new_tokenizer(config.text, texts)
    model = build_model(config)
    for line in model.load_pretrained():
        report(line)
    return model, tokenizer


def _new_tokenizer(config: TextConfig, texts: Sequence[str]) -> ExpressionTokenizer:
    if config.pretrained:
        return ExpressionTokenizer.pretrained(local_copy(config.pretrained), config.vocabulary)
    return ExpressionTokenizer.train(list(texts), config.vocabulary)
