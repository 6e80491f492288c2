"""The intermediate results of one forward pass: what flows along the arrows of Fig. 2."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from grisq.models.base import Output
from grisq.models.grisq import GRISQ
from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.padding import mean_over
from grisq.models.pixel_decoder import DecoderFeatures
from grisq.runtime.errors import InputError


@dataclass
class Trace:
    """One forward pass, part by part, in the paper's letters."""

    words: Tensor  # f^T (B, T, D)
    word_attention: list[Tensor]  # of PWAM, every position over the words: four times (B, H_i*W_i, T); see `trace`
    levels: list[FeatureMap]  # F^{M,1..4}
    decoded: DecoderFeatures  # f_0 ... f_L
    sampling: list[
        tuple[Tensor, Tensor]
    ]  # per MSDS block: locations (B, S, heads, 3, points, 2), weights without the 2
    queries: list[Tensor]  # e_0 ... e_L, each (B, C); empty without a target query
    output: Output  # with the query's attention


def trace(
    model: GRISQ,
    image: Tensor,
    valid: Tensor | None,
    tokens: Tensor,
    token_mask: Tensor,
    *,
    with_maps: bool = True,
) -> Trace:
    """Run the model without gradients and keep the output of its parts.

    Args:
        model: in evaluation mode.
        image: (B, 3, H, W), normalized, zeros in the padding.
        valid: (B, H, W) bool, False in the padding, or None.
        tokens: (B, T) long.
        token_mask: (B, T) bool, False in the padding.
        with_maps: whether to keep `word_attention` and `sampling` too, which are computed a second time for it; else
            they are empty, and a pass takes 60 % of the time.
    """
    seen: dict[str, list] = {
        name: [] for name in ("words", "word_attention", "levels", "decoded", "sampling", "queries")
    }
    with ExitStack() as hooks, torch.no_grad():

        def keep(name: str, module: nn.Module, read: Callable) -> None:
            hook = module.register_forward_hook(
                lambda part, given, output: seen[name].append(read(part, given, output))
            )
            hooks.callback(hook.remove)

        keep("words", model.text_encoder, lambda part, given, output: output)
        keep("levels", model.multimodal_encoder, lambda part, given, output: output)
        keep("decoded", model.pixel_decoder, lambda part, given, output: output)
        if with_maps:
            for fusion in model.multimodal_encoder.fusions:
                keep("word_attention", fusion, lambda part, given, output: part.attention(*given))
            for block in model.pixel_decoder.blocks:
                keep("sampling", block.attention, _sampling)
        if model.target_query is not None:
            for block in (model.target_query.read_words, *model.target_query.read_decoder):
                keep("queries", block, lambda part, given, output: output[0][:, 0])
        output = model(image, valid, tokens, token_mask, need_weights=True)
    (words,), (levels,), (decoded,) = seen["words"], seen["levels"], seen["decoded"]
    return Trace(words, seen["word_attention"], levels, decoded, seen["sampling"], seen["queries"], output)


def presence_again(
    model: GRISQ,
    traced: Trace,
    *,
    e_0: Tensor | None = None,
    layers: Sequence[int] | None = None,
    pooled: bool = False,
) -> Tensor:
    """P(present) by Eq. 4, computed again with something changed; with nothing changed it is the model's own.

    Args:
        model: the model that was traced.
        traced: its forward pass.
        e_0: another query to start from, (B, C).
        layers: for each block the l of the f_l that it reads; 0 ... L - 1 in Eq. 4.
        pooled: whether every position shows its layer's mean over the picture, so that no place differs.

    Returns:
        (B,).

    Raises:
        InputError: the model has no target query.
    """
    if model.target_query is None:
        raise InputError("This model has no target query: load one with model.target_query=true.")
    level = model.config.query_level
    memories = traced.decoded.subsequence(level)  # f_0^{M,j} ... f_L^{M,j}, each (B, N, C)
    memories = memories[:-1] if layers is None else [memories[layer] for layer in layers]
    valid = traced.levels[level - 1].flat_valid
    if pooled:
        memories = [mean_over(memory, valid)[:, None].expand_as(memory) for memory in memories]
    start = traced.queries[0] if e_0 is None else e_0
    positions = traced.decoded.positions_of(level)
    with torch.no_grad():
        e_L, _ = model.target_query.attend_decoder(start[:, None], memories, positions, valid)  # (B, 1, C)
        return model.presence_head(e_L[:, 0]).softmax(-1)[:, 1]


def _sampling(attention: nn.Module, given: tuple, output: Tensor) -> tuple[Tensor, Tensor]:
    query, reference, _, sizes = given[:4]
    return attention.locations(query, reference, sizes), attention.weights(query)
