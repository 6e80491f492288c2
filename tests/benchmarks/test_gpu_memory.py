"""The counter of memory and traffic against layers whose bytes can be counted by hand."""

import importlib.util
import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from grisq.config import preset
from grisq.runtime.paths import ROOT


@pytest.fixture(scope="module")
def counter():
    folder = ROOT / "benchmarks"
    spec = importlib.util.spec_from_file_location("gpu_memory", folder / "gpu_memory.py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))  # for its neighbors
    try:
        sys.modules["gpu_memory"] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(folder))
        del sys.modules["gpu_memory"]


def test_a_linear_layer_keeps_its_input_and_a_relu_its_result(counter):
    layer, x = nn.Linear(10, 20), torch.randn(3, 10)
    with counter.KeptForBackward(layer) as kept:
        out = layer(x)
    assert kept.total == 4 * 3 * 10
    with counter.KeptForBackward(layer) as kept:
        out = F.relu(layer(x))
    assert kept.total == 4 * (3 * 10 + 3 * 20)
    assert out.requires_grad


@pytest.mark.parametrize(("rules", "dtype", "item"), [("cpu", torch.bfloat16, 2), ("cuda", torch.float32, 4)])
def test_layer_norm_is_float32_under_the_rules_of_cuda_alone(counter, rules, dtype, item):
    norm, x = nn.LayerNorm(16), torch.randn(8, 16).bfloat16()
    mode = counter.CudaAutocast() if rules == "cuda" else counter.nullcontext()
    with torch.autocast("cpu", torch.bfloat16), mode, counter.KeptForBackward(norm) as kept:
        out = norm(x)
    assert out.dtype == dtype
    statistics = 2 * 4 * 8  # mean and reciprocal deviation of each row
    assert item * 8 * 16 <= kept.total <= item * 8 * 16 + statistics


def test_traffic_counts_what_is_read_and_written_and_no_views(counter):
    a, b = torch.randn(4, 5), torch.randn(1, 5).expand(4, 5)
    with counter.Traffic() as traffic:
        _ = (a + b).t().reshape(5, 4)[1:]
    assert traffic.launches == {"add": 1}
    assert traffic.moved["add"] == 4 * (20 + 5 + 20)


def test_a_step_grows_with_the_batch_and_shrinks_with_the_kernel(counter):
    config = replace(preset("tiny").model, image_size=32, blocks=1)
    one, two = (counter.count_step(config, batch, precision="fp32") for batch in (1, 2))
    assert two.parameters == one.parameters
    assert two.kept / one.kept == pytest.approx(2, rel=0.05)
    assert two.flops == pytest.approx(2 * one.flops, rel=0.05)
    assert two.total == 16 * two.parameters + two.kept
    without = counter.count_step(config, 2, precision="fp32", way="grid_sample")
    assert two.kept < without.kept
    assert two.moved < without.moved
    assert two.launches < without.launches


def test_the_kernel_reads_its_inputs_once_each_way_and_keeps_them(counter):
    value = torch.empty(2, 10, 3, 4, dtype=torch.bfloat16, requires_grad=True)
    locations, weights = (torch.empty(2, 7, 3, 1, 5, *last, requires_grad=True) for last in ((2,), ()))
    inputs, out = 2 * 240 + 4 * (420 + 210), 2 * 168
    with counter.FakeTensorMode(allow_non_fake_inputs=True), counter.deformable_by("triton"), counter.Traffic() as seen:
        with counter.KeptForBackward(nn.Identity()) as kept:
            attended = counter.deformable.deformable_attention(value, [(5, 2)], locations, weights)
        attended.backward(torch.empty_like(attended))
    assert attended.dtype == torch.bfloat16
    assert kept.total == inputs
    assert seen.moved["deformable"] == inputs + out
    assert seen.moved["deformable_backward"] == out + inputs + 4 * (240 + 420 + 210)


def test_the_rules_of_cuda_keep_more_than_those_of_the_cpu(counter):
    config = replace(preset("tiny").model, image_size=32, blocks=1)
    cpu, cuda = (counter.count_step(config, 2, device=device).kept for device in ("cpu", "cuda"))
    assert cpu < cuda
