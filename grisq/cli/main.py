"""The command line of grisq: `grisq --help` lists the commands, each has its own --help."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from grisq.cli import course, data, experiments, predict, score, settings
from grisq.cli.options import DataOption, DeviceOption, PresetOption, ProcessesOption, SetOption, read_settings
from grisq.runtime.distributed import rank, report_to_parent, run_in_processes, world_size
from grisq.runtime.errors import InputError

# Heavy modules are imported inside the commands, so that --help answers at once.

_INTERRUPTED = 130  # exit status after Ctrl-C
_AFTER_STOP = {
    "train": "resumes from the last checkpoint",
    "encoders": "resumes from the last saved state",
    "experiments run": "skips finished runs and resumes the others",
    "data download": "fetches only what is missing",
    "predict-many": "resumes with the answers that are missing",
    "reproduce": "skips finished notebooks",
}

app = typer.Typer(
    help="Generalized referring image segmentation: which objects does an expression mean, are there any, "
    "and is it one or several?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(course.app, name="course")
app.add_typer(data.app, name="data")
app.add_typer(experiments.app, name="experiments")
app.add_typer(predict.app)
app.command()(settings.settings)
app.command()(score.score)


@app.command()
def stats(
    folder: Annotated[Path | None, typer.Argument(help="Folder in gRefCOCO's layout; default: the tiny set.")] = None,
) -> None:
    """Count pictures, expressions, masks and targets of a data set, by split.

    Also names the release of gRefCOCO (by the annotation file's SHA-256) and what the reader had to skip.
    """
    from grisq.config import preset
    from grisq.data import statistics
    from grisq.data.catalog import load_dataset

    data = load_dataset(preset("tiny"), folder)
    print(statistics.counts(data).to_string())
    print(f"Release: {statistics.release_of(data)}")
    if any(data.skipped.values()):
        print("Skipped: " + ", ".join(f"{count} {reason}" for reason, count in data.skipped.items() if count))


@app.command()
def train(
    preset: PresetOption = "tiny",
    data: DataOption = None,
    run: Annotated[Path | None, typer.Option("--run", "-r", help="Folder of the run; default: runs/PRESET.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and augmentation.")] = 0,
    set_: SetOption = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the run in the folder and start again.")] = False,
    init: Annotated[
        Path | None,
        typer.Option(help="Run (its last checkpoint) or checkpoint to start the weights from, e.g. for more steps."),
    ] = None,
    device: DeviceOption = "auto",
    keep_memory: Annotated[
        bool,
        typer.Option("--keep-memory", help="CPU only: never give freed memory back; faster, but uses more memory."),
    ] = False,
    swin: Annotated[
        str | None,
        typer.Option(
            help="ImageNet weights: a file or a timm name; default: as the preset says; none: random weights."
        ),
    ] = None,
    bert: Annotated[
        str | None,
        typer.Option(help="BERT: a folder or a hub name; default: as the preset says; none: random weights."),
    ] = None,
    processes: ProcessesOption = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines that share the work, each with --processes.")] = 1,
    rendezvous: Annotated[str, typer.Option(help="HOST:PORT of one of the nodes, the same on all of them.")] = "",
) -> None:
    """Train a model; the same command resumes a run that was stopped.

    The batch size stays the global one, whatever the number of processes. The run's folder holds the checkpoint
    "last", which every other command uses. With --set train.holdout=0.1 a tenth of the training pictures is held out,
    and "best" is the checkpoint with the highest gIoU on them; name its folder to use it. Several nodes must share the
    run's folder.
    """
    from grisq import config
    from grisq.data.catalog import load_dataset
    from grisq.runtime import paths
    from grisq.runtime.device import keep_freed_memory
    from grisq.training.state import how_to_resume
    from grisq.training.trainer import train as train_model

    if keep_memory:
        keep_freed_memory()
    weights = {"model.swin.pretrained": swin, "model.text.pretrained": bert}
    changes = {name: value for name, value in weights.items() if value is not None} | read_settings(set_)
    chosen = config.override(config.preset(preset), changes)
    folder = run or paths.RUNS / preset
    dataset = load_dataset(chosen, data)  # before several processes would each make it
    if processes * nodes > 1 and world_size() == 1:
        run_in_processes(processes, nodes=nodes, rendezvous=rendezvous, advice=how_to_resume(folder, fresh=fresh))
        return
    last = train_model(chosen, dataset, folder, seed=seed, fresh=fresh, init=init, device=device)
    if rank() == 0:
        print(f"The trained model is in {last.parent} (grisq predict PICTURE 'EXPRESSION' --model {last.parent})")


@app.command(name="eval")
def evaluate(
    model: Annotated[Path, typer.Argument(help="Folder of a training run (its last checkpoint) or of a checkpoint.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", "-d", help="Folder in gRefCOCO's layout; default: the set of the model's preset."),
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="Splits; default: all but train.")] = None,
    protocol: Annotated[list[str] | None, typer.Option(help="rela, original, gsva; default: rela.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Also write the numbers as JSON.")] = None,
    batch: Annotated[int, typer.Option(help="Samples at once.")] = 32,
    workers: Annotated[int, typer.Option(help="Data workers: processes that read pictures.")] = 0,
    device: DeviceOption = "auto",
    processes: ProcessesOption = 1,
) -> None:
    """Measure a trained model: gIoU, cIoU, N-acc, T-acc, Pr@X, MCC under named protocols; counterfactual pairs too."""
    from grisq.evaluation.checkpoints import evaluate_checkpoint, table, table_of_pairs
    from grisq.runtime.files import write_json

    if processes > 1 and world_size() == 1:
        run_in_processes(processes, advice="run the same command again.")
        return
    report = evaluate_checkpoint(
        model, data, splits=split or None, protocols=protocol or ["rela"], batch=batch, workers=workers, device=device
    )
    if rank() > 0:
        return
    print(table(report).to_string())
    if (pairs := table_of_pairs(report)) is not None:
        print(pairs.to_string())
    print(f"data {report['data'][:12]}, preset {report['preset']}, seed {report['seed']}, step {report['step']}")
    if out:
        write_json(out, report)


@app.command()
def pack(
    run: Annotated[Path, typer.Argument(help="Folder of a training run (its last checkpoint) or of a checkpoint.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write; its old content is replaced.")],
    trained_on: Annotated[
        Path | None, typer.Option(help="The data set it was trained on; default: its preset's synthetic set.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", "-d", help="Data set to measure on; default: the same.")
    ] = None,
    note: Annotated[str, typer.Option(help="A paragraph for the card.")] = "",
    license_: Annotated[str, typer.Option("--license", help="The hub's identifier of the weights' license.")] = "mit",
    push: Annotated[str | None, typer.Option(help="Also upload it to the Hugging Face Hub, as user/name.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Make the repository on the hub private.")] = False,
) -> None:
    """Make a trained model ready to pass on: half-precision weights, measured, with a model card."""
    from grisq.inference import hub
    from grisq.inference.release import pack as pack_model

    if push is not None:
        hub.check_push(push)
    elif private:
        raise InputError("--private is about a repository on the hub: give its name with --push.")
    folder = pack_model(run, out, trained_on=trained_on, data=data, note=note, license_name=license_)
    print(f"The model and its card are in {folder}")
    if push is not None:
        print(f"Uploaded: {hub.push(folder, push, private=private or None)}")


@app.command()
def encoders(
    preset: PresetOption = "tiny",
    set_: SetOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder to write; default: data/models/encoders.")
    ] = None,
    work: Annotated[Path | None, typer.Option(help="Folder of what resumes; default: runs/encoders.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Make these alone, by name; repeatable.")] = None,
    pretext: Annotated[str, typer.Option(help="What vision trunks learn: dense or image.")] = "dense",
    device: DeviceOption = "auto",
) -> None:
    """Pretrain small encoders: vision on what stands where in drawings, text on expressions, LISA's parts on both.

    The same command resumes a pretraining that was stopped.
    """
    from grisq import config
    from grisq.pretraining.encoders import NAMES, make_encoders
    from grisq.runtime import paths

    if pretext not in ("dense", "image"):
        raise InputError(f"There is no pretext {pretext!r}: choose dense or image.")
    chosen = config.override(config.preset(preset), read_settings(set_))
    folder = make_encoders(
        chosen,
        out or paths.ENCODERS,
        work or paths.RUNS / "encoders",
        only=only or NAMES,
        pretext=pretext,
        device=device,
    )
    print(f"The encoders and their card are in {folder}")


@app.command()
def reproduce(
    preset: PresetOption = "tiny",
    only: Annotated[list[str] | None, typer.Option(help="Run these notebooks alone, by number; repeatable.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Start at this number, e.g. 05.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run finished and unchanged notebooks again too.")] = False,
    data: DataOption = None,
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="Trained model to look at; default: the bundled one.")
    ] = None,
) -> None:
    """Run the notebooks in order by papermill; executed copies and a log go to notebooks/executed/PRESET."""
    from grisq.course.reproduce import reproduce as run_notebooks

    if not run_notebooks(preset, only=only, start=from_, fresh=fresh, data=data, model=model):
        raise typer.Exit(1)


def main() -> None:
    """Entry point: an InputError becomes one sentence on standard error and exit status 2."""
    try:
        app()
    except InputError as error:
        if not report_to_parent(error):
            print(f"grisq: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except (KeyboardInterrupt, SystemExit) as stop:  # typer turns Ctrl-C into an exit of this status
        if isinstance(stop, SystemExit) and stop.code != _INTERRUPTED:
            raise
        print(f"grisq: stopped{_advice_after_stop(sys.argv[1:])}.", file=sys.stderr)
        raise SystemExit(_INTERRUPTED) from None


def _advice_after_stop(arguments: list[str]) -> str:
    """What the same command does after Ctrl-C; nothing for commands that begin again."""
    command = " ".join(arguments[:2] if arguments[:1] in (["data"], ["experiments"]) else arguments[:1])
    if command not in _AFTER_STOP:
        return ""
    without = " without --fresh" if "--fresh" in arguments else ""
    return f"; the same command{without} {_AFTER_STOP[command]}"
