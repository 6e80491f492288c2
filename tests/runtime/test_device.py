"""One place decides on the device; every command refuses one that does not exist."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from grisq.runtime.device import keep_freed_memory, peak_memory_mb, resolve_device, resolve_precision
from grisq.runtime.errors import InputError


def test_cpu_and_auto_are_always_there():
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type in ("cpu", "cuda")


@pytest.mark.parametrize("name", ["qux", "", "cuda:x", "xla", "meta"])
def test_what_is_no_device_is_refused(name):
    with pytest.raises(InputError, match="use auto, cpu, cuda or cuda:1"):
        resolve_device(name)


def test_a_gpu_beyond_the_last_one_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(InputError, match="cuda:0 to cuda:1"):
        resolve_device("cuda:2")


@pytest.mark.parametrize("name", ["fp16", "", "half", "BF16"])
def test_what_is_no_precision_is_refused(name):
    with pytest.raises(InputError, match="choose fp32, bf16 or auto"):
        resolve_precision(name, torch.device("cpu"))


def test_peak_memory_grows_with_what_is_used():
    """In a process of its own: the tests before this one may have needed more."""
    code = (
        "import torch; from grisq.runtime.device import peak_memory_mb; before = peak_memory_mb(); "
        "torch.ones(40_000_000); print(peak_memory_mb() - before)"  # 160 MB
    )
    grown = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True).stdout
    assert 100 < float(grown) < 400


def test_peak_memory_on_a_mac_is_counted_in_bytes(monkeypatch):
    """getrusage counts kB on Linux and bytes on macOS; here the system stays Linux."""
    kb = peak_memory_mb()
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError))
    assert peak_memory_mb() == pytest.approx(kb, rel=0.2)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert peak_memory_mb() == pytest.approx(kb / 1000, rel=0.2)


def test_peak_memory_on_windows_is_that_of_psutil(monkeypatch):
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError))
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(psutil.Process, "memory_info", lambda self: SimpleNamespace(peak_wset=7_000_000))
    assert peak_memory_mb() == 7


def test_only_glibc_is_told_to_keep_memory(monkeypatch):
    monkeypatch.setattr("platform.libc_ver", lambda: ("", ""))
    assert keep_freed_memory() is False


@pytest.mark.parametrize(("native", "expected"), [(True, "bf16"), (False, "fp32")])
def test_the_automatic_precision_of_a_gpu_is_what_it_has_in_hardware(native, expected, monkeypatch):
    def is_bf16_supported(including_emulation=True):  # as torch's: an old card says yes to emulation
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_bf16_supported)
    assert resolve_precision("auto", torch.device("cuda")) == expected
    assert resolve_precision("auto", torch.device("cpu")) == "fp32"
    for asked in ("fp32", "bf16"):
        assert resolve_precision(asked, torch.device("cuda")) == asked
