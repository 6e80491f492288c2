import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from grisq.models.layers.padding import ValidGroupNorm, extend, extents, frame, halve, normalize, pool, resize


def rectangle(height: int, width: int, size: tuple[int, int]) -> torch.Tensor:
    valid = torch.zeros(1, *size, dtype=torch.bool)
    valid[:, :height, :width] = True
    return valid


@pytest.mark.parametrize(("height", "stride", "expected"), [(8, 4, 2), (9, 4, 3), (1, 4, 1), (32, 32, 1)])
def test_a_cell_is_valid_if_any_of_its_pixels_is(height, stride, expected):
    pooled = pool(rectangle(height, 64, (64, 64)), stride)
    assert extents(pooled).tolist() == [[expected, 64 // stride]]


def test_halving_twice_is_pooling_by_four():
    valid = rectangle(13, 29, (64, 64))
    assert torch.equal(halve(halve(valid)), pool(valid, 4))


def test_no_padding_stays_none():
    assert halve(None) is None
    assert pool(None, 4) is None


def test_extend_repeats_the_last_valid_row_and_column():
    x = torch.arange(16.0).view(1, 1, 4, 4)
    out = extend(x, rectangle(2, 3, (4, 4)))[0, 0]
    assert out.tolist() == [[0, 1, 2, 2], [4, 5, 6, 6], [4, 5, 6, 6], [4, 5, 6, 6]]


def test_the_gradient_of_extend_is_that_of_its_gathers():
    x = torch.randn(3, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    valid = torch.cat([rectangle(2, 3, (4, 5)), rectangle(4, 5, (4, 5)), rectangle(1, 1, (4, 5))])
    assert torch.autograd.gradcheck(lambda x: extend(x, valid), x)


def test_upsampling_an_extended_map_is_upsampling_the_picture_alone():
    x = torch.randn(1, 3, 8, 8)
    padded = F.interpolate(extend(x, rectangle(5, 6, (8, 8))), scale_factor=2, mode="bilinear", align_corners=False)
    alone = F.interpolate(x[:, :, :5, :6], scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(padded[:, :, :10, :12], alone)


def last(x: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) -> (B, H, W, C)."""
    return x.permute(0, 2, 3, 1)


SIDES = st.integers(1, 6)


@settings(deadline=None, max_examples=60)
@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from([1, 2, 4]), st.booleans())
def test_resizing_is_extending_and_interpolating(H, W, height, width, factor, padded):
    """Values and gradients, for two samples whose pictures differ in size."""
    valid = torch.cat([rectangle(min(height, H), min(width, W), (H, W)), rectangle(H, W, (H, W))]) if padded else None
    x, size = torch.randn(2, 3, H, W, dtype=torch.float64), (factor * H, factor * W)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    out = resize(last(ours), valid, size)
    expected = last(F.interpolate(extend(theirs, valid), size=size, mode="bilinear", align_corners=False))
    torch.testing.assert_close(out, expected)
    mark = torch.randn_like(out)
    (out * mark).sum().backward()
    (expected * mark).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


@settings(deadline=None, max_examples=60)
@given(SIDES, SIDES, SIDES, SIDES, st.integers(0, 2), st.booleans())
def test_a_frame_repeats_the_pictures_border(H, W, height, width, border, padded):
    valid = torch.cat([rectangle(min(height, H), min(width, W), (H, W)), rectangle(H, W, (H, W))]) if padded else None
    x = torch.randn(2, 3, H, W)
    expected = F.pad(extend(x, valid), (border,) * 4, mode="replicate") if border else extend(x, valid)
    assert torch.equal(frame(last(x), valid, border), last(expected))


def test_what_the_padding_holds_reaches_neither_frame_nor_resized_map():
    x, valid = torch.randn(1, 4, 4, 2), rectangle(2, 3, (4, 4))
    garbage = torch.where(valid[..., None], x, 1e30)
    assert torch.equal(frame(garbage, valid), frame(x, valid))
    assert torch.equal(resize(garbage, valid, (8, 8)), resize(x, valid, (8, 8)))


def shares(N: int) -> torch.Tensor:
    """Weights of two samples' positions, the first with padding: (2, 1, N)."""
    valid = torch.arange(N)[None, None] < torch.tensor([max(1, N - 2), N]).view(2, 1, 1)
    return valid.double() / valid.sum(-1, keepdim=True)


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("N", [1, 5])
def test_the_norms_gradients_are_those_of_finite_differences(groups, affine, N):
    """Also when they are differentiated again."""
    x, share = torch.randn(2, N, 4, dtype=torch.float64), shares(N)
    tensors = [x, torch.randn(4).double(), torch.randn(4).double()] if affine else [x]
    tensors = [tensor.requires_grad_() for tensor in tensors]
    eps = 0.1  # one position alone has no variance, and rsqrt(1e-5) is too steep for differences
    torch.autograd.gradcheck(lambda x, *rest: normalize(x, share, groups, eps, *rest), tensors)
    torch.autograd.gradgradcheck(lambda x, *rest: normalize(x, share, groups, eps, *rest), tensors)


def test_frozen_gain_and_bias_get_no_gradient_and_x_the_same():
    norm, x, valid = ValidGroupNorm(2, 4), torch.randn(2, 6, 4, requires_grad=True), None
    norm(x, valid).pow(3).sum().backward()
    grad, x.grad = x.grad, None
    norm.requires_grad_(False)
    norm(x, valid).pow(3).sum().backward()
    assert torch.equal(x.grad, grad)


@pytest.mark.parametrize("mean", [0.0, 30.0, 1000.0])
def test_a_large_mean_costs_no_more_digits_than_float32_has(mean):
    """Against float64: mean of squares less square of the mean would leave nothing of a variance of 1 at 1000."""
    x = torch.randn(2, 300, 8) + mean
    grads, outs = [], []
    for dtype in (torch.float32, torch.float64):
        leaf = x.to(dtype, copy=True).requires_grad_()
        out = normalize(leaf, shares(300).to(dtype), 4, 1e-5)
        (out * torch.linspace(-1, 1, out.numel(), dtype=dtype).view_as(out)).sum().backward()
        outs.append(out.detach().double())
        grads.append(leaf.grad.double())
    slack = 2e-6 + mean * 6e-7
    torch.testing.assert_close(outs[0], outs[1], atol=slack, rtol=0)
    torch.testing.assert_close(grads[0], grads[1], atol=slack, rtol=slack)


@pytest.mark.parametrize("groups", [1, 4, 8])
def test_group_norm_without_padding_is_torchs(groups):
    x = torch.randn(2, 30, 8)
    norm = ValidGroupNorm(groups, 8)
    torch.nn.init.normal_(norm.weight)
    expected = F.group_norm(x.transpose(1, 2), groups, norm.weight, norm.bias).transpose(1, 2)
    torch.testing.assert_close(norm(x), expected)


def test_group_norm_ignores_what_the_padding_holds():
    norm, x = ValidGroupNorm(4, 8), torch.randn(1, 30, 8)
    valid = torch.arange(30)[None] < 17
    garbage = torch.where(valid[..., None], x, 1e3)
    torch.testing.assert_close(norm(garbage, valid)[:, :17], norm(x[:, :17]))


def test_instance_norm_of_one_position_is_finite():
    assert torch.isfinite(ValidGroupNorm(8, 8, affine=False)(torch.randn(2, 1, 8))).all()


def test_group_norm_keeps_the_dtype_and_computes_in_float32():
    x = (torch.randn(1, 2000, 8) + 300).bfloat16()  # bfloat16 statistics would be far off at this mean
    out = ValidGroupNorm(1, 8)(x)
    assert out.dtype == torch.bfloat16
    assert abs(out.float().mean()) < 0.02
