"""A trained model made ready to pass on: weights in half precision, and a card that says what it is and is not."""

from pathlib import Path

import msgspec
import torch

from grisq import checkpoint
from grisq.config import Preset, from_dict
from grisq.data import statistics
from grisq.data.catalog import load_dataset
from grisq.data.grefcoco import GRefCOCO
from grisq.data.tokenizer import TOKENIZER_FILE
from grisq.evaluation.calibration import Calibration, calibration, calibration_table
from grisq.evaluation.calibration_figure import calibration_figure
from grisq.evaluation.checkpoints import evaluate_checkpoint, table
from grisq.evaluation.markdown import markdown
from grisq.evaluation.protocols import protocol
from grisq.inference.card_header import eval_results, header
from grisq.models.base import count_parameters
from grisq.runtime.errors import InputError
from grisq.runtime.files import atomic_folder, refuse_if_taken, write_json

EVAL_RESULTS = ".eval_results"  # where the hub looks for them
CARD, MEASURED, CURVE = "README.md", "measured.json", "calibration.png"
_FILES = {CARD, MEASURED, checkpoint.WEIGHTS, checkpoint.CONFIG, TOKENIZER_FILE}  # of every packed model
PROTOCOL = "rela"
CALIBRATED_ON = "val"  # the split that the presence probability is compared with the truth on

_TEXT = """# {name}

{note}

| | |
|---|---|
| made from | the run `{run}`, step {step:,} of {steps:,}, seed {seed} |
| model | {parameters:,} parameters, pictures of {side} pixels; stored in half precision, computed in float32 |
| trained on | annotations SHA-256 `{trained_on}`: {expressions:,} expressions about {pictures:,} pictures{held_out} |
| by | commit `{commit}`, torch {torch}, {device} |
| settings | `config.json` next to this file |

## Performance

Percent; {rules}. Measured with the stored weights on annotations SHA-256 `{measured_on}`, {seen}; the numbers of
expressions without, with one and with several targets stand in the last columns. Machine-readable: `{measured}`.

{table}

## Presence probability

{presence}

## What it is not for

It knows what its training data hold and nothing else: other objects, words or kinds of pictures get answers all the
same, and those mean little. Do not use it to make decisions about people.
"""

_PRESENCE = """On the {n:,} expressions of {split} the mean predicted probability of a target is {predicted:.1%}, and
{observed:.1%} of them have one. Expected calibration error over {bins} bins of equal width: {error:.1%}. Other
pictures, and other shares of no-target expressions, give other numbers.

![Share of expressions that have a target over the predicted probability, with the diagonal]({curve})

{table}"""
_NO_SPLIT = "Not compared with the truth: the data set has no expression in {split}."
_NO_HEAD = (
    "The model has no presence head, so there is no probability: a mask of at least 50 pixels at 480x480 decides."
)


def pack(
    run: Path,
    out: Path,
    *,
    trained_on: Path | None = None,
    data: Path | None = None,
    note: str = "",
    license_name: str = "mit",
    progress: bool = True,
) -> Path:
    """Write a run's last checkpoint in half precision into the folder `out`, measured, with its card.

    Args:
        run: folder of a training run, or of one of its checkpoints.
        out: folder to write, which appears only when all of it is there.
        trained_on: folder of the data set that the run was trained on, by default its preset's synthetic set.
        data: folder of the data set to measure on, by default the same.
        note: a paragraph for the card.
        license_name: the hub's identifier of the weights' license.
        progress: whether to draw bars.

    Returns:
        out.

    Raises:
        InputError: for a missing run or data set, if `trained_on` is not what the run was trained on, or if `out`
            holds anything but an older packed model.
    """
    run, out = Path(run).resolve(), Path(out).resolve()
    _refuse_to_replace(out, run)
    loaded = checkpoint.load(run)
    preset = from_dict(Preset, loaded.about["preset"])
    training_data = _training_data(loaded, preset, trained_on, progress)
    about = loaded.about | {"init": loaded.about.get("init") and Path(loaded.about["init"]).name}
    with atomic_folder(out, replace=True) as partial:
        checkpoint.write(partial, loaded.model, loaded.tokenizer, about, dtype=torch.float16)
        report = evaluate_checkpoint(
            partial,
            data or training_data.root,
            protocols=[PROTOCOL],
            precision="fp32",
            keep_samples=[CALIBRATED_ON],
            progress=progress,
        )
        samples = report.pop("samples", {}).get(CALIBRATED_ON, [])
        found = presence_calibration(samples)
        report["calibration"] = {} if found is None else {CALIBRATED_ON: msgspec.to_builtins(found)}
        if found is not None:
            calibration_figure({CALIBRATED_ON: found}).savefig(partial / CURVE, metadata={"Software": None})
        write_json(partial / MEASURED, report)
        presence = presence_text(found, has_head=loaded.model.decides_presence)
        measured_on = training_data if data is None else load_dataset(preset, data, progress=progress)
        release = statistics.release_of(measured_on)
        card = _card(out.name, _name_of(run), note, loaded, preset, training_data, report, presence)
        top = header(out.name, report, release, license_name=license_name)
        (partial / CARD).write_text(top + card, encoding="utf-8")
        if (entries := eval_results(report, release)) is not None:
            (partial / EVAL_RESULTS).mkdir()
            write_json(partial / EVAL_RESULTS / "grefcoco.yaml", entries)  # JSON is YAML
    return out


def presence_calibration(samples: list[dict]) -> Calibration | None:
    """Compare the presence probabilities of a split with its annotations.

    samples: as `Evaluator.run` keeps them. -> None where there are none, or where the model has no presence head.
    """
    if not samples or samples[0]["presence"] is None:
        return None
    return calibration([each["presence"] for each in samples], [each["target_count"] > 0 for each in samples])


def presence_text(found: Calibration | None, *, has_head: bool) -> str:
    """Say in the card what was measured of the presence probability, or why there is nothing."""
    if found is None:
        return _NO_SPLIT.format(split=CALIBRATED_ON) if has_head else _NO_HEAD
    return _PRESENCE.format(
        split=CALIBRATED_ON,
        n=found.n,
        predicted=found.predicted,
        observed=found.observed,
        error=found.ece,
        bins=len(found.bins),
        curve=CURVE,
        table=markdown(calibration_table(found)),
    )


def _refuse_to_replace(out: Path, run: Path) -> None:
    """InputError unless `out` is free, or holds an older packed model and nothing of the run."""
    if out == run or out in run.parents or run in out.parents:
        raise InputError(f"{out} and the run {run} lie in one another: choose another folder for the packed model.")
    if not _is_packed(out):
        refuse_if_taken(out)


def _is_packed(folder: Path) -> bool:
    """Whether a folder holds a model packed by grisq and nothing else; others have a README.md and weights too."""
    if not folder.is_dir() or {path.name for path in folder.iterdir()} - {CURVE, EVAL_RESULTS} != _FILES:
        return False
    try:
        return bool(checkpoint.read_about(folder))
    except InputError:
        return False


def _training_data(loaded: checkpoint.Checkpoint, preset: Preset, folder: Path | None, progress: bool) -> GRefCOCO:
    """Load the set that the run was trained on. Raises: InputError if it is not named or is another one."""
    if folder is None and preset.data is None:
        raise InputError(f"The preset {preset.name!r} has no set of its own: name the run's with --trained-on.")
    data = load_dataset(preset, folder, progress=progress)
    if data.content_hash != loaded.about["data"]:
        raise InputError(
            f"This run was trained on annotations {loaded.about['data'][:12]}, and {data.root} holds "
            f"{data.content_hash[:12]}: name the right folder with --trained-on."
        )
    return data


def _name_of(run: Path) -> str:
    """The run's name, also where one of its checkpoints was given."""
    return run.parent.name if run.name in ("best", "last") else run.name


def _chosen(about: dict) -> str:
    """How the checkpoint was chosen, for a reader of numbers on its own data set's splits."""
    if checkpoint.HOLDOUT_SCORE in about:
        return "of which held-out train pictures chose the checkpoint"
    if about["step"] == about["preset"]["train"]["steps"]:
        return "none of which chose the checkpoint: it is of the schedule's last step"
    return "of which val may have chosen the checkpoint: it is not of the schedule's last step"


def _card(
    name: str,
    run: str,
    note: str,
    loaded: checkpoint.Checkpoint,
    preset: Preset,
    training_data: GRefCOCO,
    report: dict,
    presence: str,
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
        held_out=f", {preset.train.holdout:.1%} of the pictures held out" if preset.train.holdout else "",
        commit=trained["commit"],
        torch=trained["packages"]["torch"],
        device=trained["device"],
        rules=protocol(PROTOCOL).describe(),
        measured_on=report["data"][:12],
        seen=_chosen(loaded.about) if same else "another set than the one it was trained on",
        measured=MEASURED,
        table=markdown(table(report).reset_index()),
        presence=presence,
    )
