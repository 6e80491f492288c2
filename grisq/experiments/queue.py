"""Many experiments with many seeds, several at once: what is finished is found, what was killed goes on.

Every run is a process of its own. On a CPU it gets one thread: these models are many small operations, so two runs of
one thread finish sooner than one run of two, and a run's numbers do not depend on how many cores the machine has.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from grisq.config import Preset, from_dict, to_dict
from grisq.data.catalog import load_dataset
from grisq.data.grefcoco import GRefCOCO
from grisq.experiments import results, selection
from grisq.experiments.measure import measure
from grisq.experiments.registry import Experiment, find_experiment
from grisq.runtime.errors import InputError
from grisq.runtime.files import read_json, write_json
from grisq.runtime.paths import EXPERIMENTS, OWN_RESULTS
from grisq.training.trainer import train

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Job:
    """One experiment with one seed, of a preset: the folders of runs and of results, and how it is to be run."""

    experiment: Experiment
    seed: int
    preset: Preset
    runs: Path
    out: Path
    fresh: bool = False
    device: str = "auto"

    @property
    def name(self) -> str:
        return f"{self.experiment.name}-seed{self.seed}"

    @property
    def configured(self) -> Preset:
        return self.experiment.configure(self.preset)

    @property
    def run(self) -> Path:
        """The folder of its training run."""
        return self.runs / self.preset.name / self.name

    @property
    def result(self) -> Path:
        """The file of its result."""
        return results.path_of(self.out, self.preset.name, self.experiment.name, self.seed)

    @property
    def log(self) -> Path:
        """What its process says; beside the run's folder, which a fresh run deletes."""
        return self.run.with_name(f"{self.name}.log")

    def steps_done(self) -> int:
        """Steps in the history so far."""
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
    seeds: Sequence[int] = (0,),
    jobs: int | None = None,
    fresh: bool = False,
    runs: Path = EXPERIMENTS,
    out: Path = OWN_RESULTS,
    device: str = "auto",
    progress: bool = True,
) -> list[Path]:
    """Train and measure every experiment with every seed; returns the paths of the results.

    Args: jobs: runs at once, by default one for each CPU core, or one where there is a GPU; fresh: train finished ones
    again; runs, out: folders of the training runs and of the results. Under `accelerate launch` all processes share
    one run after the other. A run that fails does not stop the others.
    Errors: InputError for an unknown experiment, for a result that was made with other settings, and at the end if a
    run failed, with its last words.
    """
    chosen = [Job(find_experiment(name), seed, preset, runs, out, fresh, device) for seed in seeds for name in names]
    todo = [job for job in chosen if fresh or not _found(job, data)]
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        for job in todo:
            run_job(job, data, progress=progress)
    elif todo:
        _work(todo, data, jobs or _jobs_by_default(device), progress)
    return [job.result for job in chosen]


def run_job(job: Job, data: GRefCOCO, *, progress: bool) -> None:
    """Train and measure in this process. Errors: InputError as `train` and `measure`."""
    how = {"device": job.device, "progress": progress}
    train(job.configured, data, job.run, seed=job.seed, fresh=job.fresh, **how)
    if int(os.environ.get("RANK", "0")) == 0:
        results.save(measure(job.experiment, job.run, data, **how), job.out)


def run_described_job(path: Path) -> None:
    """What a process of the queue does: the job that `path` describes. Errors: InputError as `run_job`."""
    said = read_json(path)
    preset = from_dict(Preset, said["preset"], f"{path}: preset")
    job = Job(
        find_experiment(said["experiment"]),
        said["seed"],
        preset,
        Path(said["runs"]),
        Path(said["out"]),
        said["fresh"],
        said["device"],
    )
    run_job(job, load_dataset(preset, Path(said["data"]), progress=False), progress=False)


def _found(job: Job, data: GRefCOCO) -> bool:
    if selection.find_finished(job.result, job.configured, data.content_hash) is None:
        return False
    print(f"{job.name}: finished before ({job.result})")
    return True


def _jobs_by_default(device: str) -> int:
    if device != "cpu" and torch.cuda.is_available():
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _work(jobs: list[Job], data: GRefCOCO, at_once: int, progress: bool) -> None:
    """A process for every job, `at_once` together, with one bar over all of their steps."""
    waiting, running, failed = list(jobs), {}, []
    steps = {job: job.configured.train.steps for job in jobs}
    bar = tqdm(total=sum(steps.values()), unit="step", disable=not progress, smoothing=0.05, mininterval=1)
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                job = waiting.pop(0)
                running[job] = _start(job, data)
            time.sleep(0.5)
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
        raise InputError(f"{failed[0].name} failed: {_last_words(failed[0])} (see {failed[0].log})")


def _start(job: Job, data: GRefCOCO) -> subprocess.Popen:
    described = job.run.with_name(f"{job.name}.job.json")
    places = {"runs": str(job.runs), "out": str(job.out), "data": str(data.root)}
    said = {"experiment": job.experiment.name, "seed": job.seed, "fresh": job.fresh, "device": job.device}
    write_json(described, said | places | {"preset": to_dict(job.preset)})
    threads = {} if torch.cuda.is_available() else _ONE_THREAD
    with job.log.open("w", encoding="utf-8") as log:
        command = [sys.executable, "-m", "grisq", "experiments", "job", str(described)]
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=os.environ | threads)


def _last_words(job: Job) -> str:
    lines = job.log.read_text(errors="replace", encoding="utf-8").strip().splitlines()
    return lines[-1].removeprefix("grisq: ") if lines else "it said nothing"
