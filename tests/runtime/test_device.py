"""One place decides on the device; every command refuses one that does not exist."""

import pytest
import torch

from grisq.runtime.device import resolve_device, resolve_precision
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


@pytest.mark.parametrize(("native", "expected"), [(True, "bf16"), (False, "fp32")])
def test_the_automatic_precision_of_a_gpu_is_what_it_has_in_hardware(native, expected, monkeypatch):
    def is_bf16_supported(including_emulation=True):  # as torch's: an old card says yes to emulation
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_bf16_supported)
    assert resolve_precision("auto", torch.device("cuda")) == expected
    assert resolve_precision("auto", torch.device("cpu")) == "fp32"
    for asked in ("fp32", "bf16"):
        assert resolve_precision(asked, torch.device("cuda")) == asked
