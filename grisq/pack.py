"""A trained model made ready to pass on: weights in half precision, and a card that says what it is and is not."""

from pathlib import Path

import torch

from grisq import checkpoint
from grisq.config import Preset, from_dict
from grisq.data import statistics
from grisq.data.grefcoco import GRefCOCO
from grisq.datasets import open_dataset
from grisq.errors import InputError
from grisq.files import write_json
from grisq.model.network import count_parameters
from grisq.protocols import protocol
from grisq.report import evaluate_checkpoint, table

CARD, MEASURED = "README.md", "measured.json"
PROTOCOL = "rela"

_TEXT = """# {name}

{note}

| | |
|---|---|
| made from | the run `{run}`, step {step:,} of {steps:,}, seed {seed} |
| model | {parameters:,} parameters, pictures of {side} pixels; stored in half precision, computed in full |
| trained on | annotations SHA-256 `{trained_on}`: {expressions:,} expressions about {pictures:,} pictures |
| by | commit `{commit}`, torch {torch}, {device} |
| settings | `config.json` beside this file |

## What it reaches

Percent; {rules}. Measured with the stored weights on annotations SHA-256 `{measured_on}`, {seen}; the numbers of
expressions without, with one and with several targets stand in the last columns. Machine-readable: `{measured}`.

{table}

## What it is not for

It knows what its training data hold and nothing else: other objects, words or kinds of pictures get answers all the
same, and those mean little. Its probabilities are not calibrated. Nothing about people should be decided by it.
"""


def pack(
    run: Path,
    out: Path,
    *,
    trained_on: Path | None = None,
    data: Path | None = None,
    note: str = "",
    progress: bool = True,
) -> Path:
    """Write a run's best checkpoint in half precision into the folder `out`, measured, with its card.

    Args: trained_on: the data set's folder that the run was trained on, by default its preset's synthetic set; data:
    the folder to measure on, by default the same; note: a paragraph for the card. Returns: out.
    Errors: InputError for a missing run or data set, or if `trained_on` is not what the run was trained on.
    """
    loaded = checkpoint.load(run)
    preset = from_dict(Preset, loaded.about["preset"])
    training_data = open_dataset(preset, trained_on, progress=progress)
    if training_data.content_hash != loaded.about["data"]:
        raise InputError(
            f"{run} was trained on annotations {loaded.about['data'][:12]}, and {training_data.root} holds "
            f"{training_data.content_hash[:12]}: name the right folder as trained-on."
        )
    checkpoint.save(out, loaded.model, loaded.tokenizer, loaded.about, dtype=torch.float16)
    report = evaluate_checkpoint(out, data or training_data.root, protocols=[PROTOCOL], progress=progress)
    write_json(out / MEASURED, report)
    (out / CARD).write_text(_card(out.name, Path(run).name, note, loaded, preset, training_data, report))
    return out


def _card(
    name: str,
    run: str,
    note: str,
    loaded: checkpoint.Checkpoint,
    preset: Preset,
    training_data: GRefCOCO,
    report: dict,
) -> str:
    counts = statistics.counts(training_data).loc["train"]
    trained = report["trained"] or {"commit": "unknown", "packages": {"torch": "unknown"}, "device": "unknown"}
    same = report["data"] == training_data.content_hash
    return _TEXT.format(
        name=name,
        note=note,
        run=run,
        step=loaded.about["step"],
        steps=preset.train.steps,
        seed=loaded.about["seed"],
        parameters=count_parameters(loaded.model),
        side=loaded.model.config.image_size,
        trained_on=training_data.content_hash[:12],
        expressions=int(counts["expressions"]),
        pictures=int(counts["images"]),
        commit=trained["commit"],
        torch=trained["packages"]["torch"],
        device=trained["device"],
        rules=protocol(PROTOCOL).describe(),
        measured_on=report["data"][:12],
        seen="whose val split chose the checkpoint" if same else "none of which it was trained or chosen on",
        measured=MEASURED,
        table=_markdown(table(report).reset_index()),
    )


def _markdown(frame) -> str:
    lines = [frame.columns, ["---"] * len(frame.columns), *frame.itertuples(index=False)]
    return "\n".join("| " + " | ".join(str(value) for value in line) + " |" for line in lines)
