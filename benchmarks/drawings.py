"""Batches of drawings for systems that need more of a sample than random pixels: objects, or whose picture it is."""

import tempfile
from functools import cache
from pathlib import Path

from grisq.config import ModelConfig
from grisq.data import grefcoco
from grisq.data.sample import Batch, Collate, SampleReader
from grisq.data.synthetic.generate import generate
from grisq.data.synthetic.specs import SPECS
from grisq.data.tokenizer import ExpressionTokenizer

VOCABULARY = 264  # no more than any system has


@cache
def _drawings() -> grefcoco.GRefCOCO:
    return grefcoco.load(generate(SPECS["mini"], Path(tempfile.mkdtemp()) / "mini", workers=1, progress=False))


def drawn_batch(config: ModelConfig, size: int) -> Batch:
    """Expressions of a few pictures, each picture's together, on the canvas of a model."""
    data = _drawings()
    tokenizer = ExpressionTokenizer.train(data.expressions["text"].to_pylist(), VOCABULARY)
    reader = SampleReader(data, tokenizer, config.image_size, config.text.max_tokens, with_instances=True)
    return Collate(tokenizer.pad_id)([reader.read(int(row)) for row in data.rows("train")[:size]])
