"""What flows along the arrows of Fig. 2, kept for looking at."""

from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from grisq.model.multimodal_encoder import FeatureMap
from grisq.model.network import GRISQ, Output
from grisq.model.pixel_decoder import DecoderFeatures


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


def _spots(attention: nn.Module, given: tuple, made: Tensor) -> tuple[Tensor, Tensor]:
    query, reference, _, sizes = given[:4]
    return attention.locations(query, reference, sizes), attention.weights(query)
