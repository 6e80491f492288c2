"""The command line of grisq: `grisq --help` lists the commands, each has its own --help."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from grisq import cli_data, cli_experiments
from grisq.cli_options import DataOption, DeviceOption, PresetOption, SetOption, read_settings
from grisq.errors import InputError

# Heavy modules are imported inside the commands, so that --help answers at once.

app = typer.Typer(
    help="Generalized referring image segmentation: which objects does an expression mean, are there any, "
    "and is it one or several?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(cli_data.app, name="data")
app.add_typer(cli_experiments.app, name="experiments")


@app.command()
def stats(
    folder: Annotated[Path | None, typer.Argument(help="Folder in gRefCOCO's layout; default: the tiny set.")] = None,
) -> None:
    """Count pictures, expressions, masks and targets of a data set, by split.

    Says which release of gRefCOCO it is (by the annotation file's SHA-256), and what the reader had to skip.
    """
    from grisq.config import preset
    from grisq.data import statistics
    from grisq.datasets import open_dataset

    data = open_dataset(preset("tiny"), folder)
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
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the run's folder and start again.")] = False,
    init: Annotated[Path | None, typer.Option(help="Checkpoint to start the weights from.")] = None,
    device: DeviceOption = "auto",
    keep_memory: Annotated[
        bool, typer.Option("--keep-memory", help="CPU only: never give freed memory back; faster, larger.")
    ] = False,
) -> None:
    """Train a model; the same command goes on with a run that was stopped.

    Several GPUs or nodes: accelerate launch -m grisq train ...
    """
    from grisq import config, paths
    from grisq.datasets import open_dataset
    from grisq.device import keep_freed_memory
    from grisq.train import train as train_model

    if keep_memory:
        keep_freed_memory()
    chosen = config.override(config.preset(preset), read_settings(set_))
    folder = run or paths.RUNS / preset
    last = train_model(chosen, open_dataset(chosen, data), folder, seed=seed, fresh=fresh, init=init, device=device)
    print(f"The trained model is in {last.parent} (grisq predict PICTURE 'EXPRESSION' --model {last.parent})")


@app.command(name="eval")
def evaluate(
    model: Annotated[Path, typer.Argument(help="Folder of a training run or checkpoint.")],
    data: DataOption = None,
    split: Annotated[list[str] | None, typer.Option(help="Splits; default: all but train.")] = None,
    protocol: Annotated[list[str] | None, typer.Option(help="rela, original, gsva; default: rela.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Also write the numbers as JSON.")] = None,
    batch: Annotated[int, typer.Option(help="Samples at once.")] = 32,
    workers: Annotated[int, typer.Option(help="Processes that read pictures.")] = 0,
    device: DeviceOption = "auto",
) -> None:
    """Measure a trained model: gIoU, cIoU, N-acc, T-acc, Pr@X under named protocols."""
    from grisq.files import write_json
    from grisq.report import evaluate_checkpoint, table

    report = evaluate_checkpoint(
        model, data, splits=split, protocols=protocol or ["rela"], batch=batch, workers=workers, device=device
    )
    print(table(report).to_string())
    print(f"data {report['data'][:12]}, preset {report['preset']}, seed {report['seed']}, step {report['step']}")
    if out:
        write_json(out, report)


@app.command()
def pack(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write; its old content is replaced.")],
    trained_on: Annotated[
        Path | None, typer.Option(help="The data set it was trained on; default: its preset's synthetic set.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", "-d", help="Data set to measure on; default: the same.")
    ] = None,
    note: Annotated[str, typer.Option(help="A paragraph for the card.")] = "",
) -> None:
    """Make a trained model ready to pass on: half-precision weights, measured, with a model card."""
    from grisq.pack import pack as pack_model

    print(f"The model and its card are in {pack_model(run, out, trained_on=trained_on, data=data, note=note)}")


@app.command()
def predict(
    picture: Annotated[Path, typer.Argument(help="A photograph.")],
    text: Annotated[list[str], typer.Argument(help="One or more expressions, each in quotes.")],
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="Run or checkpoint; default: the one that comes along.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Overlay (.png, .jpg) or bare mask (.mask.png).")
    ] = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Least probability of presence.")] = 0.5,
    device: DeviceOption = "auto",
) -> None:
    """Segment what each expression means in a picture, and say whether it is there and whether it is several."""
    from grisq.predict import Segmenter

    segmenter = Segmenter.from_pretrained(model, device=device, threshold=threshold)
    for number, prediction in enumerate(segmenter(picture, text)):
        print(prediction.describe())
        if out:
            target = out if len(text) == 1 else out.with_name(f"{number + 1}-{out.name}")
            print(f"  written to {prediction.save(target)}")


@app.command()
def reproduce(
    preset: PresetOption = "tiny",
    only: Annotated[list[str] | None, typer.Option(help="Run these notebooks alone, by number; repeatable.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Start at this number, e.g. 05.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run finished and unchanged notebooks again too.")] = False,
    data: DataOption = None,
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="Trained model to look at; default: the one that comes along.")
    ] = None,
) -> None:
    """Run the notebooks in order by papermill; executed copies and a log go to notebooks/executed/PRESET."""
    from grisq.runner import reproduce as run_notebooks

    if not run_notebooks(preset, only=only, start=from_, fresh=fresh, data=data, model=model):
        raise typer.Exit(1)


def main() -> None:
    """Entry point: an InputError becomes one sentence on standard error and exit status 2."""
    try:
        app()
    except InputError as error:
        print(f"grisq: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("grisq: stopped; the same command goes on from the last checkpoint.", file=sys.stderr)
        raise SystemExit(130) from None
