"""What flows along the arrows of Fig. 2, kept for looking at."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from grisq.models.base import Output
from grisq.models.grisq import GRISQ
from grisq.models.layers.padding import mean_over
from grisq.models.multimodal_encoder import FeatureMap
from grisq.models.pixel_decoder import DecoderFeatures
from grisq.runtime.errors import InputError


@dataclass
class Trace:
    """One forward pass, part by part, in the paper's letters.

    words: f^T (B, T, D); listening: PWAM's attention of every position over the words, four times (B, N_i, T);
    levels: F^{M,1..4}; decoded: f_0 ... f_L; looking: for each MSDS block where its positions look and with what
    weight, (B, S, heads, 3, points, 2) and (B, S, heads, 3, points); queries: e_0 ... e_L, each (B, C), empty
    without a target query; output: what the model says, with the query's attention.
    """

    words: Tensor
    listening: list[Tensor]
    levels: list[FeatureMap]
    decoded: DecoderFeatures
    looking: list[tuple[Tensor, Tensor]]
    queries: list[Tensor]
    output: Output


def trace(model: GRISQ, image: Tensor, valid: Tensor | None, tokens: Tensor, token_mask: Tensor) -> Trace:
    """Run the model without gradients and keep what its parts hand on. Arguments as GRISQ.forward."""
    seen: dict[str, list] = {"words": [], "listening": [], "levels": [], "decoded": [], "looking": [], "queries": []}
    with ExitStack() as hooks, torch.no_grad():

        def keep(name: str, module: nn.Module, what) -> None:
            handle = module.register_forward_hook(lambda m, given, made: seen[name].append(what(m, given, made)))
            hooks.callback(handle.remove)

        keep("words", model.text_encoder, lambda m, given, made: made)
        keep("levels", model.multimodal_encoder, lambda m, given, made: made)
        keep("decoded", model.pixel_decoder, lambda m, given, made: made)
        for fusion in model.multimodal_encoder.fusions:
            keep("listening", fusion, lambda m, given, made: m.attention(*given))
        for block in model.pixel_decoder.blocks:
            keep("looking", block.attention, _spots)
        if model.target_query is not None:
            for block in (model.target_query.read_words, *model.target_query.read_decoder):
                keep("queries", block, lambda m, given, made: made[0][:, 0])
        output = model(image, valid, tokens, token_mask, need_weights=True)
    (words,), (levels,), (decoded,) = seen["words"], seen["levels"], seen["decoded"]
    return Trace(words, seen["listening"], levels, decoded, seen["looking"], seen["queries"], output)


def presence_again(
    model: GRISQ,
    traced: Trace,
    *,
    e_0: Tensor | None = None,
    layers: Sequence[int] | None = None,
    pooled: bool = False,
) -> Tensor:
    """P(present) (B,) by Eq. 4 with something changed; with nothing changed, what the model said.

    e_0 (B, C): another start; layers: for each block the l of the f_l that it reads, 0 ... L - 1 in Eq. 4; pooled:
    every position shows its layer's mean over the picture, so there is no place to look at.
    Errors: InputError for a model without target query.
    """
    if model.target_query is None:
        raise InputError("This model has no target query: load one with model.target_query=true.")
    level = model.config.query_level
    memories = traced.decoded.subsequence(level)
    memories = memories[:-1] if layers is None else [memories[layer] for layer in layers]
    valid = traced.levels[level - 1].flat_valid
    if pooled:
        memories = [mean_over(memory, valid)[:, None].expand_as(memory) for memory in memories]
    start = traced.queries[0] if e_0 is None else e_0
    with torch.no_grad():
        e_L, _ = model.target_query.look(start[:, None], memories, traced.decoded.positions_of(level), valid)
        return model.presence_head(e_L[:, 0]).softmax(-1)[:, 1]


def _spots(attention: nn.Module, given: tuple, made: Tensor) -> tuple[Tensor, Tensor]:
    query, reference, _, sizes = given[:4]
    return attention.locations(query, reference, sizes), attention.weights(query)
