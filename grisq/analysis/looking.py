"""Where the target query looks: how much of its attention lies on the target (Eq. 4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from grisq.data.loader import batches
from grisq.data.sample import Batch, SampleReader
from grisq.models.grisq import GRISQ
from grisq.models.layers.padding import pool
from grisq.runtime.errors import InputError

_BATCH = 32


@dataclass
class Looks:
    """The attention of each cross-attention block on expressions that have a target; N expressions, L blocks."""

    on_target: np.ndarray  # (N, L), share of the attention on positions that the target touches
    even: np.ndarray  # (N,), share of the picture's positions that it touches: what an even look would give
    brightest: np.ndarray  # (N, L) bool, whether the position with most attention is one of them


def look(model: GRISQ, reader: SampleReader, rows: Sequence[int]) -> Looks:
    """Compare the query's attention over the picture with the annotated target.

    Args:
        model: in evaluation mode.
        reader: of the data set.
        rows: expressions with a target.

    Raises:
        InputError: the model has no target query, there are no rows, or one of them has no target.
    """
    if model.target_query is None:
        raise InputError("This model has no target query: load one with model.target_query=true.")
    if not len(rows) or not (reader.data.target_counts[np.asarray(rows)] > 0).all():
        raise InputError("Only expressions with a target can be looked at: choose other rows.")
    device, found = next(model.parameters()).device, []
    for batch in batches(reader, rows, batch=_BATCH):
        batch = batch.to(device)
        with torch.inference_mode():
            output = model(*model.inputs(batch), need_weights=True)
        found.append(_of_batch(torch.stack(output.attention[1:], dim=1).float(), batch, model.config.query_level))
    on_target, even, brightest = (np.concatenate(parts) for parts in zip(*found))
    return Looks(on_target, even, brightest)


def _of_batch(attention: Tensor, batch: Batch, level: int) -> tuple[np.ndarray, ...]:
    """The fields of `Looks` for one batch; attention (B, L, N)."""
    stride = 2 ** (level + 1)
    target, inside = (pool(each, stride).flatten(1) for each in (batch.masks, batch.valid))  # (B, N) bool
    on_target = (attention * target[:, None]).sum(-1)
    even = target.sum(1) / inside.sum(1)
    brightest = target[:, None].expand_as(attention).gather(-1, attention.argmax(-1, keepdim=True))[..., 0]
    return on_target.cpu().numpy(), even.cpu().numpy(), brightest.cpu().numpy()
