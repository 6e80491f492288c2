"""Shards of a work on a Ray cluster, or on this machine's cores: Ray Data hands them out, and again if a worker dies.

Each shard writes files of its own and resumes them, so the work of a killed worker is lost from its last batch on and
no further, and the result is that of one process.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from grisq import checkpoint
from grisq.data import grefcoco
from grisq.evaluation.protocols import Protocol
from grisq.evaluation.scoring.score import measure
from grisq.inference.hub import find_model
from grisq.inference.split_answers import answer_splits
from grisq.runtime.errors import InputError
from grisq.runtime.shard import Shard

Work = Callable[[Shard], Path]


class _Worker:
    """Lives in a process of its own and keeps what the work loaded."""

    def __init__(self, make: Callable[[], Work]):
        self.work = make()

    def __call__(self, row: dict[str, Any]) -> dict[str, str]:
        return {"file": str(self.work(Shard(int(row["number"]), int(row["total"]))))}


def over_shards(make: Callable[[], Work], shards: int, workers: int, *, gpus: float = 0, cpus: float = 1) -> list[Path]:
    """Do every shard of a work on Ray's workers.

    Args:
        make: called once in every worker; returns the function that does a shard and returns its file. It must be
            picklable, and what it reads and writes must lie on a disk that all nodes share.
        shards: number of parts; several for each worker, so that none waits long for another.
        workers: processes at once.
        gpus: for each worker, also parts of one; see `gpus_for`.
        cpus: for each worker, and so its threads.

    Returns:
        The files, in the order of the shards.

    Raises:
        InputError: Ray is not installed, or a shard cannot be done.
    """
    ray = _ray()
    rows = [{"number": number, "total": shards} for number in range(1, shards + 1)]
    try:
        found = (
            ray.data.from_items(rows, override_num_blocks=shards)
            .map(_Worker, fn_constructor_args=(make,), concurrency=workers, num_cpus=cpus, num_gpus=gpus)
            .take_all()
        )
    except ray.exceptions.RayError as error:
        raise InputError(_sentence(error)) from None
    return sorted(Path(row["file"]) for row in found)


def gpus_for(device: str, workers: int) -> float:
    """Share of a GPU that each worker asks for; Ray hides all GPUs from workers that ask for none.

    Args:
        device: cpu, cuda, or auto, which means cuda if the cluster has a GPU.
        workers: processes at once; where there are fewer GPUs, several share one.

    Raises:
        InputError: for another device, if the cluster has no GPU, or if Ray is not installed.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"Ray chooses each worker's GPU: give --device auto, cpu or cuda, not {device}.")
    if device == "cpu":
        return 0.0
    ray = _ray()
    ray.init(ignore_reinit_error=True)
    gpus = ray.cluster_resources().get("GPU", 0)
    if device == "cuda" and not gpus:
        raise InputError("The Ray cluster has no GPU: give --device cpu or auto.")
    return min(1.0, gpus / workers)


def _ray() -> ModuleType:
    try:
        import ray
    except ImportError:
        raise InputError("Ray is not installed: pip install -e '.[ray]' in grisq's folder.") from None
    return ray


def _sentence(error: Exception) -> str:
    """Our own sentence of what a worker raised, without the worker's traceback."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, InputError):
            return str(cause).strip().splitlines()[-1].removeprefix("grisq.runtime.errors.InputError: ")
        cause = getattr(cause, "cause", None) or cause.__cause__
    return f"A shard could not be done: {str(error).strip().splitlines()[-1]}"


@dataclass(frozen=True)
class Answers:
    """Makes the work of `answer_splits`: a model and a data set, read once in every worker."""

    model: str | None  # as `find_model` takes it
    data: str  # folder
    out: str
    options: dict[str, Any]  # of `answer_splits`

    def __call__(self) -> Work:
        """Load the model and the data."""
        loaded, data = checkpoint.load(find_model(self.model)), grefcoco.load(self.data)
        return lambda shard: answer_splits(loaded, data, Path(self.out), shard=shard, progress=False, **self.options)


@dataclass(frozen=True)
class Counts:
    """Makes the work of `grisq score`: pixel counts of a shard in a file that merges; a finished file is kept."""

    predictions: str
    data: str  # folder
    out: str  # folder of the files
    rules: tuple[Protocol, ...]
    options: dict[str, Any]  # of `count_pixels`

    def __call__(self) -> Work:
        """Open the data."""
        data = grefcoco.load(self.data)

        def count(shard: Shard) -> Path:
            path = Path(self.out) / shard.name("counts", "parquet")
            if not path.is_file():
                found = measure(
                    self.predictions, data, protocols=self.rules, shard=shard, progress=False, **self.options
                )
                found.write(path)
            return path

        return count
