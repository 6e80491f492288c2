"""Where objects lie to each other: distances, the nearest ones, and offsets in units of one's own size."""

import torch
import torch.nn.functional as F
from torch import Tensor

NEIGHBORS = 5
FAR = 1e6  # pixels, for a neighbor that does not exist


def clip(boxes: Tensor, height_width: Tensor) -> Tensor:
    """Cut boxes at the border of their picture and leave them at least one pixel wide and high.

    Shapes: boxes (B, K, 4), height_width (B, 2) in pixels -> (B, K, 4).
    """
    width_height = height_width.flip(-1)[:, None]  # (B, 1, 2)
    first = torch.minimum(boxes[..., :2].clamp(min=0), width_height - 1)
    last = torch.maximum(torch.minimum(boxes[..., 2:], width_height), first + 1)
    return torch.cat([first, last], dim=-1)


def distances(boxes: Tensor, real: Tensor) -> Tensor:
    """Between the centers of K boxes, `FAR` from a box to itself and to what is no object. -> (B, K, K)."""
    centers = (boxes[..., :2] + boxes[..., 2:]) / 2
    apart = (centers[:, :, None] - centers[:, None]).norm(dim=-1)  # cdist cannot be exported
    oneself = torch.eye(boxes.shape[1], dtype=torch.bool, device=boxes.device)
    return apart.masked_fill(oneself | ~real[:, None], FAR)


def nearest(apart: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest five of each: which (B, K, 5) long, and whether they exist (B, K, 5) bool."""
    missing = max(0, NEIGHBORS - apart.shape[2])
    distance, which = F.pad(apart, (0, missing), value=FAR).topk(NEIGHBORS, dim=2, largest=False)
    known = distance < FAR
    return torch.where(known, which, 0), known


def offsets_to(boxes: Tensor, which: Tensor) -> Tensor:
    """delta: corners of each neighbor from one's own center in units of one's own sides, and the ratio of areas.

    Shapes: boxes (B, K, 4), which (B, K, N) long -> (B, K, N, 5).
    """
    B, K, N = which.shape
    theirs = boxes.gather(1, which.flatten(1)[..., None].expand(-1, -1, 4)).view(B, K, N, 4)
    sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=1)[:, :, None]  # (B, K, 1, 2)
    center = ((boxes[..., :2] + boxes[..., 2:]) / 2)[:, :, None]
    corners = (theirs - torch.cat([center, center], dim=-1)) / torch.cat([sides, sides], dim=-1)
    area = (theirs[..., 2:] - theirs[..., :2]).prod(-1, keepdim=True) / sides.prod(-1, keepdim=True)
    return torch.cat([corners, area], dim=-1)
