"""The one-stage instance detector that gives MAttNet its proposals.

The original takes a Mask R-CNN. This one finds the centers of objects (Zhou et al. 2019), and makes their masks by
filters over shared maps (Tian et al. 2020); it needs no compiled operator and learns in the same training.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.models.layers.convolution import ConvNorm, double
from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.padding import pool

STRIDE, MASK_STRIDE = 8, 4  # of the cells and of the mask maps, in pixels of the canvas
_UNLIKELY = -2.2  # logit of a share of one in ten, where the heat map starts
_NEVER = -1e4  # logit in the padding


class DetectorOutput(NamedTuple):
    """What the detector predicts for every cell of stride 8."""

    heat: Tensor  # (B, categories, h, w) logits: is here the center of such an object?
    edges: Tensor  # (B, 4, h, w) pixels from the cell's center to the left, upper, right and lower edge
    filters: Tensor  # (B, M + 3, h, w) of a mask over the maps
    maps: Tensor  # (B, M, 2 h, 2 w) shared by all masks of a picture


class Proposals(NamedTuple):
    """K objects of each picture, the likeliest first."""

    boxes: Tensor  # (B, K, 4): x1, y1, x2, y2 in pixels of the canvas
    categories: Tensor  # (B, K) long
    masks: Tensor  # (B, K, S/4, S/4) logits
    real: Tensor  # (B, K) bool


class Detector(nn.Module):
    """A top-down sum of V3, V4, V5, and convolutions for centers, edges and mask filters.

    Shapes: levels V2, V3, V4, V5 at strides 4, 8, 16, 32 -> DetectorOutput.
    """

    def __init__(self, channels_in: tuple[int, ...], *, channels: int, categories: int, maps: int):
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(C, channels, 1) for C in channels_in[1:])
        self.smooth = ConvNorm(channels, channels, 3)
        self.tower = ConvNorm(channels, channels, 3)
        self.heat = nn.Conv2d(channels, categories, 1)
        self.edges = nn.Conv2d(channels, 4, 1)
        self.filters = nn.Conv2d(channels, maps + 3, 1)
        self.fine = nn.Conv2d(channels_in[0], channels, 1)
        self.to_maps = nn.Sequential(ConvNorm(channels, channels, 3), nn.Conv2d(channels, maps, 1))
        nn.init.constant_(self.heat.bias, _UNLIKELY)

    def forward(self, levels: list[FeatureMap]) -> DetectorOutput:
        finest, *levels = levels
        x, below = None, None
        for lateral, level in reversed(list(zip(self.laterals, levels))):
            here = lateral(level.features.permute(0, 3, 1, 2))
            x = here if x is None else here + double(x, below)
            below = level.valid
        x = self.smooth(x, below)  # (B, C, h, w) at stride 8
        y = self.tower(x, below)
        heat = self.heat(y)
        if below is not None:
            heat = heat.masked_fill(~below[:, None], _NEVER)
        fine = self.fine(finest.features.permute(0, 3, 1, 2)) + double(x, below)
        fine = self.to_maps[0](fine, finest.valid)
        return DetectorOutput(heat, STRIDE * F.softplus(self.edges(y)), self.filters(y), self.to_maps[1](fine))


def propose(found: DetectorOutput, most: int, least: float) -> Proposals:
    """The `most` highest peaks of the heat map with a probability of at least `least`.

    A peak is the highest of its 3x3 neighbors and of all categories at its cell.
    """
    heat = found.heat
    peak = (heat == F.max_pool2d(heat, 3, stride=1, padding=1)) & (heat == heat.amax(1, keepdim=True))
    score = heat.masked_fill(~peak, _NEVER).flatten(1)  # (B, categories * h * w)
    best, at = score.topk(min(most, score.shape[1]), dim=1)
    h, w = heat.shape[-2:]
    categories, cells = at // (h * w), at % (h * w)
    return Proposals(
        boxes_of(found, cells), categories, masks_of(found, cells), best > torch.logit(torch.tensor(least)).item()
    )


def cell_centers(cells: Tensor, width: int) -> Tensor:
    """Pixels (x, y) of the centers of cells, given by number. (B, K) long -> (B, K, 2)."""
    return STRIDE * (torch.stack([cells % width, cells // width], dim=-1) + 0.5)


def at_cells(x: Tensor, cells: Tensor) -> Tensor:
    """Read (B, C, h, w) at cells (B, K) -> (B, K, C)."""
    return x.flatten(2).transpose(1, 2).gather(1, cells[..., None].expand(-1, -1, x.shape[1]))


def boxes_of(found: DetectorOutput, cells: Tensor) -> Tensor:
    """(B, K, 4) in pixels."""
    center, edges = cell_centers(cells, found.heat.shape[-1]), at_cells(found.edges, cells)
    return torch.cat([center - edges[..., :2], center + edges[..., 2:]], dim=-1)


def masks_of(found: DetectorOutput, cells: Tensor) -> Tensor:
    """Mask logits f . m(x) + (f_x, f_y) . (x - center) / 64 px + f_0 of the objects at cells. -> (B, K, 2 h, 2 w)."""
    filters = at_cells(found.filters, cells)  # (B, K, M + 3)
    H, W = found.maps.shape[-2:]
    logits = (filters[..., :-3] @ found.maps.flatten(2)).unflatten(2, (H, W))
    center = cell_centers(cells, found.heat.shape[-1])  # (B, K, 2)
    reach = 8 * STRIDE  # pixels; offsets are of the order of one
    x = (MASK_STRIDE * (torch.arange(W, device=logits.device) + 0.5) - center[..., :1]) / reach  # (B, K, W)
    y = (MASK_STRIDE * (torch.arange(H, device=logits.device) + 0.5) - center[..., 1:]) / reach
    fx, fy, f0 = filters[..., -3:, None, None].unbind(2)
    return logits + fx * x[:, :, None, :] + fy * y[:, :, :, None] + f0


def read_regions(features: Tensor, boxes: Tensor, stride: int, cells: int) -> Tensor:
    """Features at the centers of cells x cells bins of every box, bilinearly, zeros outside.

    RoIAlign (He et al. 2017) with one sample a bin.

    Shapes: features (B, C, H, W), boxes (B, K, 4) in pixels -> (B, K, cells * cells, C).
    """
    H, W = features.shape[-2:]
    bins = (torch.arange(cells, device=features.device, dtype=features.dtype) + 0.5) / cells
    x = boxes[..., 0, None] + bins * (boxes[..., 2] - boxes[..., 0])[..., None]  # (B, K, cells) in pixels
    y = boxes[..., 1, None] + bins * (boxes[..., 3] - boxes[..., 1])[..., None]
    grid_x, grid_y = 2 * x / (stride * W) - 1, 2 * y / (stride * H) - 1
    B, K = boxes.shape[:2]
    shape = (B, K, cells, cells)
    grid = torch.stack([grid_x[:, :, None].expand(shape), grid_y[..., None].expand(shape)], dim=-1).flatten(2, 3)
    read = F.grid_sample(features, grid, align_corners=False)  # (B, C, K, cells^2)
    return read.permute(0, 2, 3, 1)


def detector_losses(
    found: DetectorOutput, boxes: Tensor, categories: Tensor, masks: Tensor, real: Tensor, valid: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Focal loss of centers (Law and Deng 2018), L1 of edges in units of 32 px, dice of masks; means over the samples.

    Args:
        found: of the detector.
        boxes: (B, K, 4) annotated.
        categories: (B, K) long.
        masks: (B, K, S/4, S/4) bool.
        real: (B, K) bool.
        valid: (B, S, S) bool or None.
    """
    h, w = found.heat.shape[-2:]
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    column = (middle[..., 0] / STRIDE).long().clamp(0, w - 1)
    row = (middle[..., 1] / STRIDE).long().clamp(0, h - 1)
    cells = row * w + column  # (B, K)
    inside = None if valid is None else pool(valid, STRIDE)
    centers = _center_loss(found.heat, cells, boxes, categories, real, inside)
    weight = real.float() / real.sum(1, keepdim=True).clamp(min=1)  # each picture counts the same
    edges = ((boxes_of(found, cells) - boxes).abs().sum(-1) / 32 * weight).sum(1).mean()
    p, m = masks_of(found, cells).sigmoid().flatten(2), masks.flatten(2).float()
    if valid is not None:
        p = p * pool(valid, MASK_STRIDE).flatten(1)[:, None]
    dice = 1 - (2 * (p * m).sum(-1) + 1) / (p.sum(-1) + m.sum(-1) + 1)
    return centers, edges, (dice * weight).sum(1).mean()


def _center_loss(
    heat: Tensor, cells: Tensor, boxes: Tensor, categories: Tensor, real: Tensor, inside: Tensor | None
) -> Tensor:
    """The loss of a heat map that is 1 at centers and falls off as a Gaussian around them, as a mean over samples."""
    wanted = _gaussian_targets(heat, cells, boxes, categories, real)
    log_p, log_q = F.logsigmoid(heat), F.logsigmoid(-heat)
    p = log_p.exp()
    at_center = -((1 - p) ** 2) * log_p
    elsewhere = -((1 - wanted) ** 4) * p**2 * log_q
    each = torch.where(wanted == 1, at_center, elsewhere)
    if inside is not None:
        each = each * inside[:, None]
    return (each.flatten(1).sum(1) / real.sum(1).clamp(min=1)).mean()


def _gaussian_targets(heat: Tensor, cells: Tensor, boxes: Tensor, categories: Tensor, real: Tensor) -> Tensor:
    """(B, categories, h, w): the largest over objects of exp(-d^2 / 2 s^2), s a sixth of the box's shorter side."""
    B, C, h, w = heat.shape
    centers = torch.stack([cells % w, cells // w], dim=-1).float()  # (B, K, 2) in cells
    sides = (boxes[..., 2:] - boxes[..., :2]) / STRIDE
    spread = (sides.amin(-1) / 6).clamp(min=0.3)[..., None, None]
    dx = torch.arange(w, device=heat.device) - centers[..., :1]  # (B, K, w)
    dy = torch.arange(h, device=heat.device) - centers[..., 1:]
    hill = torch.exp(-(dx[:, :, None] ** 2 + dy[..., None] ** 2) / (2 * spread**2)) * real[..., None, None]
    out = heat.new_zeros(B, C, h * w)
    index = categories[..., None].expand(-1, -1, h * w)
    return out.scatter_reduce(1, index, hill.flatten(2), "amax").view(B, C, h, w)
