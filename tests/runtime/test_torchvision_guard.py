import subprocess
import sys

import pytest
import torch

PROBE = """
import sys
{before}
from grisq.runtime.torchvision_guard import ensure_torchvision_imports
print(ensure_torchvision_imports(), ensure_torchvision_imports() in (True, False))
import timm, transformers, torchvision
print(callable(torchvision.ops.nms))
"""
# A torchvision whose operators are there, as with matching builds: the guard must declare nothing.
MATCHING = """
import torch
library = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""


def run(before=""):
    done = subprocess.run([sys.executable, "-c", PROBE.format(before=before)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_timm_and_transformers_import_beside_this_torch():
    assert run()[1:] == ["True", "True"]


@pytest.mark.skipif(torch.version.cuda is not None, reason="the builds match here")
def test_operators_are_declared_beside_a_cpu_only_torch():
    assert run()[0] == "True"


def test_nothing_is_declared_where_the_operators_are_there():
    assert run(MATCHING)[0] == "False"
