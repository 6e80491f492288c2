"""The Triton kernel in Triton's interpreter against the definition; skipped where triton cannot be imported."""

import importlib.util
import os
import subprocess
import sys

import pytest

from grisq.runtime.paths import ROOT

needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None,
    reason="triton is not installed; it comes with torch's CUDA builds, or: pip install triton (about 650 MB)",
)
CASES = """
import torch
from grisq.models.layers.deformable_attention import deformable_attention_reference as reference
from grisq.models.layers.deformable_triton import deformable_attention_triton as kernel

SMALL = [(7, 5), (4, 3), (1, 1)]


def compare(name, sizes, Q, H, D, P, change=lambda locations: locations, dtype=torch.float32):
    random = torch.Generator().manual_seed(0)
    value = torch.randn(2, sum(h * w for h, w in sizes), H, D, generator=random).to(dtype)
    locations = change(-0.2 + 1.4 * torch.rand(2, Q, H, len(sizes), P, 2, generator=random))
    weights = torch.rand(2, Q, H, len(sizes), P, generator=random)
    upstream = torch.randn(2, Q, H, D, generator=random)
    results = []
    for form, wide in ((kernel, None), (reference, torch.float64)):
        leaves = [tensor.detach().to(wide or tensor.dtype).requires_grad_() for tensor in (value, locations, weights)]
        out = form(leaves[0], sizes, leaves[1], leaves[2])
        out.backward(upstream.to(out.dtype))
        results.append([out.detach().double(), *(leaf.grad.double() for leaf in leaves)])
    far = [((a - b).norm() / b.norm()).item() for a, b in zip(*results)]
    print(name, *far)


def with_spots(*spots):
    def change(locations):
        for i, spot in enumerate(spots):
            locations[:, i] = spot
        return locations
    return change


compare("inside-and-out", SMALL, 9, 3, 4, 2)
compare("one-pixel", [(1, 1)], 5, 1, 8, 1)
compare("odd-sizes", [(3, 9), (5, 2)], 37, 2, 12, 3)
compare("block-border", [(4, 4)], 33, 2, 16, 2)
compare("borders", SMALL, 9, 3, 4, 2, with_spots(-0.07, 1.07, 1e-6, 1 - 1e-6))
compare("far-away", SMALL, 9, 3, 4, 2, with_spots(-1e9, 1e9, 50.0))
compare("bfloat16", SMALL, 9, 3, 4, 2, dtype=torch.bfloat16)

value = torch.randn(1, 12, 1, 4, requires_grad=True)
locations = torch.full((1, 4, 1, 1, 1, 2), 0.4)
locations[0, 0], locations[0, 1], locations[0, 2] = float("inf"), float("nan"), float("-inf")
locations.requires_grad_()
weights = torch.ones(1, 4, 1, 1, 1, requires_grad=True)
out = kernel(value, [(4, 3)], locations, weights)
out.sum().backward()
broken = [out[0, :3], locations.grad[0, :3], weights.grad[0, :3]]
whole = [out[0, 3], value.grad, locations.grad[0, 3], weights.grad[0, 3]]
print("not-finite", *(float(each.isnan().all()) for each in broken), *(float(each.isfinite().all()) for each in whole))
weights = torch.full((1, 4, 1, 1, 1), float("nan"))
out = kernel(value, [(4, 3)], torch.tensor([0.4, 9.0]).view(1, 2, 1, 1, 1, 1).expand(1, 2, 1, 1, 1, 2), weights[:, :2])
print("weight", float(out.isnan().all()))
"""


@pytest.fixture(scope="module")
def distances() -> dict[str, list[float]]:
    """Relative distances of the value and three gradients by case; the interpreter is chosen before triton's import."""
    folders = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": os.pathsep.join(folders)}
    done = subprocess.run([sys.executable, "-c", CASES], capture_output=True, encoding="utf-8", env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [line.split() for line in done.stdout.splitlines()]
    return {name: [float(value) for value in values] for name, *values in rows}


@needs_triton
@pytest.mark.parametrize("case", ["inside-and-out", "one-pixel", "odd-sizes", "block-border", "borders", "far-away"])
def test_float32_is_the_definition(distances, case):
    assert max(distances[case]) < 2e-6


@needs_triton
def test_bfloat16_rounds_values_and_their_gradient_alone(distances):
    value, value_gradient, locations_gradient, weights_gradient = distances["bfloat16"]
    assert max(value, value_gradient, locations_gradient, weights_gradient) < 1e-2


@needs_triton
def test_what_is_not_finite_makes_its_own_query_nan_and_nothing_else(distances):
    assert distances["not-finite"] == [1] * 7
    assert distances["weight"] == [1]
