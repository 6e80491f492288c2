"""`grisq experiments list | run | references`: the runs behind the tables and figures."""

from pathlib import Path
from typing import Annotated

import typer

from grisq.cli.options import DataOption, DeviceOption, PresetOption, SetOption, read_numbers, read_settings
from grisq.runtime.errors import InputError

# Heavy modules are imported inside the commands, so that --help answers at once.

app = typer.Typer(
    help="List and run the trainings behind the tables and figures.", no_args_is_help=True, rich_markup_mode=None
)

RunsOption = Annotated[Path | None, typer.Option(help="Folder of the training runs; default: runs/experiments.")]
ResultsOption = Annotated[
    Path | None, typer.Option("--out", "-o", help="Folder of results; default: runs/experiments/results.")
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Train finished runs again.")]


@app.command(name="list")
def list_experiments(
    preset: PresetOption = "tiny",
    out: ResultsOption = None,
) -> None:
    """List every experiment: what it changes, what needs it, and the finished seeds (committed and own results)."""
    from grisq.experiments import selection
    from grisq.experiments.registry import EXPERIMENTS
    from grisq.runtime import paths

    committed = selection.collect(paths.RESULTS, preset)
    own = selection.collect(out or paths.OWN_RESULTS, preset)
    for experiment in EXPERIMENTS.values():
        changes = ", ".join(f"{name}={value}" for name, value in experiment.changes.items()) or "the preset as it is"
        print(f"{experiment.name:<18} {', '.join(experiment.shown_in) or experiment.question}")
        print(f"{'':<18} {changes}")
        print(
            f"{'':<18} seeds committed: {selection.seeds_of(committed, experiment.name) or 'none'}, "
            f"own: {selection.seeds_of(own, experiment.name) or 'none'}"
        )


@app.command(name="run")
def run_experiments(
    names: Annotated[list[str] | None, typer.Argument(help="Experiments; see grisq experiments list.")] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Run everything behind the tables: first the rates, then every experiment.")
    ] = False,
    preset: PresetOption = "tiny",
    set_: SetOption = None,
    data: DataOption = None,
    seeds: Annotated[
        str | None, typer.Option(help="Seeds, separated by commas, e.g. 0,1,2; default: 0, with --all the tables' own.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Runs at the same time; default: one per CPU core, one with a GPU.")
    ] = None,
    fresh: FreshOption = False,
    runs: RunsOption = None,
    out: ResultsOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Train and measure experiments; finished ones are skipped, interrupted ones resume.

    Several GPUs for each run: accelerate launch -m grisq experiments run ...
    """
    from grisq import config
    from grisq.config.systems import has_sizes
    from grisq.data.catalog import load_dataset
    from grisq.experiments import queue
    from grisq.experiments.registry import EXPERIMENTS, for_tuning
    from grisq.runtime import paths

    if names and all_:
        raise InputError("Give either names or --all, not both.")
    if not names and not all_:
        raise InputError("Name the experiments to run, or give --all; grisq experiments list shows them.")
    chosen = config.override(config.preset(preset), read_settings(set_))
    folder = out or paths.OWN_RESULTS
    in_order = [*for_tuning(), *(name for name in EXPERIMENTS if name not in for_tuning())]
    queue.run_experiments(
        [name for name in in_order if has_sizes(chosen.name, EXPERIMENTS[name].system)] if all_ else names,
        chosen,
        load_dataset(chosen, data),
        seeds=read_numbers(seeds) if seeds else None if all_ else [0],
        jobs=jobs,
        fresh=fresh,
        runs=runs or paths.EXPERIMENTS,
        out=folder,
        device=device,
    )
    print(f"The results are in {folder / preset}")


@app.command()
def references(
    preset: PresetOption = "tiny",
    data: DataOption = None,
    out: ResultsOption = None,
) -> None:
    """Measure the reference rows of the tables, which need no training: always nothing, all objects, words alone."""
    from grisq import config
    from grisq.data.catalog import load_dataset
    from grisq.experiments.reference_rows import save_references
    from grisq.runtime import paths

    chosen = config.preset(preset)
    folder = out or paths.OWN_RESULTS
    save_references(load_dataset(chosen, data), chosen.name, folder)
    print(f"The results are in {folder / preset}")


@app.command(name="job", hidden=True)
def run_one_job(described: Path) -> None:
    """Do one run in this process; `grisq experiments run` describes it in a file and starts several of these."""
    from grisq.experiments.queue import run_described_job
    from grisq.runtime.device import keep_freed_memory

    keep_freed_memory()
    run_described_job(described)
