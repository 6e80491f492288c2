import pytest
import torch

from grisq.config import SwinConfig
from grisq.models.layers.swin import build_swin, run_blocks, window_mask

CONFIG = SwinConfig(embed_dim=16, depths=(2, 2, 4, 2), num_heads=(1, 2, 4, 8), window=4, drop_path=0.0)


@pytest.mark.parametrize("size", [(128, 128), (128, 256)])
def test_stages_equal_timms_own_where_windows_divide_the_canvas(size):
    swin = build_swin(CONFIG, 128).eval()
    x = ours = swin.patch_embed(torch.randn(2, 3, *size))
    for stage in swin.layers:
        x = stage(x)
        ours = run_blocks(stage.blocks, stage.downsample(ours), None)
        torch.testing.assert_close(ours, x, atol=1e-5, rtol=1e-4)


def naive_mask(size, window, shift, valid):
    """Who may see whom, from the definition: same window of the shifted canvas, not wrapped apart, both valid."""
    H, W = size
    rows, columns = -(-H // window[0]), -(-W // window[1])
    masks = []
    for i in range(rows):
        for j in range(columns):
            cells = []
            for a in range(window[0]):
                for b in range(window[1]):
                    y, x = i * window[0] + a, j * window[1] + b
                    if y >= H or x >= W:
                        cells.append(None)
                        continue
                    source = ((y + shift[0]) % H, (x + shift[1]) % W)
                    wrapped = (y + shift[0] >= H, x + shift[1] >= W)
                    cells.append(wrapped if valid[source] else None)
            masks.append([[p == q for q in cells] for p in cells])
    return torch.tensor(masks)


@pytest.mark.parametrize("size", [(8, 8), (6, 9), (3, 5)])
@pytest.mark.parametrize("shift", [(0, 0), (2, 2)])
def test_window_mask_equals_the_definition(size, shift):
    valid = torch.zeros(1, *size, dtype=torch.bool)
    valid[:, : size[0] - 1, : size[1] - 2] = True
    mask = window_mask(size, (4, 4), shift, valid, torch.zeros(1))
    assert torch.equal(mask == 0, naive_mask(size, (4, 4), shift, valid[0]))


def test_without_padding_and_shift_there_is_no_mask():
    assert window_mask((8, 8), (4, 4), (0, 0), None, torch.zeros(1)) is None


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
