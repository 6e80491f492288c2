"""Device, precision and memory of a run, decided in one place."""

import ctypes
import platform
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

import psutil
import torch

from grisq.runtime.errors import InputError

PRECISIONS = ("auto", "fp32", "bf16")  # float16 is left out: a hundred times slower than float32 on CPUs


def resolve_device(name: str = "auto") -> torch.device:
    """Find the device of that name: cpu, cuda, cuda:1, mps. "auto" is the first GPU if there is one, else the CPU.

    Raises InputError if the device does not exist on this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise InputError(f"There is no device {name!r}: use auto, cpu, cuda or cuda:1.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError("This torch has no Apple GPU to use: use the device auto or cpu.")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError("No GPU is visible to torch: use the device auto or cpu, or install torch's CUDA build.")
    if device.type == "cuda" and device.index is not None and device.index >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise InputError(f"There is no device {name!r}: this machine has {count} GPU(s), cuda:0 to cuda:{count - 1}.")
    return device


def resolve_precision(precision: str, device: torch.device) -> Literal["fp32", "bf16"]:
    """Choose what to compute in: "auto" is bf16 on GPUs that have it in hardware, fp32 elsewhere.

    GPUs before NVIDIA's Ampere (V100, T4) emulate bf16, which is slower than fp32. Raises InputError for another name.
    """
    if precision not in PRECISIONS:
        raise InputError(f"The precision cannot be {precision!r}: choose fp32, bf16 or auto.")
    if precision != "auto":
        return precision
    native = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16" if native else "fp32"


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """Return a context of bfloat16 if the precision asks for it. Deformable attention and losses stay float32."""
    enabled = resolve_precision(precision, device) == "bf16"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


def peak_memory_mb() -> float:
    """Measure the highest memory so far in MB: of torch on the current GPU if there is one, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    try:  # Linux; its getrusage counts what a parent process had before it started this one
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return float(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1e3
    except (OSError, StopIteration):
        pass
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / 1e6
    import resource  # Windows has none

    unit = 1e6 if sys.platform == "darwin" else 1e3  # macOS counts bytes, other systems kB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def keep_freed_memory() -> bool:
    """Make glibc keep freed memory for the next large tensor instead of returning it to the system.

    Fresh pages are several times slower to write than used ones, so training on a CPU gains; the process never
    shrinks again, so this is for a training process alone. Returns False where there is another C library.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    m_trim_threshold, m_mmap_max = -1, -4  # constants of malloc.h
    return bool(mallopt(m_mmap_max, 0) and mallopt(m_trim_threshold, 2**31 - 1))
