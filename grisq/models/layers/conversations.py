"""Samples that share a picture: it is encoded once, and each of them asks about it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from grisq.data.sample import Batch, Sample


def group_by_picture(samples: Sequence["Sample"]) -> list[list[int]]:
    """Samples of one picture that follow each other belong together. -> the numbers of each group's samples.

    An expression that comes a second time begins a new group: in a conversation its answer would already be in view.
    """
    groups: list[list[int]] = []
    before, asked = None, set()
    for i, sample in enumerate(samples):
        if sample.image_id is not None and sample.image_id == before and sample.text not in asked:
            groups[-1].append(i)
        else:
            groups.append([i])
            asked = set()
        before = sample.image_id
        asked.add(sample.text)
    return groups


def conversations(batch: "Batch") -> Tensor:
    """The groups of `group_by_picture` as a tensor. -> (G, K) long, filled up with -1."""
    groups = group_by_picture(batch.samples)
    longest = max(map(len, groups))
    return torch.tensor([group + [-1] * (longest - len(group)) for group in groups])


def slot_of_sample(turns: Tensor, samples: int) -> Tensor:
    """Where each sample stands among the flattened turns. (G, K) -> (samples,) long."""
    flat = turns.flatten()
    owner = torch.where(flat < 0, samples, flat)  # empty slots belong to one more sample, which is dropped
    slots = torch.zeros(samples + 1, dtype=torch.long, device=turns.device)
    return slots.scatter(0, owner, torch.arange(flat.shape[0], device=turns.device))[:samples]


def next_of_picture(batch: "Batch") -> Tensor:
    """For every sample the next one about the same picture, after the last the first; itself if there is no other.

    Samples of one picture are those that stand together. -> (B,) long.
    """
    turns = conversations(batch)
    after = (torch.arange(turns.shape[1]) + 1) % (turns >= 0).sum(1, keepdim=True)  # (G, K)
    return turns.gather(1, after).flatten()[slot_of_sample(turns, len(batch.samples))]
