"""The detector: proposals from painted peaks, regions as torchvision reads them, losses by hand."""

import math

import pytest
import torch
from torchvision.ops import roi_align

from grisq.models.layers.detector import (
    STRIDE,
    DetectorOutput,
    boxes_of,
    cell_centers,
    detector_losses,
    masks_of,
    propose,
    read_regions,
)


@pytest.fixture
def found():
    """Two categories on 4x5 cells, nothing likely but one object of each."""
    heat = torch.full((1, 2, 4, 5), -5.0)
    heat[0, 0, 1, 2], heat[0, 0, 1, 3], heat[0, 1, 3, 4] = 3.0, 1.0, 2.0
    return DetectorOutput(heat, torch.full((1, 4, 4, 5), 6.0), torch.randn(1, 3 + 3, 4, 5), torch.randn(1, 3, 8, 10))


def test_peaks_are_proposed_the_likeliest_first(found):
    proposals = propose(found, most=4, least=0.3)
    assert proposals.real.tolist() == [[True, True, False, False]]  # the neighbor of a peak is none
    assert proposals.categories[0, :2].tolist() == [0, 1]
    first = [2.5 * STRIDE - 6, 1.5 * STRIDE - 6, 2.5 * STRIDE + 6, 1.5 * STRIDE + 6]
    assert proposals.boxes[0, 0].tolist() == first


def test_nothing_is_proposed_below_the_threshold(found):
    assert not propose(found, most=4, least=0.99).real.any()


def test_a_mask_is_a_filter_over_the_maps(found):
    cells = torch.tensor([[7, 19]])
    masks = masks_of(found, cells)
    filters = found.filters.flatten(2)[0].T
    for k, cell in enumerate(cells[0].tolist()):
        cx, cy = cell_centers(cells, 5)[0, k].tolist()
        f = filters[cell]
        for row, column in ((0, 0), (3, 7)):
            x, y = 4 * (column + 0.5) - cx, 4 * (row + 0.5) - cy
            expected = f[:3] @ found.maps[0, :, row, column] + f[3] * x / 64 + f[4] * y / 64 + f[5]
            torch.testing.assert_close(masks[0, k, row, column], expected, atol=1e-5, rtol=1e-4)


def test_regions_are_those_of_torchvision():
    features, boxes = torch.randn(1, 3, 6, 8), torch.tensor([[[8.0, 16, 72, 80], [0, 0, 128, 96]]])
    expected = roi_align(features, [boxes[0]], 3, spatial_scale=1 / 16, sampling_ratio=1, aligned=True)
    torch.testing.assert_close(
        read_regions(features, boxes, 16, 3)[0], expected.flatten(2).transpose(1, 2), atol=1e-5, rtol=1e-4
    )


def focal_loss(heat, objects, size):
    """Of one picture with that many rows and columns of cells, for objects (category, row, column, spread)."""
    total = 0.0
    for category in range(len(heat)):
        for row in range(size[0]):
            for column in range(size[1]):
                p = 1 / (1 + math.exp(-heat[category, row, column].item()))
                hills = [0.0]
                for its, y, x, spread in objects:
                    if its == category:
                        hills.append(math.exp(-((row - y) ** 2 + (column - x) ** 2) / (2 * spread**2)))
                wanted = max(hills)
                if wanted == 1:
                    total -= (1 - p) ** 2 * math.log(p)
                else:
                    total -= (1 - wanted) ** 4 * p**2 * math.log(1 - p)
    return total


def test_the_focal_loss_by_hand(found):
    """One object of category 0 in cell (1, 2); a category without objects wants zero everywhere."""
    boxes = torch.tensor([[[10.0, 2.0, 30.0, 22.0]]])
    masks = torch.zeros(1, 1, 8, 10, dtype=torch.bool)
    real = torch.ones(1, 1, dtype=torch.bool)
    total = focal_loss(found.heat[0], [(0, 1, 2, 20 / STRIDE / 6)], (4, 5))
    centers, edges, _ = detector_losses(found, boxes, torch.zeros(1, 1, dtype=torch.long), masks, real, None)
    assert centers.item() == pytest.approx(total, rel=1e-4)
    predicted = boxes_of(found, torch.tensor([[7]]))[0, 0]
    assert edges.item() == pytest.approx((predicted - boxes[0, 0]).abs().sum().item() / 32, rel=1e-4)


def test_places_without_an_object_cost_nothing(found):
    boxes = torch.tensor([[[10.0, 2.0, 30.0, 22.0], [0.0, 0.0, 0.0, 0.0]]])
    masks = torch.rand(1, 2, 8, 10) < 0.5
    real = torch.tensor([[True, False]])
    categories = torch.zeros(1, 2, dtype=torch.long)
    two = detector_losses(found, boxes, categories, masks, real, None)
    one = detector_losses(found, boxes[:, :1], categories[:, :1], masks[:, :1], real[:, :1], None)
    torch.testing.assert_close(two, one)


def test_every_picture_counts_the_same_and_padding_nothing():
    """Two objects of a category in a picture of 30x33 pixels, one in a picture of 22x40, on a canvas of 32x40."""
    found = DetectorOutput(
        torch.randn(2, 2, 4, 5), 20 * torch.rand(2, 4, 4, 5), torch.randn(2, 3 + 3, 4, 5), torch.randn(2, 3, 8, 10)
    )
    boxes = torch.tensor([[[4.0, 2, 30, 20], [10, 10, 32, 30]], [[8, 4, 38, 20], [0, 0, 0, 0]]])
    categories, real = torch.tensor([[1, 1], [0, 0]]), torch.tensor([[True, True], [True, False]])
    valid, masks = torch.zeros(2, 32, 40, dtype=torch.bool), torch.zeros(2, 2, 8, 10, dtype=torch.bool)
    valid[0, :30, :33], valid[1, :22] = True, True
    quarters = [(8, 9), (6, 10)]  # rows and columns of stride 4 that hold something of the picture
    for b, (rows, columns) in enumerate(quarters):
        masks[b, :, :rows, :columns] = torch.rand(2, rows, columns) < 0.4
    places = [[(1, 2), (2, 2)], [(1, 2)]]  # the cells of the boxes' centers
    edges, dice = [], []
    for b, (rows, columns) in enumerate(quarters):
        far, unlike = [], []
        for k, (y, x) in enumerate(places[b]):
            left, upper, right, lower = found.edges[b, :, y, x].tolist()
            center_x, center_y = 8 * x + 4, 8 * y + 4
            predicted = center_x - left, center_y - upper, center_x + right, center_y + lower
            far.append(sum(abs(one - other) for one, other in zip(predicted, boxes[b, k].tolist())) / 32)
            logits = masks_of(found, torch.tensor([[5 * y + x]] * 2))[b, 0]
            both = both_p = both_m = 0.0
            for row in range(rows):
                for column in range(columns):
                    p, m = logits[row, column].sigmoid().item(), float(masks[b, k, row, column])
                    both, both_p, both_m = both + p * m, both_p + p, both_m + m
            unlike.append(1 - (2 * both + 1) / (both_p + both_m + 1))
        edges.append(sum(far) / len(far))
        dice.append(sum(unlike) / len(unlike))
    centers = [
        focal_loss(found.heat[0], [(1, 1, 2, 18 / 8 / 6), (1, 2, 2, 20 / 8 / 6)], (4, 5)) / 2,
        focal_loss(found.heat[1], [(0, 1, 2, 16 / 8 / 6)], (3, 5)),
    ]
    expected = torch.tensor([sum(each) / 2 for each in (centers, edges, dice)])
    losses = torch.stack(detector_losses(found, boxes, categories, masks, real, valid))
    torch.testing.assert_close(losses, expected, atol=1e-5, rtol=1e-4)
