"""From a finished training run to a result: evaluated under every protocol, with its history, cost and examples."""

from pathlib import Path

import msgspec
import numpy as np

from grisq import checkpoint
from grisq.data import masks
from grisq.data.grefcoco import GRefCOCO
from grisq.data.loader import evenly
from grisq.data.scenarios import rows_by_scenario
from grisq.evaluation.checkpoints import evaluate_loaded
from grisq.evaluation.counterfactual import PairOutcomes, paired_set
from grisq.evaluation.outcomes import Samples, round_down
from grisq.evaluation.protocols import DIAGNOSTICS
from grisq.evaluation.variants import variants
from grisq.experiments.registry import Experiment
from grisq.experiments.results import SCHEMA, Cost, Example, Result
from grisq.inference.segmenter import Segmenter
from grisq.models.base import parameters_by_part
from grisq.runtime.distributed import join, rank, world_size
from grisq.training.history import history_columns, read_history

STORED = ("rela", "original", "gsva")  # protocols of this data set that results hold
EXAMPLES_PER_SCENARIO = 4  # predictions to look at, evenly spaced over val


def measure(
    experiment: Experiment, run: Path, data: GRefCOCO, *, device: str = "auto", progress: bool = True
) -> Result:
    """Measure the last checkpoint of a run: no choice of a step was made by looking at any evaluation split.

    A run that chooses a learning rate is measured on no split at all; its history has the held-out train pictures.

    The processes of a launcher share the samples: all of them call this, and each gets the result of all.

    Args:
        experiment: that was trained.
        run: folder of the training run.
        data: the data set.
        device: auto, cpu, cuda or cuda:1.
        progress: whether to draw bars.

    Raises:
        InputError: if the run has no checkpoint.
    """
    place = join(device)
    loaded = checkpoint.load(run / "last", place)
    options = {
        "device": place,
        "workers": loaded.about["preset"]["train"]["workers"],
        "rank": rank(),
        "world": world_size(),
        "progress": progress,
    }
    protocols = [*STORED, *DIAGNOSTICS]
    splits = [] if experiment.tunes else None
    report = evaluate_loaded(loaded, data, splits=splits, protocols=protocols, keep_samples=data.splits, **options)
    pairs = report.pop("counterfactual", None)
    if pairs is None and not experiment.tunes and (paired := paired_set(data)) is not None:
        pairs = evaluate_loaded(loaded, paired, protocols=["rela"], **options)["counterfactual"]
    samples = report.pop("samples", {})  # every process has those of all
    segmenter = Segmenter(loaded.model, loaded.tokenizer, device=str(place))
    return Result(
        schema=SCHEMA,
        experiment=experiment.name,
        settings=loaded.about["preset"],
        parameters=parameters_by_part(loaded.model),
        history=history_columns(run),
        samples={split: _columns(found, data) for split, found in samples.items()},
        examples=[] if experiment.tunes else _examples(segmenter, data),
        cost=_cost(run, loaded),
        variants=variants(loaded, data, "val", **options) if "val" in data.splits and not experiment.tunes else {},
        counterfactual=None if pairs is None else msgspec.convert(pairs, PairOutcomes),
        **report,
    )


def _columns(samples: list[dict], data: GRefCOCO) -> Samples:
    columns = {name: [sample[name] for sample in samples] for name in samples[0]}
    objects = {name: columns.get(name) for name in ("instance_pixels", "instance_covered")}
    heads = {
        name: None if columns[name][0] is None else [round_down(value) for value in columns[name]]
        for name in ("presence", "plurality")
    }
    pixels = {name: columns[name] for name in ("row", "target_count", "predicted", "annotated", "intersection")}
    return Samples(image=data.image_ids[columns["row"]].tolist(), **pixels, **heads, **objects)


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
    """Predictions for expressions of every scenario, the same ones for every system; none without val."""
    if "val" not in data.splits:
        return []
    rows = data.rows("val")
    by_scenario = rows_by_scenario(rows, data.target_counts[rows])
    chosen = [evenly(found, EXAMPLES_PER_SCENARIO) for found in by_scenario]
    return [_example(segmenter, data, int(row)) for row in np.concatenate(chosen)]


def _example(segmenter: Segmenter, data: GRefCOCO, row: int) -> Example:
    expression = data.expression(row)
    prediction = segmenter(data.image_path(expression.image_id), expression.text)
    has_head = segmenter.model.decides_presence
    return Example(
        row=row,
        text=expression.text,
        mask=masks.encode(prediction.raw_mask),
        presence=round_down(prediction.presence) if has_head else None,
        plurality=None if prediction.plurality is None else round_down(prediction.plurality),
    )
