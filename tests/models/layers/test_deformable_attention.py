"""Deformable attention as functions: the definition, every way to compute it, and what each refuses."""

import math
import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grisq.models.layers import deformable_attention as deformable
from grisq.models.layers.deformable_attention import (
    attend_by_scores,
    attention_weights,
    deformable_attention,
    deformable_attention_reference,
    sampling_locations,
)
from grisq.models.layers.deformable_kernel import deformable_attention_cpu
from grisq.runtime.errors import InputError

SIZES = [(7, 5), (4, 3), (1, 1)]


def inputs(B=2, Q=9, H=3, D=4, P=2, sizes=SIZES, low=-0.3, high=1.3, seed=0):
    rng = torch.Generator().manual_seed(seed)
    S = sum(height * width for height, width in sizes)
    value = torch.randn(B, S, H, D, generator=rng)
    locations = low + (high - low) * torch.rand(B, Q, H, len(sizes), P, 2, generator=rng)
    weights = torch.rand(B, Q, H, len(sizes), P, generator=rng)
    return value, locations, weights


def naive(value, sizes, locations, weights):
    """Sums over every pixel of every level of its bilinear hat, from the definition."""
    B, Q, H = locations.shape[:3]
    out = torch.zeros(B, Q, H, value.shape[3])
    start = 0
    for level, (height, width) in enumerate(sizes):
        for y in range(height):
            for x in range(width):
                spot = locations[:, :, :, level] * torch.tensor([width, height]) - 0.5
                hat = (1 - (spot - torch.tensor([x, y])).abs()).clamp(min=0).prod(-1)  # (B, Q, H, P)
                weight = (hat * weights[:, :, :, level]).sum(-1)
                out += weight[..., None] * value[:, None, start + y * width + x]
        start += height * width
    return out


@pytest.mark.parametrize("way", [deformable_attention, deformable_attention_reference])
def test_both_ways_equal_the_definition(way):
    value, locations, weights = inputs()
    torch.testing.assert_close(
        way(value, SIZES, locations, weights), naive(value, SIZES, locations, weights), atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize(
    "case",
    [
        {},
        {"D": 32, "H": 2},
        {"Q": 130, "B": 1},
        {"sizes": [(1, 1)], "P": 5},
        {"sizes": [(3, 9)], "low": -2.0, "high": 3.0},
    ],
)
def test_kernel_and_reference_agree_in_values_and_gradients(case):
    sizes = case.get("sizes", SIZES)
    grads = []
    for way in (deformable_attention, deformable_attention_reference):
        leaves = [tensor.requires_grad_() for tensor in inputs(**case)]
        out = way(leaves[0], sizes, leaves[1], leaves[2])
        (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
        grads.append([out.detach(), *(tensor.grad for tensor in leaves)])
    for ours, theirs in zip(*grads):
        torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=1e-3)


def raw_inputs(B=2, Q=9, H=3, D=4, P=2, sizes=SIZES, reach=3.0, seed=0):
    """Value, reference points, offsets in pixels and scores."""
    rng = torch.Generator().manual_seed(seed)
    S, L = sum(height * width for height, width in sizes), len(sizes)
    value, reference = torch.randn(B, S, H, D, generator=rng), torch.rand(B, Q, L, 2, generator=rng)
    offsets = reach * torch.randn(B, Q, H, L, P, 2, generator=rng)
    return value, reference, offsets, 2 * torch.randn(B, Q, H, L, P, generator=rng)


def from_the_definition(value, sizes, reference, offsets, scores):
    """Softmax and locations as tensor operations, then the definition."""
    locations, weights = sampling_locations(reference, offsets, sizes), attention_weights(scores)
    return deformable_attention_reference(value, sizes, locations, weights)


def test_locations_and_weights_by_hand():
    reference, offsets = torch.tensor([[[[0.5, 0.25]]]]), torch.tensor([2.0, -1.0]).view(1, 1, 1, 1, 1, 2)
    assert sampling_locations(reference, offsets, [(10, 4)]).flatten().tolist() == pytest.approx([1.0, 0.15])
    scores = torch.tensor([0.0, math.log(3)]).view(1, 1, 1, 2, 1)  # one point on each of two levels
    torch.testing.assert_close(attention_weights(scores).flatten(), torch.tensor([0.25, 0.75]))


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 7), st.integers(1, 7)), min_size=1, max_size=3),
    st.integers(1, 70),
    st.integers(1, 3),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(0, 9),
)
def test_raw_offsets_and_scores_equal_the_definition_in_float64(sizes, Q, H, D, P, seed):
    """Values and all four gradients, off the pixels' centers, where the gradient of a location jumps."""
    tensors = raw_inputs(B=2, Q=Q, H=H, D=D, P=P, sizes=sizes, seed=seed)
    spots = tensors[1][:, :, None, :, None] * torch.tensor(sizes).flip(-1)[:, None] + tensors[2] + 0.5
    tensors[2].add_(0.02 * ((spots - spots.round()).abs() < 0.01))
    results = []
    for way, dtype in ((attend_by_scores, torch.float32), (from_the_definition, torch.float64)):
        leaves = [tensor.detach().to(dtype, copy=True).requires_grad_() for tensor in tensors]
        out = way(leaves[0], sizes, *leaves[1:])
        (out * torch.linspace(-1, 1, out.numel(), dtype=dtype).view_as(out)).sum().backward()
        results.append([out.detach(), *(leaf.grad for leaf in leaves)])
    for ours, truth in zip(*results):
        torch.testing.assert_close(ours, truth.float(), atol=3e-5, rtol=3e-5)


def test_scores_far_apart_neither_overflow_nor_vanish_together():
    value, reference, offsets, scores = raw_inputs()
    scores = 300 * scores
    out = attend_by_scores(value, SIZES, reference, offsets, scores)
    torch.testing.assert_close(out, from_the_definition(value, SIZES, reference, offsets, scores))
    shifted = attend_by_scores(value, SIZES, reference, offsets, scores + 1e4)
    torch.testing.assert_close(shifted, out, atol=1e-2, rtol=1e-2)  # scores + 1e4 are rounded to 1e-3


@pytest.mark.parametrize("spot", [0.0, 1.0, 0.5, -0.1, 1.1, 0.1, 0.9, -3.0, 40.0])
def test_borders_and_wild_positions(spot):
    """On a border, half outside, far outside."""
    value = torch.randn(1, 35, 1, 4)
    locations = torch.full((1, 1, 1, 1, 1, 2), spot)
    weights = torch.ones(1, 1, 1, 1, 1)
    out = deformable_attention(value, [(7, 5)], locations, weights)
    torch.testing.assert_close(out, naive(value, [(7, 5)], locations, weights))


WILD = (math.inf, -math.inf, math.nan)


def assert_alike_where_finite(one, other, places, factors, *reference):
    """Two ways of sampling give the same numbers and gradients, and what is not finite at the same places.

    Both take value, sizes, `reference` if there is one, places (x, y) and their factors.
    """
    results = []
    for way in (one, other):
        value = torch.linspace(-1, 1, 2 * 47 * 3).view(1, 47, 2, 3).requires_grad_()
        spots = torch.tensor(places).view(1, 1, 2, 2, 1, 2).requires_grad_()
        shares = torch.tensor(factors).view(1, 1, 2, 2, 1).requires_grad_()
        out = way(value, [(7, 5), (4, 3)], *reference, spots, shares)
        out.sum().backward()
        sampled = spots.detach().isfinite().all(-1, keepdim=True)  # elsewhere torch's gradient depends on the axis
        results.append((out.detach(), shares.grad, spots.grad.where(sampled, 0)))
    for ours, theirs in zip(*results):
        assert torch.equal(ours.isfinite(), theirs.isfinite())
        torch.testing.assert_close(ours[ours.isfinite()], theirs[ours.isfinite()], atol=1e-4, rtol=1e-4)


@settings(deadline=None, max_examples=400)
@given(
    st.lists(st.sampled_from((0.3, -2.0, 1.01, *WILD)), min_size=8, max_size=8),
    st.lists(st.sampled_from((0.5, 0.0, *WILD)), min_size=4, max_size=4),
)
def test_what_is_not_finite_comes_out_alike_both_ways(places, shares):
    """A nan on a CPU must be seen there, and not only on the GPU that the model is trained on."""
    assert_alike_where_finite(deformable_attention, deformable_attention_reference, places, shares)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.sampled_from((0.3, -2.0, 4.0, *WILD)), min_size=8, max_size=8),
    st.lists(st.sampled_from((0.5, 0.0, *WILD)), min_size=4, max_size=4),
)
def test_raw_numbers_that_are_not_finite_come_out_as_in_the_definition(places, marks):
    reference = torch.full((1, 1, 2, 2), 0.4)
    assert_alike_where_finite(attend_by_scores, from_the_definition, places, marks, reference)


@pytest.mark.parametrize("sizes", [[(30, 40), (10, 20)], [(7, 5), (4, 3)], [(7, 5), (4, 3), (1, 2)], []])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_sizes_that_do_not_fit_the_value_are_refused(sizes, device):
    """The kernel would read, and in its backward pass write, beyond the arrays."""
    tensors = [tensor.to(device) for tensor in inputs()]
    with pytest.raises(InputError, match=r"but value has 48 and locations have 3 levels"):
        deformable_attention(tensors[0], sizes, tensors[1], tensors[2])
    tensors = [tensor.to(device) for tensor in raw_inputs()]
    with pytest.raises(InputError, match=r"but value has 48 and offsets have 3 levels"):
        attend_by_scores(tensors[0], sizes, *tensors[1:])


def test_levels_that_add_up_by_chance_are_refused():
    value, locations, weights = inputs()
    with pytest.raises(InputError, match=r"have 48 positions, but value has 48 and locations have 3 levels"):
        deformable_attention(value, [(6, 8)], locations, weights)


FLAT = [side for size in SIZES for side in size]


@pytest.mark.parametrize("wide", range(4))
def test_the_operator_refuses_other_types_and_the_functions_take_them(wide):
    tensors = list(raw_inputs())
    tensors[wide] = tensors[wide].double()
    with pytest.raises(TypeError, match="float32 only"):
        deformable_attention_cpu(tensors[0], FLAT, *tensors[1:], True)
    tensors = [tensor.double().requires_grad_() for tensor in inputs(B=1, Q=2, H=1, D=2, P=1)]
    torch.autograd.gradcheck(lambda *each: deformable_attention(each[0], SIZES, *each[1:]), tensors)
    tensors = [tensor.double().requires_grad_() for tensor in raw_inputs(B=1, Q=2, H=1, D=2, P=1)]
    torch.autograd.gradcheck(lambda *each: attend_by_scores(each[0], SIZES, *each[1:]), tensors)


BROKEN_NUMBA = """
import sys
sys.modules["numba"] = None  # import numba now raises ImportError
import torch
from grisq.config import preset
from grisq.models.registry import build_model
from grisq.models.layers.deformable_attention import deformable_attention
from grisq.runtime.errors import InputError
model = build_model(preset("tiny").model).to("meta")
words = torch.ones(1, 4, dtype=torch.long, device="meta")
print(tuple(model(torch.ones(1, 3, 64, 64, device="meta"), None, words, words > 0).mask_logits.shape))
try:
    deformable_attention(torch.ones(1, 1, 1, 1), [(1, 1)], torch.ones(1, 1, 1, 1, 1, 2), torch.ones(1, 1, 1, 1, 1))
except InputError as error:
    print(error)
"""


def test_a_numba_that_does_not_import_stops_the_cpu_alone():
    """One that refuses the installed numpy must not keep a GPU from predicting."""
    run = subprocess.run([sys.executable, "-c", BROKEN_NUMBA], capture_output=True, text=True, check=True)
    shape, sentence = run.stdout.splitlines()
    assert shape == "(1, 2, 64, 64)"
    assert sentence.startswith("numba cannot be imported (")
    assert sentence.endswith("install one that fits the installed numpy.")


@pytest.mark.parametrize("softmax", [False, True])
def test_the_operator_keeps_torchs_contract(softmax):
    tensors = [tensor.requires_grad_() for tensor in raw_inputs(B=1, Q=3, H=2, D=2)]
    torch.library.opcheck(deformable_attention_cpu, (tensors[0], FLAT, *tensors[1:], softmax))


def test_gradients_do_not_depend_on_threads():
    tensors = raw_inputs(B=1, Q=200)
    results = []
    threads = torch.get_num_threads()
    for count in (1, 2):
        torch.set_num_threads(count)
        leaves = [tensor.clone().requires_grad_() for tensor in tensors]
        out = attend_by_scores(leaves[0], SIZES, *leaves[1:])
        out.square().sum().backward()
        results.append([out.detach(), *(leaf.grad for leaf in leaves)])
    torch.set_num_threads(threads)
    for one, two in zip(*results):
        assert torch.equal(one, two)


PROBE = """
import hashlib, torch
from grisq.models.layers.deformable_kernel import deformable_attention_cpu
torch.manual_seed(0)
shapes = (2, 84, 2, 16), (2, 84, 3, 2), (2, 84, 2, 3, 4, 2), (2, 84, 2, 3, 4)
leaves = [torch.randn(shape) for shape in shapes]
leaves = [leaf.requires_grad_() for leaf in leaves]
out, weights = deformable_attention_cpu(leaves[0], [8, 8, 4, 4, 2, 2], *leaves[1:], True)
out.square().sum().backward()
bits = b"".join(t.detach().numpy().tobytes() for t in (out, weights, *(leaf.grad for leaf in leaves)))
print(hashlib.sha256(bits).hexdigest())
"""


def test_a_compiled_kernel_and_one_from_the_cache_give_the_same_bits(tmp_path):
    """Otherwise a run that is resumed in another process would not repeat one that was never stopped."""
    hashes = [
        subprocess.run(
            [sys.executable, "-c", PROBE],
            env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in ("compiles", "reads the cache")
    ]
    assert list(tmp_path.rglob("*.nbc"))
    assert len(hashes[0].strip()) == 64
    assert hashes[0] == hashes[1]


def asked_on(device, dtype=torch.float32, width=16):
    """Whether tensors of this kind would go to the kernel for CUDA. They are fake: shapes and types without a GPU."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        value = torch.empty(1, 12, 2, width, device=device, dtype=dtype)
        locations = torch.empty(1, 5, 2, 1, 3, 2, device=device)
        weights = torch.empty(1, 5, 2, 1, 3, device=device)
        return deformable._cuda_kernel_for(value, locations, weights) is not None


def test_the_triton_kernel_is_chosen_on_cuda_alone_and_where_its_inputs_fit(monkeypatch):
    monkeypatch.setattr(deformable, "_triton_kernel", lambda: deformable_attention_reference)
    assert asked_on("cuda")
    assert asked_on("cuda", torch.bfloat16)
    assert not asked_on("cuda", torch.float64)
    assert not asked_on("cuda", width=256)
    assert not asked_on("cpu")
    monkeypatch.setattr(deformable, "_triton_kernel", lambda: None)  # triton is not installed
    assert not asked_on("cuda")


def test_without_triton_there_is_no_kernel_for_cuda(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.delitem(sys.modules, "grisq.models.layers.deformable_triton", raising=False)
    assert deformable._triton_kernel.__wrapped__() is None


def test_a_value_of_a_shorter_type_is_widened():
    value, locations, weights = inputs()
    short = value.bfloat16()
    out = deformable_attention(short, SIZES, locations, weights)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, deformable_attention(short.float(), SIZES, locations, weights))
