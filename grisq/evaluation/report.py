"""A model measured on a data set's splits, as one JSON object that says everything a number needs beside it."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch

from grisq import checkpoint
from grisq.config import Preset, from_dict
from grisq.data import statistics
from grisq.data.catalog import load_dataset
from grisq.data.grefcoco import GRefCOCO
from grisq.data.sample import SampleReader
from grisq.evaluation.evaluator import evaluate
from grisq.runtime.distributed import join, rank, world_size
from grisq.runtime.provenance import provenance

COLUMNS = ("gIoU", "cIoU", "N-acc", "T-acc", "Pr@0.7", "Pr@0.8", "Pr@0.9")


def evaluate_checkpoint(
    model: Path, data: Path | None = None, *, device: str = "auto", progress: bool = True, **options
) -> dict:
    """A checkpoint, or the best one of a run, on a data set in a folder, by default its preset's own.

    Several processes (see `grisq.runtime.distributed`) share the samples, and each gets the result of all.
    Options and result: as `evaluate_loaded`. Errors: InputError for a missing checkpoint, data set, split or protocol.
    """
    place = join(device)
    loaded = checkpoint.load(model, place)
    dataset = load_dataset(from_dict(Preset, loaded.about["preset"]), data, progress=progress)
    return evaluate_loaded(loaded, dataset, device=place, rank=rank(), world=world_size(), progress=progress, **options)


def evaluate_loaded(
    loaded: checkpoint.Checkpoint,
    dataset: GRefCOCO,
    *,
    device: torch.device | str,
    splits: Sequence[str] | None = None,
    protocols: Sequence[str] = ("rela",),
    batch: int = 32,
    workers: int = 0,
    precision: str = "auto",
    keep_samples: Sequence[str] = (),
    rank: int = 0,
    world: int = 1,
    progress: bool = True,
) -> dict:
    """Evaluate on every split but train, or on `splits`, under each protocol.

    Returns: {"preset", "seed", "step", "data" (SHA-256 of its annotations), "counts" by split, "results":
    {split: {"protocols": {name: metrics in percent}, "accuracy": {...}}}, "trained" and "provenance": versions,
    commit and machine of the training (None for an older checkpoint) and of this evaluation}; for the splits in
    `keep_samples` also {"samples": {split: as Evaluation.samples}}.
    Errors: InputError for a missing split or protocol.
    """
    config = loaded.model.config
    reader = SampleReader(dataset, loaded.tokenizer, config.image_size, config.text.max_tokens)
    results, samples = {}, {}
    for split in splits or [name for name in dataset.splits if name != "train"]:
        outcome = evaluate(
            loaded.model,
            reader,
            dataset.rows(split),
            protocols=protocols,
            device=device,
            precision=precision,
            batch=batch,
            workers=workers,
            keep_samples=split in keep_samples,
            rank=rank,
            world=world,
            progress=progress,
        )
        if outcome.samples:
            samples[split] = outcome.samples
        results[split] = {"protocols": outcome.metrics, "accuracy": outcome.accuracy}
    report = {
        "preset": loaded.about["preset"]["name"],
        "seed": loaded.about["seed"],
        "step": loaded.about["step"],
        "data": dataset.content_hash,
        "counts": statistics.counts(dataset).to_dict(orient="index"),
        "results": results,
        "trained": loaded.about.get("provenance"),
        "provenance": provenance(),
    }
    return report | ({"samples": samples} if samples else {})


def table(report: dict) -> pd.DataFrame:
    """One line per split and protocol, metrics in percent with one decimal, sample counts beside them."""
    lines = []
    for split, outcome in report["results"].items():
        for name, metrics in outcome["protocols"].items():
            line = {"split": split, "protocol": name} | {column: round(metrics[column], 2) for column in COLUMNS}
            counts = {key: metrics[f"n_{key}"] for key in ("no_target", "single", "multi")}
            lines.append(line | counts)
    return pd.DataFrame(lines).set_index(["split", "protocol"])


def markdown(frame: pd.DataFrame) -> str:
    """A table in Markdown, without its index."""
    lines = [frame.columns, ["---"] * len(frame.columns), *frame.itertuples(index=False)]
    return "\n".join("| " + " | ".join(str(value) for value in line) + " |" for line in lines)
