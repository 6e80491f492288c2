"""Answer every expression of a data set's splits, in parts that several machines share; `grisq score` reads the result.

Batches are cut before they are dealt to the shards, so an answer depends neither on how many shards there are nor on
where a run was stopped.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from grisq import checkpoint
from grisq.data import masks
from grisq.data.grefcoco import GRefCOCO
from grisq.data.loader import ended_workers_explained, load_groups
from grisq.data.sample import Batch, SampleReader
from grisq.evaluation.evaluator import compared_size, predicted_mask
from grisq.evaluation.protocols import protocol, square_of
from grisq.inference.fingerprint import fingerprint, keep_settings
from grisq.runtime.device import autocast, resolve_device, resolve_precision
from grisq.runtime.errors import InputError
from grisq.runtime.files import clear_disk_errors, write_text
from grisq.runtime.shard import WHOLE, Shard


def answer_splits(
    loaded: checkpoint.Checkpoint,
    data: GRefCOCO,
    out: Path,
    *,
    splits: Sequence[str] | None = None,
    masks_for: str = "rela",
    shard: Shard = WHOLE,
    batch: int = 32,
    workers: int = 0,
    device: str = "auto",
    precision: str = "auto",
    progress: bool = True,
) -> Path:
    """Write an answer for every expression: a JSON line with ref_id, sent_id, row, segmentation, score and plurality.

    The mask is the one before the presence decision, and `score` is the probability of presence; a model without
    presence head gives none, and then `grisq score` decides by the mask. The same call resumes a run that was stopped.

    Args:
        loaded: the model with its tokenizer.
        data: the data set.
        out: folder of the answers, made if it is missing; all shards can share it.
        splits: names, by default all but train.
        masks_for: the protocol at whose resolution masks are written, so that scoring resizes nothing.
        shard: the part to answer.
        batch: expressions at once.
        workers: data workers.
        device: as `resolve_device` takes it.
        precision: as `resolve_precision` takes it.
        progress: whether to show a bar.

    Returns:
        The file of the shard.

    Raises:
        InputError: for an unknown split or protocol, for a picture that cannot be read, or if `out` holds answers of
            another model, to other data or with other settings.
    """
    place = resolve_device(device)
    precision, square = resolve_precision(precision, place), square_of(protocol(masks_for))
    chosen = [name for name in data.splits if name != "train"] if splits is None else list(dict.fromkeys(splits))
    model = loaded.model.to(place).eval()
    settings = {
        "model": fingerprint(model, loaded.tokenizer),
        "data": data.content_hash,
        "splits": chosen,
        "masks": "the picture's size" if square is None else f"{square}x{square}",
        "batch": batch,
        "precision": precision,
        "shards": shard.total,
    }
    path = keep_settings(settings, out, shard)
    groups = [rows[i : i + batch] for rows in map(data.rows, chosen) for i in range(0, len(rows), batch)]
    groups = [groups[i] for i in shard.take(len(groups))]
    done = _done(path, groups)
    reader = SampleReader(
        data,
        loaded.tokenizer,
        model.config.image_size,
        model.config.text.max_tokens,
        with_instances=model.reads_instances,
    )
    bar = tqdm(total=sum(map(len, groups)), initial=sum(map(len, groups[:done])), unit="answer", disable=not progress)
    with bar, clear_disk_errors(path), path.open("a", encoding="utf-8") as file, ended_workers_explained():
        for each in load_groups(reader, groups[done:], workers=workers):
            lines = list(_lines(model, each, data, square, place, precision))
            file.write("".join(lines))
            file.flush()
            bar.update(len(lines))
    return path


def _lines(
    model: torch.nn.Module, batch: Batch, data: GRefCOCO, square: int | None, device: torch.device, precision: str
) -> Iterator[str]:
    with torch.inference_mode(), autocast(device, precision):
        output = model(*model.inputs(batch.to(device)))
    for sample, decision in zip(batch.samples, output.decide()):
        expression = data.expression(sample.row)
        mask = predicted_mask(decision, sample.letterbox, compared_size(sample.letterbox, square))
        entry = {
            "ref_id": expression.ref_id,
            "sent_id": expression.sent_id,
            "row": sample.row,
            "image_id": expression.image_id,
            "segmentation": masks.encode(mask) if mask.any() else None,
        }
        if decision.presence is not None:
            entry["score"] = decision.presence
        if decision.plurality is not None:
            entry["plurality"] = decision.plurality
        yield json.dumps(entry) + "\n"


def _done(path: Path, groups: Sequence[np.ndarray]) -> int:
    """How many batches have all their answers. What a kill left of another one is deleted, to be answered again."""
    if not path.is_file():
        return 0
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    kept, done = 0, 0
    for group in groups:
        part = lines[kept : kept + len(group)]
        if [_row(line) for line in part] != group.tolist():
            break
        kept, done = kept + len(group), done + 1
    if kept < len(lines):
        if done < len(groups) and kept + len(groups[done]) < len(lines):
            raise InputError(f"{path} holds answers to other expressions (line {kept + 1}): choose another folder.")
        write_text(path, "".join(lines[:kept]))
    return done


def _row(line: str) -> int | None:
    """The row that a whole line answers."""
    try:
        return json.loads(line)["row"] if line.endswith("\n") else None
    except (ValueError, KeyError, TypeError):
        return None
