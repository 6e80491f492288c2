"""Several processes for one command, on one machine or on several nodes, and one sentence when one of them fails.

Each process runs the same command and finds its rank in the environment (torch's elastic launcher sets it), so
`torchrun` and Slurm work too. Everything here works on CPUs as well.
"""

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from grisq.runtime.errors import InputError

if TYPE_CHECKING:  # --help answers without torch
    import torch

T = TypeVar("T")

_PARENT_REPORTS_ERRORS = "GRISQ_PARENT_REPORTS_ERRORS"  # set in worker processes: the launcher prints the error
_ERROR_FILE = "TORCHELASTIC_ERROR_FILE"  # where torch's launcher looks for a worker's message
_GRACE_SECONDS = 5  # in which the launcher notices the process that failed first
_LOST_CONNECTION = ("gloo", "NCCL", "Connection", "peer")  # in errors of torch that have no type of their own


def world_size() -> int:
    """Return the number of processes that share this command's work; 1 unless a launcher started it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Return this process's number among them; process 0 writes files and prints."""
    return int(os.environ.get("RANK", "0"))


def available_cores() -> int:
    """Return the number of CPU cores that this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def join(device: str) -> "torch.device":
    """Connect this process to the others and return the device that it works on.

    With several processes, "auto" and "cuda" give each its own GPU where there are any.
    Raises: InputError as `resolve_device`.
    """
    from grisq.runtime.device import resolve_device

    if world_size() == 1:
        return resolve_device(device)
    from accelerate import PartialState

    on_cpu = resolve_device("cuda" if device.startswith("cuda") else device).type == "cpu"
    return PartialState(cpu=on_cpu).device


def agree(decide: Callable[[], T]) -> T:
    """Let process 0 decide and return its decision in every process; call it in all of them, after `join`.

    Raises: InputError in every process if process 0 raises one.
    """
    if world_size() == 1:
        return decide()
    from torch import distributed

    message: list = [None, None]  # decision, refusal
    if rank() == 0:
        try:
            message[0] = decide()
        except InputError as error:
            message[1] = str(error)
    distributed.broadcast_object_list(message, src=0)
    decision, refusal = message
    if refusal is not None:
        raise InputError(refusal)
    return decision


def gather(value: T) -> list[T]:
    """Return every process's value, ordered by rank; call it in all of them, after `join`."""
    if world_size() == 1:
        return [value]
    from torch import distributed

    values: list = [None] * world_size()
    distributed.all_gather_object(values, value)
    return values


def run_in_processes(count: int, *, nodes: int = 1, rendezvous: str = "", advice: str = "") -> None:
    """Run this very command in several processes on each node; return when all have finished.

    Args:
        count: processes on each node.
        nodes: machines that share the work.
        rendezvous: HOST:PORT of one of the nodes, the same on all of them; needed for several nodes.
        advice: what to do after a failure, the end of a sentence.

    Raises:
        InputError: with the message of the process that failed first, or how it ended; the others are stopped.
    """
    if nodes > 1 and not rendezvous:
        raise InputError("Several nodes need --rendezvous HOST:PORT, the same on all of them (one node's address).")
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # failures are reported below
    os.environ[_PARENT_REPORTS_ERRORS] = "1"
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, available_cores() // count)))
    config = LaunchConfig(
        min_nodes=nodes,
        max_nodes=nodes,
        nproc_per_node=count,
        run_id="grisq" if nodes > 1 else f"grisq-{os.getpid()}",
        rdzv_backend="c10d",
        rdzv_endpoint=rendezvous or "localhost:0",
        max_restarts=0,  # the same command resumes from the last checkpoint
    )
    try:
        elastic_launch(config, sys.executable)("-m", "grisq", *sys.argv[1:])
    except SignalException as error:
        raise KeyboardInterrupt from error
    except ChildFailedError as error:
        first, failure = error.get_first_failure()
        raise InputError(_describe_failure(first, count * nodes, failure, advice)) from None


def _describe_failure(process: int, count: int, failure, advice: str) -> str:
    if Path(failure.error_file).is_file():
        return failure.message
    ended = f"ended with status {failure.exitcode}"
    if failure.exitcode < 0:
        ended = f"was ended by {signal.Signals(-failure.exitcode).name}"
        if failure.exitcode == -signal.SIGKILL:
            ended += " (on Linux usually because memory ran out)"
    return f"Process {process} of {count} {ended}, and the others were stopped; {advice}"


def report_to_parent(error: InputError) -> bool:
    """Hand an error to the launcher that started this process; return False if there is none to print it."""
    if _PARENT_REPORTS_ERRORS not in os.environ or _ERROR_FILE not in os.environ:
        return False
    Path(os.environ[_ERROR_FILE]).write_text(
        json.dumps({"message": str(error), "timestamp": int(time.time())}), encoding="utf-8"
    )
    return True


@contextmanager
def lost_connections_explained(advice: str) -> Iterator[None]:
    """Turn the errors of a connection whose other end has gone into one sentence that ends with `advice`.

    A worker process of `run_in_processes` exits silently instead: the launcher knows which process failed first.
    Raises: InputError.
    """
    try:
        yield
    except RuntimeError as error:  # torch's DistError is one
        if world_size() == 1 or not _is_lost_connection(error):
            raise
        if _PARENT_REPORTS_ERRORS in os.environ:
            time.sleep(_GRACE_SECONDS)  # the launcher sees the process that failed first and stops this one
            raise SystemExit(1) from None
        raise InputError(f"Another process of this command has ended; {advice}") from None


def _is_lost_connection(error: RuntimeError) -> bool:
    """Whether an error comes from torch's connections, by its type or, as gloo raises RuntimeErrors, by its words."""
    from torch.distributed import DistError

    return isinstance(error, DistError) or any(sign in str(error) for sign in _LOST_CONNECTION)
