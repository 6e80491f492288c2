"""Evaluation of a model on rows of a data set under one or more named protocols (Sec. 4.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from grisq.data import masks
from grisq.data.loader import batches
from grisq.data.sample import Sample, SampleReader
from grisq.data.scenarios import scenario_index
from grisq.evaluation.metrics import AccuracyByScenario, GRISMetrics
from grisq.evaluation.protocols import PixelCounts, Protocol, SampleScore, count_pixels, protocol, score_counts
from grisq.models.base import Decision, System
from grisq.runtime.device import autocast


@dataclass
class Evaluation:
    """metrics: {protocol: {name: value}}; accuracy: as AccuracyByScenario; samples: one dict per sample if kept: its
    row, target_count, presence and plurality as in Decision, the pixels of the predicted mask, of the target and of
    both, and its score under every protocol (pixels are counted under the first one's resolution)."""

    metrics: dict[str, dict[str, float]]
    accuracy: dict[str, float]
    samples: list[dict]


def evaluate(
    model: System,
    reader: SampleReader,
    rows: Sequence[int],
    *,
    protocols: Sequence[str | Protocol] = ("rela",),
    device: torch.device | str = "cpu",
    precision: str = "auto",
    batch: int = 32,
    workers: int = 0,
    rank: int = 0,
    world: int = 1,
    keep_samples: bool = False,
    progress: bool = True,
) -> Evaluation:
    """Run the model over rows and score every sample under every protocol, given by name or as one's own rules.

    With several processes each takes every `world`-th row; counters are summed over all of them when torch's
    process group is up, and every sample counts exactly once. A model without presence head is scored with the
    50-pixel rule. Errors: InputError for an unknown protocol, a missing or broken picture.
    """
    device, model = torch.device(device), model.eval()
    chosen = [each if isinstance(each, Protocol) else protocol(each) for each in protocols]
    if model.presence_head is None:
        chosen = [each.without_head() for each in chosen]
    meters = [GRISMetrics(each) for each in chosen]
    accuracy, kept = AccuracyByScenario(), []
    mine = list(rows)[rank::world]
    bar = tqdm(total=len(mine), unit="sample", desc="evaluate", disable=not progress or rank > 0, leave=False)
    for each in batches(reader, mine, batch=batch, workers=workers):
        with torch.inference_mode(), autocast(device, precision):
            output = model(*model.inputs(each.to(device)))
        for sample, decision in zip(each.samples, output.decide()):
            counts = _pixels(sample, decision, reader, chosen)
            scores = _score(sample, decision, counts, chosen)
            for meter, one in zip(meters, scores):
                meter.update(one)
            _count(accuracy, sample.target_count, decision)
            if keep_samples:
                kept.append(_record(sample, decision, counts, scores, chosen))
        bar.update(len(each))
    bar.close()
    # On the device, where the processes of a GPU training can add them up.
    metrics = {each.name: _plain(meter.to(device).compute()) for each, meter in zip(chosen, meters)}
    return Evaluation(metrics, accuracy.to(device).compute(), kept)


Counts = dict[tuple[int, int], PixelCounts]  # by the size (H, W) at which masks are compared


def _size(protocol: Protocol, sample: Sample) -> tuple[int, int]:
    square = (protocol.square, protocol.square)
    return square if protocol.resolution == "square" else (sample.letterbox.height, sample.letterbox.width)


def _pixels(sample: Sample, decision: Decision, reader: SampleReader, chosen: list[Protocol]) -> Counts:
    """The predicted and the annotated mask, made and counted once at every size that a protocol compares them at."""
    box, expression = sample.letterbox, reader.data.expression(sample.row)
    return {
        size: count_pixels(
            (box.to_picture(decision.difference, size) > 0).numpy(),
            target_at(reader, expression.ann_ids, (box.height, box.width), size),
        )
        for size in {_size(each, sample) for each in chosen}
    }


def _score(sample: Sample, decision: Decision, counts: Counts, chosen: list[Protocol]) -> list[SampleScore]:
    """The accounting of one sample under each protocol."""
    facts = {"target_count": sample.target_count, "predicted_present": decision.present}
    return [score_counts(counts[_size(each, sample)], **facts, protocol=each) for each in chosen]


def target_at(reader: SampleReader, ann_ids: tuple[int, ...], picture: tuple[int, int], size: tuple[int, int]):
    """Union of the targets rasterized at a size (H, W) that need not keep the aspect ratio. -> bool array."""
    if not ann_ids:
        return np.zeros(size, dtype=bool)
    (height, width), (out_height, out_width) = picture, size
    return masks.rasterize(
        reader.data.segmentations(ann_ids),
        height,
        width,
        scale=(out_width / width, out_height / height),
        offset=(0, 0),
        out_height=out_height,
        out_width=out_width,
    )


def _count(accuracy: AccuracyByScenario, target_count: int, decision: Decision) -> None:
    kind = scenario_index(target_count)
    if decision.present is not None:
        accuracy.update(0, kind, decision.present == (target_count > 0))
    if decision.several is not None and target_count > 0:
        accuracy.update(1, kind, decision.several == (target_count > 1))


def _record(
    sample: Sample, decision: Decision, counts: Counts, scores: list[SampleScore], chosen: list[Protocol]
) -> dict:
    pixels = counts[_size(chosen[0], sample)]
    return {
        "row": sample.row,
        "target_count": sample.target_count,
        "presence": decision.presence,
        "plurality": decision.plurality,
        "predicted": pixels.predicted,
        "annotated": pixels.annotated,
        "intersection": pixels.both,
        "scores": {each.name: one._asdict() for each, one in zip(chosen, scores)},
    }


def _plain(values: dict) -> dict[str, float]:
    return {name: value.item() if isinstance(value, Tensor) else value for name, value in values.items()}
