"""Several processes for one command, on one machine or on several nodes, and one sentence when one of them fails.

Each process runs the same command and finds its rank in the environment (torch's elastic launcher sets it), so
`torchrun` and Slurm work too; what is here works on CPUs as well, and says what to do in place of a traceback.
"""

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from grisq.runtime.errors import InputError

if TYPE_CHECKING:  # --help answers without torch
    import torch

_SPEAKS = "GRISQ_PARENT_SPEAKS"  # set for processes whose errors the parent tells
_GRACE = 5  # seconds
_ERROR_FILE = "TORCHELASTIC_ERROR_FILE"


def world_size() -> int:
    """Number of processes that share this command's work; 1 unless a launcher started it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Number of this process among them; 0 is the one that writes and speaks."""
    return int(os.environ.get("RANK", "0"))


def join(device: str) -> "torch.device":
    """Connect this process to the others and return the device that it works on.

    Errors: InputError as `resolve_device`.

    device: as `resolve_device` takes it; "auto" and "cuda" give every process a GPU of its own where there are any.
    """
    from grisq.runtime.device import resolve_device

    if world_size() == 1:
        return resolve_device(device)
    from accelerate import PartialState

    on_cpu = resolve_device("cuda" if device.startswith("cuda") else device).type == "cpu"
    return PartialState(cpu=on_cpu).device


def run_in_processes(count: int, *, nodes: int = 1, rendezvous: str = "", then: str = "") -> None:
    """Run this very command in `count` processes on each of `nodes` machines; returns when all have finished.

    rendezvous: HOST:PORT of one of the nodes, the same on all of them. then: what to do after a failure.
    Errors: InputError with the sentence of the process that failed first, or what became of it; the others are ended.
    """
    if nodes > 1 and not rendezvous:
        raise InputError("Several nodes need --rendezvous HOST:PORT, the same on all of them (one node's address).")
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # a failure is told below
    os.environ[_SPEAKS] = "1"
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
    config = LaunchConfig(
        min_nodes=nodes,
        max_nodes=nodes,
        nproc_per_node=count,
        run_id="grisq" if nodes > 1 else f"grisq-{os.getpid()}",
        rdzv_backend="c10d",
        rdzv_endpoint=rendezvous or "localhost:0",
        max_restarts=0,  # going on from the last checkpoint is the next call's work
    )
    try:
        elastic_launch(config, sys.executable)("-m", "grisq", *sys.argv[1:])
    except SignalException as error:
        raise KeyboardInterrupt from error
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        raise InputError(_told(rank, count * nodes, failure, then)) from None


def _told(rank: int, count: int, failure, then: str) -> str:
    if Path(failure.error_file).is_file():
        return failure.message
    ended = f"ended with status {failure.exitcode}"
    if failure.exitcode < 0:
        ended = f"was ended by {signal.Signals(-failure.exitcode).name}"
        if failure.exitcode == -signal.SIGKILL:
            ended += " (on Linux often for want of memory)"
    return f"Process {rank} of {count} {ended}, and the others were stopped; {then}"


def tell(error: InputError) -> bool:
    """Leave an error to the parent that started this process; False if there is none that would tell it."""
    if _SPEAKS not in os.environ or _ERROR_FILE not in os.environ:
        return False
    Path(os.environ[_ERROR_FILE]).write_text(
        json.dumps({"message": str(error), "timestamp": int(time.time())}), encoding="utf-8"
    )
    return True


@contextmanager
def others_may_end(then: str) -> Iterator[None]:
    """Turns the errors of a connection whose other end has gone into one sentence.

    Errors: InputError that says `then`. A process with a parent that speaks ends without a word: the parent knows
    which one was first.
    """
    try:
        yield
    except RuntimeError as error:  # gloo's and NCCL's errors have no type of their own in common
        if world_size() == 1 or not any(word in str(error) for word in ("gloo", "NCCL", "Connection", "peer")):
            raise
        if _SPEAKS in os.environ:
            time.sleep(_GRACE)  # so that the parent sees the one that ended first, and ends this one
            raise SystemExit(1) from None
        raise InputError(f"Another process of this command has ended; {then}") from None
