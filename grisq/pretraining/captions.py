"""CLIP's tower and a language model learn to describe pictures together, as LLaVA's did before LISA took them.

Each had learned alone: the tower what stands where, the language model which piece of an expression comes next. Here it
is the next piece with the picture in view, so that the language model learns to look.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from grisq.config import ModelConfig
from grisq.data.grefcoco import GRefCOCO
from grisq.data.loader import Rows, evenly, load
from grisq.data.sample import Batch, Collate, SampleReader
from grisq.models.layers.llava import LLaVA
from grisq.models.lisa import load_llava
from grisq.pretraining.schedule import PretrainConfig, hash_of, key_of, train
from grisq.runtime.device import resolve_device
from grisq.runtime.seed import generator, seed_everything

HELD_OUT = 1000  # expressions of val at most


def pretrain_captions(
    config: ModelConfig,
    reader: SampleReader,
    schedule: PretrainConfig,
    state: Path,
    *,
    device: str = "cpu",
    progress: bool = True,
) -> tuple[dict[str, Tensor], float]:
    """Train tower, projector and language model on expressions that mean something in their picture.

    A stopped training of the same schedule, sizes, data and initial weights resumes from the file `state`.

    Args:
        config: of LISA; its tower and language model start from the weights that it names.
        reader: of the set to learn from, with the language model's tokenizer.
        schedule: length and rates.
        state: file from which a stopped training resumes.
        device: auto, cpu, cuda, cuda:1, mps.
        progress: whether to draw a bar.

    Returns:
        The weights on the CPU, and the share of the pieces of held-out expressions that are predicted.
    """
    seed_everything(schedule.seed)
    where, data = resolve_device(device), reader.data
    model = LLaVA(config.lisa.vision_tower, config.text, 0)
    load_llava(model, config, 0)
    key = key_of(
        schedule, config.lisa.vision_tower, config.text, reader.side, data.content_hash, hash_of(model.state_dict())
    )
    model.to(where)
    rows, held_out = (_with_target(data, split) for split in ("train", "val"))
    draws = [generator(schedule.seed, step).integers(len(rows), size=schedule.batch) for step in range(schedule.steps)]
    collate = Collate(reader.tokenizer.pad_id)

    def losses(done: int) -> Iterator[Tensor]:
        for batch in load(Rows(reader, rows), collate, batch_sampler=draws[done:], num_workers=schedule.workers):
            yield describe(model, batch.to(where))[0]

    train(model, schedule, state, key, losses, what="captions", progress=progress)
    model.eval()
    with torch.no_grad():
        found = [
            describe(model, batch.to(where))[1]
            for batch in load(Rows(reader, evenly(held_out, HELD_OUT)), collate, batch_size=schedule.batch)
        ]
    right, pieces = np.sum(found, axis=0)
    return model.cpu().state_dict(), float(right / pieces)


def describe(model: LLaVA, batch: Batch) -> tuple[Tensor, tuple[int, int]]:
    """Cross-entropy of the next piece of each expression, and how many pieces are predicted, of how many."""
    image, valid, tokens, token_mask = batch.inputs()
    image_tokens, image_mask = model.image_tokens(image, valid)
    B, T = tokens.shape
    places = torch.arange(T - 1, device=tokens.device).expand(B, -1)
    _, logits = model(image_tokens, image_mask, tokens, token_mask, places)  # (B, T - 1, pieces)
    real = token_mask[:, 1:]
    predicted, wanted = logits[real], tokens[:, 1:][real]
    return F.cross_entropy(predicted, wanted), (int((predicted.argmax(-1) == wanted).sum()), len(wanted))


def _with_target(data: GRefCOCO, split: str) -> np.ndarray:
    rows = data.rows(split)
    return rows[data.target_counts[rows] > 0]
