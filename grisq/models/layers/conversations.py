"""Samples that share a picture: it is encoded once, and each of them asks about it."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from grisq.data.sample import Batch


def conversations(batch: "Batch") -> Tensor:
    """Samples of one picture that follow each other belong together. -> (G, K) long, filled up with -1."""
    groups: list[list[int]] = []
    before = None
    for i, sample in enumerate(batch.samples):
        if sample.image_id is not None and sample.image_id == before:
            groups[-1].append(i)
        else:
            groups.append([i])
        before = sample.image_id
    longest = max(map(len, groups))
    return torch.tensor([group + [-1] * (longest - len(group)) for group in groups])


def places_of(turns: Tensor, samples: int) -> Tensor:
    """Where each sample stands among the flattened turns. (G, K) -> (samples,) long."""
    flat = turns.flatten()
    owner = torch.where(flat < 0, samples, flat)  # those of nobody go to one more place, which is dropped
    places = torch.zeros(samples + 1, dtype=torch.long, device=turns.device)
    return places.scatter(0, owner, torch.arange(len(flat), device=turns.device))[:samples]
