"""Makes the bundled encoders: pretrains them on the set `encoders` and writes them with a card."""

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.torch import load_file, save_file
from torch import Tensor

from grisq.config import Preset, override
from grisq.data.catalog import load_dataset
from grisq.data.grefcoco import GRefCOCO
from grisq.data.sample import SampleReader
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.pretraining.captions import pretrain_captions
from grisq.pretraining.clicks import pretrain_clicks
from grisq.pretraining.labels import LabeledPictures, Names
from grisq.pretraining.next_words import pretrain_next_words
from grisq.pretraining.schedule import PretrainConfig
from grisq.pretraining.text import pretrain_bert
from grisq.pretraining.trunks import TRUNKS
from grisq.pretraining.vision import Pretext, pretrain_trunk
from grisq.runtime.device import resolve_device
from grisq.runtime.errors import InputError
from grisq.runtime.files import atomic_folder, read_json, write_json
from grisq.runtime.provenance import provenance

SET = "encoders"  # the synthetic set; no table touches its pictures
CARD, MEASURED = "README.md", "measured.json"
TEXT_SYSTEMS = {"bert": "grisq", "clip-text": "cris", "llama": "lisa"}  # the system whose settings give its sizes
# What starts from others of the folder, and from which.
COMPOSED = {"sam-clicks": ("sam",), "llava": ("clip-vit", "llama")}
NAMES = (*TRUNKS, *TEXT_SYSTEMS, *COMPOSED)
# Swin has learned twice as long as the others; a step of theirs takes up to twice its time.
VISION_SCHEDULES = {
    name: PretrainConfig(steps=8_000 if name == "swin" else 4_000, batch=32, lr=1e-3, weight_decay=0.05)
    for name in TRUNKS
}
_CACHE = 1200 << 20  # bytes of samples, all of the set's
_WORKERS = 2  # processes that read pictures for a GPU
TEXT_SCHEDULE = PretrainConfig(steps=4_000, batch=128, lr=1e-3, weight_decay=0.01, save_every=1_000)
COMPOSED_SCHEDULES = {
    "sam-clicks": PretrainConfig(steps=2_000, batch=32, lr=1e-3, weight_decay=0.01),
    "llava": PretrainConfig(steps=4_000, batch=64, lr=6e-4, weight_decay=0.01, warmup=200),
}

_CARD = """# Encoders pretrained on synthetic pictures

The paper's Swin was pretrained on ImageNet-22k, its BERT on a text corpus (Sec. 4.2). These encoders were pretrained
on the synthetic set `{set}`: {pictures:,} pictures and {expressions:,} expressions, drawn from a seed that no
evaluated set uses.

| encoder | used by | what it learned | steps | on held-out data |
|---|---|---|---|---|
{rows}

Held-out data: the accuracy of categories ("classes") and colors over positions on objects; of masked tokens (`bert`)
or the next token ("words"); the IoU with the object under the click.

As in the paper, encoders are pretrained on another task and fine-tuned at a lower learning rate; the image encoders
of LISA and GSVA stay frozen, as in the originals. Unlike in the paper, their pictures come from the same generator as
those of the tables, so what they know fits the tables' pictures far better than ImageNet fits COCO, and the text
encoders have read only sentences of the grammar. The grammar repeats itself: some held-out expressions are also among
those of the training, about another picture. CLIP's two encoders were never trained together, as the real ones were.

Weights are stored in half precision. Annotations SHA-256 `{data}`. Rebuild with `make encoders`; `measured.json` has
schedules, versions and machine of each. Sprites in the training pictures: Twemoji, copyright Twitter, Inc. and other
contributors, CC BY 4.0.
"""

_SYSTEMS = {
    "swin": "ours, LAVT, ReLA",
    "darknet": "LTS, VLT",
    "resnet": "MAttNet",
    "clip-resnet": "CRIS",
    "clip-vit": "LISA, GSVA (initialization of `llava`)",
    "sam": "LISA, GSVA (initialization of `sam-clicks`)",
    "bert": "ours, LAVT, ReLA",
    "clip-text": "CRIS",
    "llama": "LISA, GSVA (initialization of `llava`)",
    "sam-clicks": "LISA, GSVA",
    "llava": "LISA, GSVA",
}
_TASKS = {
    "dense": "category and color of every position on an object, without any expression",
    "image": "which categories and colors a picture holds, without any expression",
    "masked words": "masked tokens of expressions, without any picture",
    "next words": "the next token of expressions, without any picture",
    "clicks": "the mask decoder alone: the object under a click",
    "captions": "the next token of expressions, with the picture in view",
}


def make_encoders(
    preset: Preset,
    out: Path,
    work: Path,
    *,
    only: Sequence[str] = NAMES,
    vision: PretrainConfig | None = None,
    text: PretrainConfig = TEXT_SCHEDULE,
    composed: PretrainConfig | None = None,
    pretext: Pretext = "dense",
    data: GRefCOCO | None = None,
    device: str = "auto",
    progress: bool = True,
) -> Path:
    """Pretrain the encoders of a preset's sizes, and write them as a folder; those that it has already stay.

    Args:
        preset: gives the sizes of the encoders, of the vocabulary and of the pictures.
        out: folder to write; it is replaced when the new one is complete.
        work: folder of the states from which a stopped pretraining resumes.
        only: which encoders to make.
        vision: schedule of the trunks; None for `VISION_SCHEDULES`.
        text: schedule of the text encoders.
        composed: schedule of those that start from others; None for `COMPOSED_SCHEDULES`.
        pretext: what the trunks learn, see `grisq.pretraining.vision`.
        data: the set to learn from, by default the synthetic set `encoders`.
        device: auto, cpu, cuda, cuda:1, mps.
        progress: whether to draw bars.

    Returns:
        out.

    Raises:
        InputError: for an unknown encoder, for one whose parts are missing, if the set has no colors, or if the disk
            is full.
    """
    for name in only:
        if name not in NAMES:
            raise InputError(f"There is no encoder {name!r}: choose from {', '.join(NAMES)}.")
        for part in COMPOSED.get(name, ()):
            if part not in only and not (out / file_of(part)).exists():
                raise InputError(f"The encoder {name!r} learns on from {part!r}, which is not in {out}: make both.")
    data = data or load_dataset(dataclasses.replace(preset, data=SET), progress=progress)
    texts = data.expressions["text"].take(data.rows("train")).to_pylist()
    measured = read_json(out / MEASURED) if (out / MEASURED).is_file() else {"encoders": {}}
    with atomic_folder(out, replace=True) as folder:
        if out.is_dir():
            shutil.copytree(out, folder, dirs_exist_ok=True)
        for name in sorted(only, key=NAMES.index):  # parts first
            state = work / f"{name}.pt"
            if name in COMPOSED:
                schedule = composed or COMPOSED_SCHEDULES[name]
                found = _compose(name, preset, data, schedule, state, folder, device, progress)
            elif name in TRUNKS:
                schedule = vision or VISION_SCHEDULES[name]
                found = _make_trunk(name, preset, data, schedule, state, folder, pretext, device, progress)
            else:
                found = _make_text_encoder(name, preset, texts, text, state, folder, device, progress)
            measured["encoders"][name] = found | {"provenance": provenance()}
        measured["data"] = data.content_hash
        write_json(folder / MEASURED, measured)
        card = _card(measured, len(np.unique(data.image_ids[data.rows("train")])), len(texts))
        (folder / CARD).write_text(card, encoding="utf-8")
    return out


def file_of(name: str) -> str:
    """Where an encoder lies in the folder: a text encoder is a folder, any other a file."""
    return name if name in TEXT_SYSTEMS else f"{name}.safetensors"


def _make_trunk(
    name: str,
    preset: Preset,
    data: GRefCOCO,
    schedule: PretrainConfig,
    state: Path,
    folder: Path,
    pretext: Pretext,
    device: str,
    progress: bool,
) -> dict:
    names, side = Names.of(data), preset.model.image_size
    if resolve_device(device).type == "cuda":  # which is faster than one process that reads pictures
        schedule = dataclasses.replace(schedule, workers=_WORKERS)
    pictures, held_out = (
        LabeledPictures(data, np.unique(data.image_ids[data.rows(split)]), names, side) for split in ("train", "val")
    )
    weights, accuracy = pretrain_trunk(
        name, preset, pictures, held_out, names, schedule, state, pretext=pretext, device=device, progress=progress
    )
    _save(weights, folder / file_of(name))
    return {"task": pretext, "schedule": dataclasses.asdict(schedule), "accuracy": accuracy._asdict()}


def _make_text_encoder(
    name: str,
    preset: Preset,
    texts: list[str],
    schedule: PretrainConfig,
    state: Path,
    folder: Path,
    device: str,
    progress: bool,
) -> dict:
    model = override(preset, {"model.system": TEXT_SYSTEMS[name]}).model
    tokenizer = ExpressionTokenizer.train(texts, model.text.vocabulary)
    words_only = dataclasses.replace(model.text, vocabulary=len(tokenizer))  # no vector without a piece
    if name == "bert":
        encoder, right = pretrain_bert(words_only, tokenizer, texts, schedule, state, device=device, progress=progress)
        transformer, task = encoder.bert, "masked words"
    else:
        sized = dataclasses.replace(model, text=words_only)
        transformer, right = pretrain_next_words(
            name, sized, tokenizer, texts, schedule, state, device=device, progress=progress
        )
        task = "next words"
    shutil.rmtree(folder / name, ignore_errors=True)
    transformer.half().save_pretrained(folder / name)
    tokenizer.save(folder / name)
    return {"task": task, "schedule": dataclasses.asdict(schedule), "accuracy": {"words": right}}


def _compose(
    name: str,
    preset: Preset,
    data: GRefCOCO,
    schedule: PretrainConfig,
    state: Path,
    folder: Path,
    device: str,
    progress: bool,
) -> dict:
    model = override(preset, {"model.system": "lisa"}).model
    if name == "sam-clicks":
        encoder = {key: value.float() for key, value in load_file(folder / file_of("sam")).items()}
        weights, iou = pretrain_clicks(model, encoder, data, schedule, state, device=device, progress=progress)
        task, accuracy = "clicks", {"IoU": iou}
    else:
        words = ExpressionTokenizer.load(folder / "llama")
        parts = {
            "model.lisa.aligned": None,
            "model.lisa.vision_tower.pretrained": str(folder / file_of("clip-vit")),
            "model.text.pretrained": str(folder / file_of("llama")),
            "model.text.vocabulary": len(words),
        }
        model = override(preset, {"model.system": "lisa"} | parts).model
        reader = SampleReader(data, words, model.image_size, model.text.max_tokens, _CACHE)
        weights, right = pretrain_captions(model, reader, schedule, state, device=device, progress=progress)
        task, accuracy = "captions", {"words": right}
    _save(weights, folder / file_of(name))
    return {"task": task, "schedule": dataclasses.asdict(schedule), "accuracy": accuracy}


def _save(weights: dict[str, Tensor], path: Path) -> None:
    """In half precision."""
    half = {key: value.half() if value.is_floating_point() else value for key, value in weights.items()}
    save_file({key: value.contiguous() for key, value in half.items()}, path)


def _card(measured: dict, pictures: int, expressions: int) -> str:
    rows = []
    for name in [name for name in NAMES if name in measured["encoders"]]:
        found = measured["encoders"][name]
        accuracy = ", ".join(f"{what} {share:.1%}" for what, share in found["accuracy"].items())
        task, steps = _TASKS[found["task"]], found["schedule"]["steps"]
        rows.append(f"| `{file_of(name)}` | {_SYSTEMS[name]} | {task} | {steps:,} | {accuracy} |")
    return _CARD.format(
        set=SET, pictures=pictures, expressions=expressions, rows="\n".join(rows), data=measured["data"][:12]
    )
