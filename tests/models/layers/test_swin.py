import copy
import itertools
from dataclasses import replace

import pytest
import torch

from grisq.config import SwinConfig
from grisq.models.layers.swin import build_swin, run_blocks

CONFIG = SwinConfig(embed_dim=16, depths=(2, 2, 4, 2), num_heads=(1, 2, 4, 8), window=4, drop_path=0.0)
FUSED = replace(CONFIG, fused_attention=True)


def gradients(out, x, weights, keep=None):
    """Gradients of the input and of every weight for a fixed random gradient of the output, on what to keep."""
    upstream = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
    return torch.autograd.grad((out * upstream if keep is None else out * upstream * keep).sum(), [x, *weights])


@pytest.mark.parametrize("size", [(128, 128), (128, 256)])
def test_stages_equal_timms_own_where_windows_divide_the_canvas(size):
    swin = build_swin(CONFIG, 128).eval()
    x = ours = swin.patch_embed(torch.randn(2, 3, *size))
    for stage in swin.layers:
        x = stage(x)
        ours = run_blocks(stage.blocks, stage.downsample(ours), None)
        torch.testing.assert_close(ours, x, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("fused", [False, True], ids=["explicit", "fused"])
@pytest.mark.parametrize("shift", [0, 2])
def test_a_block_has_the_values_and_gradients_of_timms(shift, fused):
    from timm.models.swin_transformer import SwinTransformerBlock  # after grisq.models, which lets timm be imported

    options = {"window_size": 4, "shift_size": shift, "always_partition": True, "dynamic_mask": True}
    block = SwinTransformerBlock(16, (8, 12), num_heads=2, **options)
    block.attn.fused_attn = fused
    x = torch.randn(2, 8, 12, 16, requires_grad=True)
    ours, theirs = run_blocks(torch.nn.Sequential(block), x, None), block(x)
    torch.testing.assert_close(ours, theirs)
    weights = list(block.parameters())
    for mine, expected in zip(gradients(ours, x, weights), gradients(theirs, x, weights)):
        torch.testing.assert_close(mine, expected, atol=1e-5, rtol=1e-4)


def windows_of(size, window, shift):
    """The positions of each window of the shifted map: place in the window, place in the map, wrapped edges."""
    (H, W), found = size, {}
    for y, x in itertools.product(range(H), range(W)):
        source = ((y + shift[0]) % H, (x + shift[1]) % W)
        wrapped = (y + shift[0] >= H, x + shift[1] >= W)
        cell = ((y % window[0], x % window[1]), source, wrapped)
        found.setdefault((y // window[0], x // window[1]), []).append(cell)
    return list(found.values())


def naive_block(block, x, valid):
    """One block, position by position, from the formula: softmax(q k^T / sqrt(d) + bias) v over whom it may see."""
    attention, (height, width) = block.attn, block.window_size
    triple = attention.qkv(block.norm1(x)).unflatten(3, (3, attention.num_heads, -1))  # (B, H, W, 3, heads, d)
    rows = []
    for b in range(len(x)):
        mixed = {}
        for cells in windows_of(x.shape[1:3], block.window_size, block.shift_size):
            for place, source, wrapped in cells:
                seen = [c for c in cells if c[2] == wrapped and valid[b][c[1]] == valid[b][source]]
                q = triple[b, *source, 0]
                scores = []
                for other, there, _ in seen:
                    down, right = place[0] - other[0] + height - 1, place[1] - other[1] + width - 1
                    bias = attention.relative_position_bias_table[down * (2 * width - 1) + right]
                    scores.append((q * triple[b, *there, 1]).sum(-1) / q.shape[-1] ** 0.5 + bias)
                share = torch.stack(scores).softmax(0)[..., None]  # (seen, heads, 1)
                values = torch.stack([triple[b, *there, 2] for _, there, _ in seen])
                mixed[source] = (share * values).sum(0).flatten()
        rows.append(torch.stack([mixed[place] for place in itertools.product(*map(range, x.shape[1:3]))]))
    x = x + attention.proj(torch.stack(rows).view_as(x))
    return x + block.mlp(block.norm2(x))


@pytest.mark.parametrize("config", [CONFIG, FUSED], ids=["explicit", "fused"])
@pytest.mark.parametrize("size", [(8, 4), (6, 9), (3, 5), (2, 2)])
@pytest.mark.parametrize("padded", [False, True], ids=["plain", "padded"])
def test_blocks_equal_the_formula_where_windows_do_not_fit(config, size, padded):
    blocks = build_swin(config, 128).layers[1].blocks
    x = torch.randn(2, *size, 32, requires_grad=True)
    valid = torch.ones(2, *size, dtype=torch.bool)
    if padded:
        valid[0, size[0] - 1 :] = False
        valid[1, :, size[1] - 1 :] = False
    ours, theirs = run_blocks(blocks, x, valid if padded else None), x
    for block in blocks:
        theirs = naive_block(block, theirs, valid)
    keep = valid[..., None]
    torch.testing.assert_close(ours * keep, theirs * keep, atol=1e-5, rtol=1e-4)
    weights = list(blocks.parameters())
    for mine, expected in zip(gradients(ours, x, weights, keep), gradients(theirs, x, weights, keep)):
        torch.testing.assert_close(mine, expected, atol=2e-5, rtol=1e-3)


def test_fused_attention_changes_nothing_but_rounding():
    explicit, fused = build_swin(CONFIG, 128), build_swin(FUSED, 128)
    fused.load_state_dict(explicit.state_dict())
    x = torch.randn(3, 9, 10, 16)
    valid = torch.zeros(3, 9, 10, dtype=torch.bool)
    valid[0], valid[1, :7], valid[2, :, :3] = True, True, True
    one, other = (run_blocks(swin.layers[0].blocks, x, valid)[valid] for swin in (explicit, fused))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_the_configuration_alone_chooses_fused_attention():
    for config in (CONFIG, FUSED):
        blocks = [block for stage in build_swin(config, 128).layers for block in stage.blocks]
        assert {block.attn.fused_attn for block in blocks} == {config.fused_attention}


@pytest.mark.parametrize("padded", [False, True], ids=["plain", "padded"])
def test_bfloat16_stays_near(padded):
    blocks = build_swin(CONFIG, 128).layers[0].blocks
    x = torch.randn(1, 6, 9, 16)
    valid = torch.ones(1, 6, 9, dtype=torch.bool)
    valid[:, :, 7:] = not padded
    exact = run_blocks(blocks, x, valid if padded else None)
    with torch.autocast("cpu", torch.bfloat16):
        near = run_blocks(blocks, x, valid if padded else None)
    assert (near - exact)[valid].norm() < 0.02 * exact[valid].norm()


@pytest.mark.parametrize("canvas", [(8, 12), (12, 12), (16, 20)])
def test_padding_changes_nothing_inside_the_picture(canvas):
    stage = build_swin(CONFIG, 128).eval().layers[0]
    picture = torch.randn(1, 7, 10, 16)

    def inside(height, width):
        x = torch.full((1, height, width, 16), 7.0)
        x[:, :7, :10] = picture
        valid = torch.zeros(1, height, width, dtype=torch.bool)
        valid[:, :7, :10] = True
        return run_blocks(stage.blocks, x, valid)[:, :7, :10]

    torch.testing.assert_close(inside(*canvas), run_blocks(stage.blocks, picture, None), atol=1e-5, rtol=1e-4)


def test_prediction_does_not_spoil_the_constants_of_training():
    blocks = copy.deepcopy(build_swin(CONFIG, 128).layers[0].blocks)
    x = torch.randn(1, 5, 11, 16)  # a size that no other test has, so that its constants are made here
    with torch.inference_mode():
        run_blocks(blocks, x, None)
    run_blocks(blocks, x, None).sum().backward()
    assert all(parameter.grad is not None for parameter in blocks.parameters())


def test_blocks_export_where_windows_do_not_fit_and_give_the_same():
    class Stage(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = build_swin(CONFIG, 128).layers[0].blocks

        def forward(self, x, valid):
            return run_blocks(self.blocks, x, valid)

    stage, x, valid = Stage().eval(), torch.randn(2, 6, 5, 16), torch.ones(2, 6, 5, dtype=torch.bool)
    valid[:, 4:] = False
    program = torch.export.export(stage, (x, valid))  # before the blocks run here and make their constants
    torch.testing.assert_close(program.module()(x, valid), stage(x, valid))
