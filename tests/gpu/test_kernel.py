"""The Triton kernel, compiled for this GPU, against the definition in float64."""

import pytest
import torch

pytestmark = pytest.mark.cuda
SHAPES = [  # sizes, queries, heads, channels of a head, points
    ([(7, 5), (4, 3), (1, 1)], 9, 3, 4, 2),
    ([(60, 60), (30, 30), (15, 15)], 4725, 8, 32, 4),
    ([(3, 9)], 130, 2, 16, 5),
]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize(("sizes", "Q", "H", "D", "P"), SHAPES)
def test_values_and_gradients_are_those_of_the_definition(sizes, Q, H, D, P, dtype, tolerance):
    from parity import distance

    from grisq.models.layers.deformable_attention import deformable_attention_reference
    from grisq.models.layers.deformable_triton import deformable_attention_triton

    S = sum(height * width for height, width in sizes)
    random = torch.Generator("cuda").manual_seed(0)
    value = torch.randn(2, S, H, D, generator=random, device="cuda").to(dtype)
    locations = -0.2 + 1.4 * torch.rand(2, Q, H, len(sizes), P, 2, generator=random, device="cuda")
    weights = torch.rand(2, Q, H, len(sizes), P, generator=random, device="cuda")
    upstream = torch.randn(2, Q, H, D, generator=random, device="cuda")
    results = []
    for form in (deformable_attention_triton, deformable_attention_reference):
        wide = torch.float64 if form is deformable_attention_reference else None
        leaves = [tensor.detach().to(wide or tensor.dtype).requires_grad_() for tensor in (value, locations, weights)]
        out = form(leaves[0], sizes, leaves[1], leaves[2])
        out.backward(upstream.to(out.dtype))
        results.append([out.detach().double(), *(leaf.grad.double() for leaf in leaves)])
    for ours, theirs in zip(*results):
        assert distance(ours, theirs) < tolerance


def test_the_model_takes_the_kernel():
    from grisq.models.layers import deformable_attention

    value = torch.randn(1, 12, 2, 16, device="cuda", dtype=torch.bfloat16)
    locations, weights = torch.rand(1, 5, 2, 1, 3, 2, device="cuda"), torch.rand(1, 5, 2, 1, 3, device="cuda")
    assert deformable_attention._cuda_kernel_for(value, locations, weights) is not None
    assert deformable_attention.deformable_attention(value, [(4, 3)], locations, weights).dtype == torch.bfloat16


def test_nan_stays_where_it_is():
    from grisq.models.layers.deformable_triton import deformable_attention_triton

    value, weights = torch.randn(1, 12, 1, 16, device="cuda"), torch.ones(1, 2, 1, 1, 1, device="cuda")
    locations = torch.tensor([float("nan"), 0.4], device="cuda").view(1, 2, 1, 1, 1, 1).expand(1, 2, 1, 1, 1, 2)
    out = deformable_attention_triton(value, [(4, 3)], locations, weights)
    assert out[0, 0].isnan().all()
    assert out[0, 1].isfinite().all()
