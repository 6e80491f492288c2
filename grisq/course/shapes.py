"""The shapes of the tensors that flow through our model, from a forward pass without memory."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import torch

from grisq.analysis.trace import trace
from grisq.config import preset
from grisq.models.registry import build_on_meta

Shape = tuple[int, ...]


@cache
def shapes_of(name: str) -> Mapping[str, Shape]:
    """What flows where, for one picture and one expression of the greatest length, without the batch.

    The weights and the tensors of torch's *meta* device have shapes and no values.

    Args:
        name: of the preset.

    Returns:
        By the name of the tensor in the drawing of the model, such as "F1" for F^{M,1}; see `grisq.course.fig2`.
    """
    config = preset(name).model
    model = build_on_meta(config).eval()
    with torch.device("meta"):
        image = torch.zeros(1, 3, config.image_size, config.image_size)
        tokens = torch.zeros(1, config.text.max_tokens, dtype=torch.long)
        traced = trace(model, image, None, tokens, torch.ones_like(tokens, dtype=torch.bool))
    decoded, output, L = traced.decoded, traced.output, config.blocks
    found = {"picture": image, "tokens": tokens, "words": traced.words}
    found |= {f"F{i}": level.features for i, level in enumerate(traced.levels, start=1)}
    found |= {f"f0_{j}": decoded.subsequence(j)[0] for j in (2, 3, 4)}
    found |= {f"fl_{j}": decoded.subsequence(j)[L - 1] for j in (2, 3, 4)}
    found |= {"f": decoded.layers[0], "initial": model.target_query.initial[0]}
    found |= {"e_0": traced.queries[0], "e_1": traced.queries[1], "e_L": traced.queries[L]}
    found |= {"mask": output.mask_logits, "presence": output.presence_logits, "plurality": output.plurality_logits}
    return MappingProxyType({name: tuple(tensor.shape[1:]) for name, tensor in found.items()})
