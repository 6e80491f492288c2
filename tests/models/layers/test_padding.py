import pytest
import torch
import torch.nn.functional as F

from grisq.models.layers.padding import ValidGroupNorm, extend, extents, halve, pool


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
