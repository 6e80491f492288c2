"""Evaluation of a model on rows of a data set under one or more named protocols (Sec. 4.1)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain, zip_longest

import numpy as np
import torch
from torch import distributed
from tqdm import tqdm

from grisq.config.answer import THRESHOLD
from grisq.data.letterbox import Letterbox
from grisq.data.loader import batches, ended_workers_explained
from grisq.data.sample import Batch, SampleReader
from grisq.data.scenarios import scenario_index
from grisq.evaluation.bits import InstanceMasks, count, pack
from grisq.evaluation.metrics import AccuracyByScenario, ScoreSums
from grisq.evaluation.outcomes import Outcomes
from grisq.evaluation.protocols import PixelCounts, Protocol, Scores, protocol, square_of
from grisq.models.base import Decision, System
from grisq.runtime.byte_cache import MB
from grisq.runtime.device import autocast, resolve_precision
from grisq.runtime.errors import InputError

# For annotated masks, kept between evaluations: 4,500 objects at 480 x 480.
_CACHE = 128 * MB


@dataclass
class Evaluation:
    """What an evaluation found."""

    metrics: dict[str, dict[str, float]]  # protocol -> metric -> percent, and numbers of samples
    accuracy: dict[str, float]  # of the presence and plurality heads by scenario, see AccuracyByScenario
    samples: list[dict]  # if kept: one for each row, in the order of the rows; see `Evaluator.run`


@dataclass
class _Found:
    """What was found out about one sample."""

    row: int
    target_count: int
    presence: float | None
    plurality: float | None
    counts: dict[int | None, PixelCounts]  # by resolution, see square_of
    instances: list[tuple[int, int]]  # pixels, and covered ones, of each target at the first protocol's resolution


class Evaluator:
    """Measures a model on rows of a data set: `Evaluator(model, reader).run(rows).metrics["rela"]["gIoU"]`.

    Annotated masks are kept for the next `run`, so use one evaluator for a model that is measured again and again.

    Args:
        model: on the device. Without a presence head it is scored with the 50-pixel rule.
        reader: reads the data set at the model's size.
        protocols: names, or rules of one's own.
        device: where the model computes.
        precision: "fp32", "bf16", or "auto": bf16 on GPUs that have it in hardware and fp32 elsewhere.
        batch: samples at once.
        workers: data workers, 0 to read in this process.
        rank: number of this process.
        world: number of processes; each takes every `world`-th row.
        progress: whether to show a progress bar.

    Raises:
        InputError: for an unknown protocol or precision.
    """

    def __init__(
        self,
        model: System,
        reader: SampleReader,
        *,
        protocols: Sequence[str | Protocol] = ("rela",),
        device: torch.device | str = "cpu",
        precision: str = "auto",
        batch: int = 32,
        workers: int = 0,
        rank: int = 0,
        world: int = 1,
        progress: bool = True,
    ):
        self.model, self.reader, self.device = model, reader, torch.device(device)
        self.protocols = [each if isinstance(each, Protocol) else protocol(each) for each in protocols]
        self.precision = resolve_precision(precision, self.device)
        self.batch, self.workers, self.rank, self.world, self.progress = batch, workers, rank, world, progress
        self._resolutions = list(dict.fromkeys(map(square_of, self.protocols)))
        self._instances = InstanceMasks(reader.data, _CACHE)

    def run(self, rows: Sequence[int], *, keep_samples: bool = False) -> Evaluation:
        """Evaluate rows of the table of expressions; every one counts exactly once, however many processes share them.

        Kept samples are dicts: row, target_count, presence and plurality (probabilities, None without the head),
        predicted, annotated and intersection (pixels at the first protocol's resolution, before the presence decision),
        instance_pixels and instance_covered (for each target its pixels, and those that the predicted mask covers; in
        the order of the annotation, at the same resolution), and scores, the fields of `Scores` by protocol. Every
        process gets those of all rows.

        Raises:
            InputError: for a missing or broken picture, if a data worker is ended from outside, or if the other
                processes cannot be reached.
        """
        if self.world > 1 and not distributed.is_initialized():
            raise InputError(f"The {self.world} processes are not connected: start them with --processes or torchrun.")
        found = self._look_at(list(rows)[self.rank :: self.world])
        scores = {each.name: self._outcomes(found, each).scores(each) for each in self.protocols}
        metrics = {each.name: self._metrics(each, scores[each.name]) for each in self.protocols}
        samples = self._gathered(self._records(found, scores)) if keep_samples else []
        return Evaluation(metrics, self._accuracy(found), samples)

    def _look_at(self, rows: list[int]) -> list[_Found]:
        bar = tqdm(
            total=len(rows), unit="sample", desc="evaluate", disable=not self.progress or self.rank > 0, leave=False
        )
        found, training = [], self.model.training
        self.model.eval()
        try:
            with ended_workers_explained():
                for each in batches(self.reader, rows, batch=self.batch, workers=self.workers):
                    found += self._compare(each)
                    bar.update(len(each))
        finally:
            self.model.train(training)
            bar.close()
        return found

    def _compare(self, batch: Batch) -> Iterator[_Found]:
        """Predict a batch and count the pixels of its masks at every resolution that a protocol compares them at."""
        with torch.inference_mode(), autocast(self.device, self.precision):
            output = self.model(*self.model.inputs(batch.to(self.device)))
        for sample, decision in zip(batch.samples, output.decide()):
            ann_ids = self.reader.expression(sample.row).ann_ids
            counts, instances = {}, []
            for resolution in self._resolutions:
                size = compared_size(sample.letterbox, resolution)
                predicted = pack(predicted_mask(decision, sample.letterbox, size))
                drawn = self._instances.of(ann_ids, sample.letterbox, size)
                counts[resolution] = _count(predicted, drawn, size)
                if resolution == self._resolutions[0]:
                    instances = [(count(each), count(each & predicted)) for each in drawn]
            yield _Found(sample.row, sample.target_count, decision.presence, decision.plurality, counts, instances)

    def _outcomes(self, found: list[_Found], rules: Protocol) -> Outcomes:
        counts = np.array([each.counts[square_of(rules)] for each in found], dtype=np.int64).reshape(-1, 4)  # (N, 4)
        has_head = self.model.decides_presence
        presence = np.array([each.presence for each in found], dtype=float) if has_head else None
        return Outcomes(_target_counts(found), PixelCounts(*counts.T), presence)

    def _metrics(self, rules: Protocol, scores: Scores) -> dict[str, float]:
        meter = ScoreSums(rules, sync_on_compute=self.world > 1)
        meter.update(scores)
        return self._summed(meter).compute()

    def _accuracy(self, found: list[_Found]) -> dict[str, float]:
        meter, count = AccuracyByScenario(sync_on_compute=self.world > 1), _target_counts(found)
        heads = (("presence", count > 0, count >= 0), ("plurality", count > 1, count > 0))  # name, truth, has a truth
        for head, (name, truth, judged) in enumerate(heads):
            values = np.array([getattr(each, name) for each in found], dtype=float)  # nan without the head
            judged = judged & ~np.isnan(values)
            meter.update(head, scenario_index(count)[judged], ((values >= THRESHOLD) == truth)[judged])
        return self._summed(meter).compute()

    def _summed(self, meter):
        """Move a meter to where the processes of a GPU training can add theirs up."""
        return meter.to(self.device) if self.world > 1 else meter

    def _records(self, found: list[_Found], scores: dict[str, Scores]) -> list[dict]:
        columns = {name: [column.tolist() for column in each] for name, each in scores.items()}
        first = square_of(self.protocols[0])
        return [
            {
                "row": each.row,
                "target_count": each.target_count,
                "presence": each.presence,
                "plurality": each.plurality,
                "predicted": each.counts[first].predicted,
                "annotated": each.counts[first].annotated,
                "intersection": each.counts[first].both,
                "instance_pixels": [pixels for pixels, _ in each.instances],
                "instance_covered": [covered for _, covered in each.instances],
                "scores": {
                    name: {field: column[i] for field, column in zip(Scores._fields, fields)}
                    for name, fields in columns.items()
                },
            }
            for i, each in enumerate(found)
        ]

    def _gathered(self, records: list[dict]) -> list[dict]:
        """The records of all processes in the order of the rows."""
        if self.world == 1:
            return records
        parts: list = [None] * self.world
        distributed.all_gather_object(parts, records)
        return [each for each in chain(*zip_longest(*parts)) if each is not None]


def predicted_mask(decision: Decision, box: Letterbox, size: tuple[int, int]) -> np.ndarray:
    """Draw the predicted mask before the presence decision, with threshold 0.5 (Sec. 3.4). -> (H, W) bool of a size."""
    if decision.difference.max() <= 0:  # nor are the means between its values above 0
        return np.zeros(size, dtype=bool)
    return (box.to_picture(decision.difference, size) > 0).numpy()


def compared_size(box: Letterbox, resolution: int | None) -> tuple[int, int]:
    """(H, W) at which a picture's masks are compared; see `square_of`."""
    return (box.height, box.width) if resolution is None else (resolution, resolution)


def _count(predicted: np.ndarray, instances: list[np.ndarray], size: tuple[int, int]) -> PixelCounts:
    """Count the pixels of the packed prediction and of the union of the packed instances."""
    target = reduce(np.bitwise_or, instances, np.zeros_like(predicted))
    return PixelCounts(count(predicted), count(target), count(predicted & target), area=size[0] * size[1])


def _target_counts(found: list[_Found]) -> np.ndarray:
    return np.array([each.target_count for each in found], dtype=np.int64)  # (N,)
