"""A model measured on a data set's splits: one JSON object with everything that a number needs next to it."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pandas as pd

from grisq import checkpoint
from grisq.config import Preset, from_dict
from grisq.data import statistics
from grisq.data.catalog import load_dataset
from grisq.data.grefcoco import GRefCOCO
from grisq.data.sample import SampleReader
from grisq.evaluation import counterfactual
from grisq.evaluation.evaluator import Evaluator
from grisq.evaluation.metrics import MCC, METRICS
from grisq.runtime.distributed import join, rank, world_size
from grisq.runtime.provenance import provenance

# Of the table; the report holds all.
SHOWN = (*(name for name in METRICS if not name.startswith(("IoU", "Pr@0.5", "Pr@0.6"))), MCC)


def evaluate_checkpoint(
    model: Path, data: Path | None = None, *, device: str = "auto", progress: bool = True, **options
) -> dict:
    """Evaluate a checkpoint, or the last one of a run.

    Several processes (see `grisq.runtime.distributed`) share the samples, and each gets the result of all.

    Args:
        model: folder of a checkpoint (also of a run's `best`) or of a run, whose last checkpoint is taken.
        data: folder of a data set, by default that of the checkpoint's preset.
        device: as `resolve_device` takes it.
        progress: whether to show progress bars.
        options: as `evaluate_loaded` takes them.

    Returns:
        The report of `evaluate_loaded`.

    Raises:
        InputError: for a missing checkpoint, data set, split or protocol.
    """
    place = join(device)
    loaded = checkpoint.load(model, place)
    dataset = load_dataset(from_dict(Preset, loaded.about["preset"]), data, progress=progress)
    return evaluate_loaded(loaded, dataset, device=place, rank=rank(), world=world_size(), progress=progress, **options)


def evaluate_loaded(
    loaded: checkpoint.Checkpoint,
    dataset: GRefCOCO,
    *,
    splits: Sequence[str] | None = None,
    keep_samples: Sequence[str] = (),
    **options,
) -> dict:
    """Evaluate a loaded checkpoint on splits of a data set.

    Args:
        loaded: the model with its tokenizer, on the device.
        dataset: what to measure it on.
        splits: names, by default all but train.
        keep_samples: splits whose samples become part of the report.
        options: of `Evaluator`: protocols, device, precision, batch, workers, rank, world, progress.

    Returns:
        {"preset", "seed", "step", "data" (SHA-256 of the annotations), "counts" by split, "results": {split:
        {"protocols": {name: metrics in percent}, "accuracy": {...}}}, "precision" (the resolved one), "trained" and
        "provenance": versions, commit and machine of the training (None for an older checkpoint) and of this
        evaluation}; with `keep_samples` also {"samples": {split: as Evaluation.samples}}, and for a data set of
        counterfactual pairs {"counterfactual": the columns of `PairOutcomes`}, decided by the first protocol.

    Raises:
        InputError: for a missing split, or for an unknown protocol or precision.
    """
    config = loaded.model.config
    objects = loaded.model.eval().reads_instances
    reader = SampleReader(dataset, loaded.tokenizer, config.image_size, config.text.max_tokens, with_instances=objects)
    evaluator = Evaluator(loaded.model, reader, **options)
    results, samples, answers = {}, {}, {}
    paired = counterfactual.has_pairs(dataset)
    chosen = [name for name in dataset.splits if name != "train"] if splits is None else splits
    for split in chosen:
        kept = split in keep_samples
        outcome = evaluator.run(dataset.rows(split), keep_samples=kept or paired)
        if kept and outcome.samples:
            samples[split] = outcome.samples
        if paired:
            answers |= counterfactual.answers_kept(outcome.samples, evaluator.protocols[0].name)
        results[split] = {"protocols": outcome.metrics, "accuracy": outcome.accuracy}
    report = {
        "preset": loaded.about["preset"]["name"],
        "seed": loaded.about["seed"],
        "step": loaded.about["step"],
        "data": dataset.content_hash,
        "counts": statistics.counts(dataset).to_dict(orient="index"),
        "results": results,
        "precision": evaluator.precision,
        "trained": loaded.about.get("provenance"),
        "provenance": provenance(),
    }
    if paired:
        pairs = counterfactual.read_pairs(dataset)
        report["counterfactual"] = msgspec.to_builtins(
            counterfactual.pair_outcomes(answers, pairs, dataset.content_hash)
        )
    return report | ({"samples": samples} if samples else {})


def table(report: dict) -> pd.DataFrame:
    """Make a table of a report: one line per split and protocol, metrics in percent, followed by the sample counts."""
    lines = []
    for split, outcome in report["results"].items():
        for name, metrics in outcome["protocols"].items():
            line = {"split": split, "protocol": name} | {column: round(metrics[column], 2) for column in SHOWN}
            counts = {key: metrics[f"n_{key}"] for key in ("no_target", "single", "multi")}
            lines.append(line | counts)
    return pd.DataFrame(lines).set_index(["split", "protocol"])


def table_of_pairs(report: dict) -> pd.DataFrame | None:
    """Make a table of a report's answers to counterfactual pairs, see `counterfactual.table`; None without pairs."""
    if "counterfactual" not in report:
        return None
    return counterfactual.table(msgspec.convert(report["counterfactual"], counterfactual.PairOutcomes)).round(2)
