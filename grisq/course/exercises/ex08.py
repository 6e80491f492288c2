"""Exercise 08: the cross-attention block, from its weights."""

import torch
import torch.nn.functional as F
from torch import Tensor

from grisq.course.exercises.registry import exercise
from grisq.models.target_query import CrossAttentionBlock

Weights = dict[str, tuple[Tensor, Tensor]]  # by the name of a layer: its weight and its bias


def weights_of(block: CrossAttentionBlock) -> Weights:
    """The weights of a block as the exercise names them.

    They are "q", "k", "v" and "out" of the attention, "expand" and "contract" of the feed-forward part, and "norm_1"
    and "norm_2" after the two.
    """
    attention = block.attention
    packed = attention.in_proj_weight  # None where memory and query differ in width
    separate = (attention.q_proj_weight, attention.k_proj_weight, attention.v_proj_weight)
    projections = zip("qkv", separate if packed is None else packed.chunk(3), attention.in_proj_bias.chunk(3))
    layers = {
        "out": attention.out_proj,
        "norm_1": block.attention_norm,
        "expand": block.expand,
        "contract": block.contract,
        "norm_2": block.feedforward_norm,
    }
    found = {name: (weight, bias) for name, weight, bias in projections}
    found |= {name: (layer.weight, layer.bias) for name, layer in layers.items()}
    return {name: (weight.detach(), bias.detach()) for name, (weight, bias) in found.items()}


def _inputs() -> list[tuple]:
    """Several sizes; memories as wide as the query and not; with and without padding; large values in the padding."""
    random = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random)

    given = []
    for B, N, C, D, heads, known in ((1, 3, 4, 4, 1, [3]), (2, 5, 6, 4, 2, [5, 2]), (3, 4, 8, 8, 4, [1, 4, 3])):
        shapes = {"q": (C, C), "k": (C, D), "v": (C, D), "out": (C, C), "expand": (2 * C, C), "contract": (C, 2 * C)}
        w = {name: (drawn(*shape), drawn(shape[0])) for name, shape in shapes.items()}
        w |= {name: (drawn(C), drawn(C)) for name in ("norm_1", "norm_2")}
        mask = torch.arange(N) < torch.tensor(known)[:, None]
        memory = torch.where(mask[..., None], drawn(B, N, D), 100.0)
        given.append((drawn(B, 1, C), memory, mask, w, heads))
    return given


@exercise("08", inputs=_inputs)
def cross_attention(
    e: Tensor, memory: Tensor, known: Tensor, w: dict[str, tuple[Tensor, Tensor]], heads: int
) -> Tensor:
    B, _, C = e.shape
    q = F.linear(e, *w["q"]).view(B, 1, heads, -1).transpose(1, 2)  # (B, heads, 1, C / heads)
    k, v = (F.linear(memory, *w[name]).view(B, -1, heads, C // heads).transpose(1, 2) for name in "kv")
    scores = q @ k.mT / (C // heads) ** 0.5  # (B, heads, 1, N)
    weights = scores.masked_fill(~known[:, None, None], -torch.inf).softmax(-1)
    attended = (weights @ v).transpose(1, 2).reshape(B, 1, C)
    e = F.layer_norm(e + F.linear(attended, *w["out"]), (C,), *w["norm_1"])
    hidden = F.relu(F.linear(e, *w["expand"]))
    return F.layer_norm(e + F.linear(hidden, *w["contract"]), (C,), *w["norm_2"])
