"""The same checkpoint evaluated in other ways, where only one system can be asked: what its published numbers assume.

MAttNet is measured on its own proposals, as every system has to find the objects itself. On annotated objects it shows
what a perfect detector would be worth; made to answer always, it is the published system, which cannot refuse.
GSVA is measured with every expression alone. In a conversation earlier answers are in view: its own, or the true ones
as in its released evaluation (teacher forcing).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from grisq.checkpoint import Checkpoint
from grisq.config.answer import THRESHOLD
from grisq.data.grefcoco import GRefCOCO
from grisq.data.sample import Collate, SampleReader
from grisq.evaluation.checkpoints import evaluate_loaded
from grisq.models.base import System
from grisq.models.gsva import GSVA
from grisq.models.layers.conversations import group_by_picture
from grisq.models.mattnet import MAttNet
from grisq.runtime.device import autocast

Variants = dict[str, dict[str, float]]  # name -> metric -> percent
_KEPT = ("gIoU", "cIoU", "N-acc", "T-acc")


def variants(loaded: Checkpoint, data: GRefCOCO, split: str, **options) -> Variants:
    """Evaluate a system in the ways that it alone has; {} for all others.

    Args:
        loaded: the model with its tokenizer, on the device.
        data: the data set.
        split: what to measure it on.
        options: of `evaluate_loaded`.
    """
    match loaded.model.eval():
        case MAttNet():
            ways = {"annotated objects": {"annotated": True}, "always answering": {"always_answer": True}}
            return {name: _mattnet(loaded, data, split, changes, options) for name, changes in ways.items()}
        case GSVA():
            return {
                f"conversation, {whose} answers": _conversations(loaded, data, split, true=whose == "true")
                for whose in ("own", "true")
            }
    return {}


def _mattnet(
    loaded: Checkpoint, data: GRefCOCO, split: str, changes: dict[str, bool], options: dict
) -> dict[str, float]:
    with _changed(loaded.model, changes):
        report = evaluate_loaded(loaded, data, splits=[split], **(options | {"protocols": ["rela"]}))
    return _kept(report["results"][split]["protocols"]["rela"])


@contextmanager
def _changed(model: System, changes: dict[str, bool]) -> Iterator[None]:
    """A system with other settings of MAttNet, which none of its parameters depends on."""
    before = model.config
    model.config = replace(before, mattnet=replace(before.mattnet, **changes))
    try:
        yield
    finally:
        model.config = before


def _conversations(loaded: Checkpoint, data: GRefCOCO, split: str, *, true: bool) -> dict[str, float]:
    """N-acc and T-acc where the expressions of each picture are answered in turn, in the order of the table.

    An expression that a picture has twice begins a new conversation: see `group_by_picture`.
    """
    model, config = loaded.model.eval(), loaded.model.config
    device = next(model.parameters()).device
    reader = SampleReader(data, loaded.tokenizer, config.image_size, config.text.max_tokens)
    collate, rows = Collate(loaded.tokenizer.pad_id), data.rows(split)
    present: list[np.ndarray] = []
    truth: list[np.ndarray] = []
    for image_id in np.unique(data.image_ids[rows]):
        samples = [reader.read(int(row)) for row in rows[data.image_ids[rows] == image_id]]
        for group in group_by_picture(samples):
            batch = collate([samples[i] for i in group]).to(device)
            image, valid, *words = batch.inputs()
            answers = batch.presence if true else None
            with autocast(device, "auto"):
                probability = model.converse(image[:1], None if valid is None else valid[:1], *words, answers)
            present.append(probability.cpu().numpy() >= THRESHOLD)
            truth.append(batch.presence.cpu().numpy() > 0)
    predicted, real = np.concatenate(present), np.concatenate(truth)
    return {"N-acc": _percent(~predicted[~real]), "T-acc": _percent(predicted[real])}


def _percent(right: np.ndarray) -> float:
    return 100 * float(right.mean()) if len(right) else float("nan")


def _kept(metrics: dict[str, float]) -> dict[str, float]:
    return {name: metrics[name] for name in _KEPT}
