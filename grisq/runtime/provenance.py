"""Provenance of a result: versions, commit, machine. One small JSON object next to every number."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version

import torch

from grisq.runtime.paths import ROOT

_CODE = ("grisq", "pyproject.toml", "constraints.txt")  # the tracked files that numbers depend on
_PACKAGES = ("torch", "timm", "transformers", "tokenizers", "accelerate", "numpy", "numba", "pycocotools")


def provenance() -> dict:
    """Collect package versions, the checkout's commit ("+changes" if its code was edited), Python, device and cores."""
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
    """Return the first GPU's name, or the processor's model name as the system reports it."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def commit() -> str | None:
    """Return the short hash of the checkout's HEAD, or None outside a checkout or without git."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        return head + ("+changes" if _git("status", "--porcelain", "--untracked-files=no", "--", *_CODE) else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=True).stdout.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
