"""Device, precision and memory habits of a run, decided in one place."""

import ctypes
import resource
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

import torch

from grisq.errors import InputError


def pick_device(name: str = "auto") -> torch.device:
    """ "auto": the first GPU if there is one, else the CPU; or any torch device name.

    Errors: InputError if the device is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"There is no device {name!r}: use auto, cpu, cuda or cuda:1.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError("No GPU is visible to torch: use the device auto or cpu, or install torch's CUDA build.")
    return device


def resolve_precision(precision: str, device: torch.device) -> Literal["fp32", "bf16"]:
    """ "auto" becomes bf16 on GPUs and fp32 elsewhere."""
    if precision == "auto":
        return "bf16" if device.type == "cuda" else "fp32"
    return precision


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """bfloat16 autocast if the resolved precision asks for it. Deformable attention and losses stay float32."""
    enabled = resolve_precision(precision, device) == "bf16"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


def peak_memory_mb() -> float:
    """Highest memory so far in MB: of torch on the first GPU if there is one, else of this whole process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    try:  # the kernel's getrusage counts what a parent process had before it started this one
        status = Path("/proc/self/status").read_text()
        return float(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1e3
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3  # Linux counts in kB


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory for the next large tensor instead of returning it to the system.

    Fresh pages are several times slower to write than used ones, so training on a CPU gains; the process never
    shrinks again, so this is for a training process alone. Returns whether the C library took the settings.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False  # another C library: nothing to tell
    m_trim_threshold, m_mmap_max = -1, -4  # constants of malloc.h
    return bool(mallopt(m_mmap_max, 0) and mallopt(m_trim_threshold, 2**31 - 1))
