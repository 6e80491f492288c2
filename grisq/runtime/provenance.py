"""Where a result comes from: versions, commit, machine. One small JSON object beside every number."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version

import torch

from grisq.runtime.paths import ROOT

_CODE = ("grisq", "pyproject.toml", "constraints.txt")  # tracked files that numbers depend on; running changes others
_PACKAGES = ("torch", "timm", "transformers", "tokenizers", "accelerate", "numpy", "numba", "pycocotools")


def provenance() -> dict:
    """Package versions, commit of the checkout (with "+changes" if its code has any), Python, device and its cores."""
    return {
        "grisq": _version("grisq"),
        "commit": commit(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "device": device_name(),
        "cpu_cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
    }


def device_name() -> str:
    """The first GPU's name, or the processor's model name as the system tells it."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def commit() -> str | None:
    """Short hash of the checkout's HEAD, or None outside a checkout."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        return head + ("+changes" if _git("status", "--porcelain", "--untracked-files=no", "--", *_CODE) else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=True).stdout.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
