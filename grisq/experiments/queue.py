"""Many experiments with many seeds, several at once: finished ones are found, stopped ones are resumed.

Every run is a process of its own. On a CPU it gets one thread unless told otherwise: these models are many small
operations, so two runs of one thread finish sooner than one run of two, and a run's numbers do not depend on how many
cores the machine has.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import torch
from tqdm import tqdm

from grisq.config import Preset
from grisq.data.catalog import load_dataset, synthetic_folder, synthetic_set
from grisq.data.grefcoco import GRefCOCO
from grisq.data.layout import COUNTERFACTUAL
from grisq.experiments import results, selection
from grisq.experiments.measure import measure
from grisq.experiments.registry import find_experiment
from grisq.runtime.distributed import agree, available_cores, join, lost_connections_explained, rank, world_size
from grisq.runtime.errors import InputError
from grisq.runtime.files import write_text
from grisq.runtime.paths import EXPERIMENTS, OWN_RESULTS
from grisq.training.trainer import train

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_POLL_SECONDS = 0.5


class Job(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One experiment with one seed, as the queue's processes read it from JSON."""

    experiment: str  # its name in the registry
    seed: int
    preset: Preset  # before the experiment's changes
    data: Path  # folder of the data set
    runs: Path  # folder of the training runs
    out: Path  # folder of the results
    fresh: bool = False  # train again what is finished
    device: str = "auto"

    @property
    def name(self) -> str:
        return f"{self.experiment}-seed{self.seed}"

    @property
    def configured(self) -> Preset:
        """The preset with the experiment's changes."""
        return find_experiment(self.experiment).configure(self.preset)

    @property
    def run(self) -> Path:
        """The folder of its training run."""
        return self.runs / self.preset.name / self.name

    @property
    def result(self) -> Path:
        """The file of its result."""
        return results.path_of(self.out, self.preset.name, self.experiment, self.seed)

    @property
    def log(self) -> Path:
        """The output of its process; next to the run's folder, which a fresh run deletes."""
        return self.run.with_name(f"{self.name}.log")

    @property
    def description(self) -> Path:
        """The JSON file that its process reads the job from."""
        return self.run.with_name(f"{self.name}.job.json")

    def write(self, path: Path) -> Path:
        """Describe the job in a JSON file. Raises: InputError if the disk is full."""
        write_text(path, msgspec.json.format(msgspec.json.encode(self, enc_hook=str), indent=1).decode() + "\n")
        return path

    @classmethod
    def read(cls, path: Path) -> "Job":
        """Read what `write` wrote. Raises: InputError if the file is missing or describes no job."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls, dec_hook=lambda form, value: form(value))
        except (OSError, msgspec.MsgspecError) as error:
            raise InputError(f"{path} describes no run ({error}): start it with grisq experiments run.") from None

    def steps_done(self) -> int:
        """Return the steps in the history so far."""
        try:
            with (self.run / "history.jsonl").open("rb") as lines:
                lines.seek(max(0, lines.seek(0, os.SEEK_END) - 2000))
                return json.loads(lines.read().splitlines()[-1])["step"]
        except (OSError, IndexError, KeyError, json.JSONDecodeError):
            return 0  # not begun, or caught in the middle of a line


def run_experiments(
    names: Sequence[str],
    preset: Preset,
    data: GRefCOCO,
    *,
    seeds: Sequence[int] | None = (0,),
    jobs: int | None = None,
    threads: int = 1,
    fresh: bool = False,
    runs: Path = EXPERIMENTS,
    out: Path = OWN_RESULTS,
    device: str = "auto",
    progress: bool = True,
) -> list[Path]:
    """Train and measure every experiment with every seed; a run that fails does not stop the others.

    Under `accelerate launch` or `torchrun` all processes share one run after the other.

    Args:
        names: experiments of the registry.
        preset: that the experiments change.
        data: the data set.
        seeds: of the trainings; None: those that the tables rest on, the first of every experiment before the second.
        jobs: runs at once; by default one for each CPU core, or one where there is a GPU.
        threads: of a run, unless it is alone on a GPU. With more than one, sums are rounded in another order.
        fresh: train finished ones again.
        runs: folder of the training runs.
        out: folder of the results.
        device: auto, cpu, cuda or cuda:1.
        progress: whether to draw bars.

    Returns:
        The paths of the results.

    Raises:
        InputError: for an unknown experiment, for a result that was made with other settings, and at the end if a
            run failed, with the last line of its output.
    """
    chosen = [
        Job(find_experiment(name).name, seed, preset, data.root, Path(runs), Path(out), fresh, device)
        for seed, name in _in_order(names, seeds)
    ]
    if world_size() > 1:
        _run_together(chosen, preset, data, device, progress)
    elif todo := _unfinished(chosen, data):
        _make_counterfactual_pairs(preset, data, progress)
        _run_in_processes(todo, jobs or _default_jobs(device), threads, progress)
    return [job.result for job in chosen]


def _in_order(names: Sequence[str], seeds: Sequence[int] | None) -> list[tuple[int, str]]:
    """Seeds and experiments, seed by seed, so that a stopped queue leaves a whole table of fewer seeds."""
    wanted = {name: range(find_experiment(name).seeds) if seeds is None else seeds for name in names}
    each = dict.fromkeys(seed for some in wanted.values() for seed in some)
    return [(seed, name) for seed in each for name in names if seed in wanted[name]]


def run_job(job: Job, data: GRefCOCO, *, progress: bool) -> None:
    """Train and measure in this process, and with the others of a launcher. Raises: InputError as both do."""
    options = {"device": job.device, "progress": progress}
    train(job.configured, data, job.run, seed=job.seed, fresh=job.fresh, **options)
    result = measure(find_experiment(job.experiment), job.run, data, **options)
    if rank() == 0:
        results.save(result, job.out)


def run_described_job(path: Path) -> None:
    """Run the job that a file describes, as a process of the queue does. Raises: InputError as `run_job`."""
    job = Job.read(path)
    run_job(job, load_dataset(job.preset, job.data, progress=False), progress=False)


def _make_counterfactual_pairs(preset: Preset, data: GRefCOCO, progress: bool) -> None:
    """Make the pairs that belong to a preset's own synthetic set, before several processes look for them."""
    if preset.data is not None and data.root == synthetic_folder(preset.data):
        synthetic_set(preset.data + COUNTERFACTUAL, progress=progress)


def _run_together(jobs: list[Job], preset: Preset, data: GRefCOCO, device: str, progress: bool) -> None:
    """All processes of a launcher train and measure one job after the other."""
    join(device)
    agree(lambda: _make_counterfactual_pairs(preset, data, progress))
    with lost_connections_explained("the same command resumes it."):
        for job in agree(lambda: _unfinished(jobs, data)):
            run_job(job, data, progress=progress)


def _unfinished(jobs: list[Job], data: GRefCOCO) -> list[Job]:
    """The jobs without a result, or all of those that are to be trained afresh."""
    return [job for job in jobs if job.fresh or not _is_finished(job, data)]


def _is_finished(job: Job, data: GRefCOCO) -> bool:
    if selection.find_finished(job.result, job.configured, data.content_hash) is None:
        return False
    print(f"{job.name}: finished before ({job.result})")
    return True


def _uses_gpu(device: str) -> bool:
    return device != "cpu" and torch.cuda.is_available()


def _default_jobs(device: str) -> int:
    return 1 if _uses_gpu(device) else available_cores()


def _run_in_processes(jobs: list[Job], at_once: int, threads: int, progress: bool) -> None:
    """Run a process for every job, `at_once` together, with one bar over all of their steps."""
    waiting, running, failed = list(jobs), {}, []
    steps = {job: job.configured.train.steps for job in jobs}
    bar = tqdm(total=sum(steps.values()), unit="step", disable=not progress, smoothing=0.05, mininterval=1)
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                job = waiting.pop(0)
                running[job] = _start(job, None if at_once == 1 and _uses_gpu(job.device) else threads)
            time.sleep(_POLL_SECONDS)
            for job in [each for each, process in running.items() if process.poll() is not None]:
                if running.pop(job).returncode:
                    failed.append(job)
                tqdm.write(f"{job.name}: {'failed' if job in failed else 'finished'}")
            ended = [job for job in jobs if job not in waiting and job not in running]
            bar.set_description(f"{len(ended)} of {len(jobs)} runs", refresh=False)
            done = sum(steps[job] for job in ended) + sum(job.steps_done() for job in running)
            bar.update(done - bar.n)
    finally:
        for process in running.values():
            process.terminate()
        bar.close()
    if failed:
        raise InputError(f"{failed[0].name} failed: {_last_line(failed[0])} (see {failed[0].log})")


def _start(job: Job, threads: int | None) -> subprocess.Popen:
    described = job.write(job.description)
    with job.log.open("w", encoding="utf-8") as log:
        command = [sys.executable, "-m", "grisq", "experiments", "job", str(described)]
        environment = os.environ | (dict.fromkeys(_THREADS, str(threads)) if threads else {})
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)


def _last_line(job: Job) -> str:
    lines = job.log.read_text(errors="replace", encoding="utf-8").strip().splitlines()
    return lines[-1].removeprefix("grisq: ") if lines else "it printed nothing"
