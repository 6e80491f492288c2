import pytest
import torch

from grisq.models.layers.window_cut import window_cut, window_mask

CPU = torch.device("cpu")
SIZES = [(8, 8), (6, 9), (3, 5), (1, 1)]
SHIFTS = [(0, 0), (2, 2), (1, 3)]


def naive_cells(size, window, shift):
    """What each position of each window shows: None, or the place in the map and the edges it was wrapped around."""
    (H, W), windows = size, []
    for i in range(-(-H // window[0])):
        for j in range(-(-W // window[1])):
            cells = []
            for a in range(window[0]):
                for b in range(window[1]):
                    y, x = i * window[0] + a, j * window[1] + b
                    if y >= H or x >= W:
                        cells.append(None)
                        continue
                    source = ((y + shift[0]) % H, (x + shift[1]) % W)
                    cells.append((source, (y + shift[0] >= H, x + shift[1] >= W)))
            windows.append(cells)
    return windows


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shift", SHIFTS)
def test_window_mask_equals_the_definition(size, shift):
    valid = torch.zeros(2, *size, dtype=torch.bool)
    valid[0, : max(size[0] - 1, 1), : max(size[1] - 2, 1)] = True
    valid[1] = True
    expected = []
    for kept in valid:
        windows = [
            [None if cell is None or not kept[cell[0]] else cell[1] for cell in cells]
            for cells in naive_cells(size, (4, 4), shift)
        ]
        expected.append([[[p == q for q in regions] for p in regions] for regions in windows])
    expected = torch.tensor(expected)
    mask = window_mask(size, (4, 4), shift, valid, dtype=torch.float32, device=CPU)
    assert torch.equal(mask == 0, expected)
    assert (mask[~expected] == -1e4).all()
    whole = window_mask(size, (4, 4), shift, None, dtype=torch.bfloat16, device=CPU)
    assert whole is None or whole.dtype == torch.bfloat16
    assert torch.equal(torch.ones_like(expected[1]) if whole is None else whole[0] == 0, expected[1])


def test_without_padding_and_shift_there_is_no_mask():
    assert window_mask((8, 8), (4, 4), (0, 0), None, dtype=torch.float32, device=CPU) is None


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shift", SHIFTS)
def test_gathers_follow_the_definition_and_undo_each_other(size, shift):
    cut, x = window_cut(size, (4, 2), shift, device=CPU), torch.randn(2, size[0] * size[1], 3)
    windows = cut.to_windows(x)
    cells = [cell for window in naive_cells(size, (4, 2), shift) for cell in window]
    assert windows.shape == (2, len(cells), 3)
    for position, cell in enumerate(cells):
        if cell is not None:
            (row, column), _ = cell
            assert torch.equal(windows[:, position], x[:, row * size[1] + column])
    assert torch.equal(cut.to_map(windows), x)


@pytest.mark.parametrize("size", [(4, 4), (3, 5)])
def test_gradients_of_the_gathers(size):
    cut = window_cut(size, (2, 4), (1, 2), device=CPU)
    x = torch.randn(1, size[0] * size[1], 2, dtype=torch.float64, requires_grad=True)
    windows = torch.randn_like(cut.to_windows(x), requires_grad=True)
    assert torch.autograd.gradcheck(cut.to_map, windows)
    # What fills the windows up has no gradient, so only what comes back to the map is compared.
    assert torch.autograd.gradcheck(lambda x: cut.to_map(cut.to_windows(x) ** 2), x)
