"""A finished training run becomes a result: evaluated under every protocol, with its history, cost and some answers."""

import math
from pathlib import Path

import numpy as np

from grisq import checkpoint
from grisq.data import masks
from grisq.data.grefcoco import GRefCOCO
from grisq.data.loader import evenly
from grisq.data.scenarios import rows_by_scenario
from grisq.evaluation.outcomes import Samples
from grisq.evaluation.protocols import DIAGNOSTICS, PROTOCOLS
from grisq.evaluation.report import evaluate_loaded
from grisq.experiments.registry import Experiment
from grisq.experiments.results import SCHEMA, Cost, Example, Result
from grisq.inference.segmenter import Segmenter
from grisq.models.base import count_parameters
from grisq.runtime.device import resolve_device
from grisq.training.history import history_columns, read_history

EXAMPLES = 4  # answers of each kind to look at, evenly spaced over val


def measure(
    experiment: Experiment, run: Path, data: GRefCOCO, *, device: str = "auto", progress: bool = True
) -> Result:
    """Measure the last checkpoint of a run: no choice of a step was made by looking at any evaluation split.

    Errors: InputError if the run has no checkpoint.
    """
    place = resolve_device(device)
    loaded = checkpoint.load(run / "last", place)
    report = evaluate_loaded(
        loaded,
        data,
        device=place,
        protocols=[*PROTOCOLS, *DIAGNOSTICS],
        keep_samples=data.splits,
        progress=progress,
    )
    samples = {split: _columns(found, data) for split, found in report.pop("samples").items()}
    return Result(
        schema=SCHEMA,
        experiment=experiment.name,
        settings=loaded.about["preset"],
        parameters={part: count_parameters(module) for part, module in loaded.model.named_children()},
        history=history_columns(run),
        samples=samples,
        examples=_examples(Segmenter(loaded.model, loaded.tokenizer, device=device), data),
        cost=_cost(run, loaded),
        **report,
    )


def _columns(samples: list[dict], data: GRefCOCO) -> Samples:
    columns = {name: [sample[name] for sample in samples] for name in samples[0]}
    heads = {
        name: None if columns[name][0] is None else [_down(value) for value in columns[name]]
        for name in ("presence", "plurality")
    }
    pixels = {name: columns[name] for name in ("row", "target_count", "predicted", "annotated", "intersection")}
    return Samples(image=data.image_ids[columns["row"]].tolist(), **pixels, **heads)


def _down(probability: float) -> float:
    """Four decimals, rounded down, so that no probability below one half becomes one half."""
    return math.floor(probability * 1e4) / 1e4


def _cost(run: Path, loaded: checkpoint.Checkpoint) -> Cost:
    train = loaded.about["preset"]["train"]
    speed = float(np.median([record["samples_per_second"] for record in read_history(run, "train")]))
    peak = loaded.about.get("peak_mb")
    return Cost(
        seconds=round(train["steps"] * train["batch"] / speed, 1),
        samples_per_second=round(speed, 1),
        peak_mb=None if peak is None else float(peak),
    )


def _examples(segmenter: Segmenter, data: GRefCOCO) -> list[Example]:
    rows = data.rows("val")
    of_kind = rows_by_scenario(rows, data.target_counts[rows])
    return [_example(segmenter, data, int(row)) for found in of_kind for row in evenly(found, EXAMPLES)]


def _example(segmenter: Segmenter, data: GRefCOCO, row: int) -> Example:
    expression = data.expression(row)
    said = segmenter(data.image_path(expression.image_id), expression.text)
    has_head = segmenter.model.presence_head is not None
    return Example(
        row=row,
        text=expression.text,
        mask=masks.encode(said.raw_mask),
        presence=_down(said.presence) if has_head else None,
        plurality=None if said.plurality is None else _down(said.plurality),
    )
