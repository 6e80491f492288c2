"""Tests that need a GPU; GRISQ_TEST_DEVICE=cpu lets those that can run on a CPU, to try them where there is none."""

import os
import sys

import pytest
import torch

from grisq.runtime.paths import ROOT

sys.path.append(str(ROOT / "scripts" / "gpu"))  # for `parity` and `workload`
DEVICE = os.environ.get("GRISQ_TEST_DEVICE", "cuda")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = pytest.mark.skip(reason="needs a GPU")
    for item in items:
        if "/tests/gpu/" not in item.path.as_posix() or torch.cuda.is_available():
            continue
        if DEVICE == "cuda" or item.get_closest_marker("cuda"):
            item.add_marker(missing)


@pytest.fixture(autouse=True)
def _convolutions_in_full_float32():
    """By default torch lets convolutions in float32 round to TF32, which would hide what is compared here."""
    default = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = default


@pytest.fixture(scope="session")
def device() -> str:
    return DEVICE


@pytest.fixture(scope="session")
def mini(tmp_path_factory):
    from grisq.data import grefcoco
    from grisq.data.synthetic.generate import generate
    from grisq.data.synthetic.specs import SPECS

    root = generate(SPECS["mini"], tmp_path_factory.mktemp("data") / "mini", workers=1, progress=False)
    return grefcoco.load(root)
