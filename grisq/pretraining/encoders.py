"""Makes the bundled encoders: pretrains both on the set `encoders` and writes them with a card."""

import dataclasses
from pathlib import Path

import numpy as np
from safetensors.torch import save_file

from grisq.config import Preset
from grisq.data.catalog import load_dataset
from grisq.data.grefcoco import GRefCOCO
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.pretraining.labels import LabeledPictures, Names
from grisq.pretraining.schedule import PretrainConfig
from grisq.pretraining.text import pretrain_bert
from grisq.pretraining.vision import Pretext, pretrain_swin
from grisq.runtime.files import atomic_folder, write_json
from grisq.runtime.provenance import provenance

SET = "encoders"  # the synthetic set; no table touches its pictures
SWIN, BERT, CARD, MEASURED = "swin.safetensors", "bert", "README.md", "measured.json"
VISION_SCHEDULE = PretrainConfig(steps=8_000, batch=32, lr=1e-3, weight_decay=0.05)
TEXT_SCHEDULE = PretrainConfig(steps=4_000, batch=128, lr=1e-3, weight_decay=0.01, save_every=1_000)

_CARD = """# Encoders that have seen drawings

What ImageNet-22k is to the paper's Swin and its corpus to BERT (Sec. 4.2), the synthetic set `{set}` is to these two:
{pictures:,} pictures and {expressions:,} expressions, drawn from a seed that no measured set uses.

| file | what it learned | steps | accuracy |
|---|---|---|---|
| `{swin}` | {vision_task} | {vision_steps:,} | {of_vision}: categories {classes:.1%}, colors {colors:.1%} |
| `{bert}/` | masked words of expressions, without any picture | {text_steps:,} | {of_words}: {words:.1%} |

Like the paper: both encoders start from another task than the one measured, and are trained on at a lower rate. Unlike
the paper: their pictures come from the same generator as those of the tables, so what they know fits the tables'
pictures far better than ImageNet fits COCO; and BERT has read no English but the grammar's. The grammar repeats
itself: some held-out expressions are also among those trained on, about another picture.

Weights are stored in half precision. Annotations SHA-256 `{data}`; commit `{commit}`, torch {torch}, {device}.
Made again by `make encoders`. Sprites in the training pictures: Twemoji, copyright Twitter, Inc. and other
contributors, CC BY 4.0.
"""

_VISION_TASK = {
    "dense": "category and color of every position on an object, without any expression",
    "image": "which categories and colors a picture holds, without any expression",
}
_OF_VISION = {"dense": "positions on objects of val", "image": "names, present or absent, for pictures of val"}


def make_encoders(
    preset: Preset,
    out: Path,
    work: Path,
    *,
    vision: PretrainConfig = VISION_SCHEDULE,
    text: PretrainConfig = TEXT_SCHEDULE,
    pretext: Pretext = "dense",
    data: GRefCOCO | None = None,
    progress: bool = True,
) -> Path:
    """Pretrain the Swin and the BERT of a preset's sizes, and write them as a folder.

    Args:
        preset: gives the sizes of both encoders, of the vocabulary and of the pictures.
        out: folder to write; an older one is replaced when the new one is complete.
        work: folder of the states from which a stopped pretraining resumes.
        vision: schedule of Swin.
        text: schedule of BERT.
        pretext: what Swin learns, see `grisq.pretraining.vision`.
        data: the set to learn from, by default the synthetic set `encoders`.
        progress: whether to draw bars.

    Returns:
        out.

    Raises:
        InputError: if the set has no colors, or if the disk is full.
    """
    data = data or load_dataset(dataclasses.replace(preset, data=SET), progress=progress)
    names, side = Names.of(data), preset.model.image_size
    pictures, held_out = (
        LabeledPictures(data, np.unique(data.image_ids[data.rows(split)]), names, side) for split in ("train", "val")
    )
    texts = data.expressions["text"].take(data.rows("train")).to_pylist()
    tokenizer = ExpressionTokenizer.train(texts, preset.model.text.vocabulary)
    words_only = dataclasses.replace(preset.model.text, vocabulary=len(tokenizer))  # no vector without a piece
    trunk, accuracy = pretrain_swin(
        preset.model.swin, pictures, held_out, names, vision, work / "swin.pt", pretext=pretext, progress=progress
    )
    encoder, words = pretrain_bert(words_only, tokenizer, texts, text, work / "bert.pt", progress=progress)
    about = {
        "data": data.content_hash,
        "pretext": pretext,
        "schedules": {"swin": dataclasses.asdict(vision), "bert": dataclasses.asdict(text)},
        "accuracy": {**accuracy._asdict(), "words": words},
        "provenance": provenance(),
    }
    with atomic_folder(out, replace=True) as folder:
        save_file({name: value.half().contiguous() for name, value in trunk.items()}, folder / SWIN)
        encoder.bert.half().save_pretrained(folder / BERT)
        tokenizer.save(folder / BERT)
        write_json(folder / MEASURED, about)
        (folder / CARD).write_text(_card(data, about, len(pictures), len(texts)), encoding="utf-8")
    return out


def _card(data: GRefCOCO, about: dict, pictures: int, expressions: int) -> str:
    made = about["provenance"]
    return _CARD.format(
        set=SET,
        vision_task=_VISION_TASK[about["pretext"]],
        of_vision=_OF_VISION[about["pretext"]],
        of_words="masked pieces of 1,000 held-out train expressions",
        pictures=pictures,
        expressions=expressions,
        swin=SWIN,
        bert=BERT,
        vision_steps=about["schedules"]["swin"]["steps"],
        text_steps=about["schedules"]["bert"]["steps"],
        data=data.content_hash[:12],
        commit=made["commit"],
        torch=made["packages"]["torch"],
        device=made["device"],
        **about["accuracy"],
    )
