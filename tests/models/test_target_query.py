import math

import pytest
import torch
import torch.nn.functional as F

from grisq.models.target_query import CrossAttentionBlock, TargetQuery


def naive_block(block, query, memory, mask, positions):
    """Multi-head attention with loops over heads and memory entries, then the feed-forward layer."""
    attention, C = block.attention, query.shape[-1]
    heads, d = attention.num_heads, C // attention.num_heads
    if attention.in_proj_weight is None:
        weights = attention.q_proj_weight, attention.k_proj_weight, attention.v_proj_weight
    else:
        weights = attention.in_proj_weight.chunk(3)
    (w_q, w_k, w_v), (b_q, b_k, b_v) = weights, attention.in_proj_bias.chunk(3)
    out = []
    for b in range(len(query)):
        q = w_q @ query[b, 0] + b_q
        kept = [n for n in range(memory.shape[1]) if mask is None or mask[b, n]]
        gathered = []
        for h in range(heads):
            part = slice(h * d, (h + 1) * d)
            keys = [(w_k @ (memory[b, n] + (0 if positions is None else positions[0, n])) + b_k)[part] for n in kept]
            scores = torch.tensor([float(q[part] @ key) / math.sqrt(d) for key in keys]).softmax(0)
            gathered.append(sum(s * (w_v @ memory[b, n] + b_v)[part] for s, n in zip(scores, kept)))
        attended = attention.out_proj(torch.cat(gathered))
        x = block.attention_norm(query[b, 0] + attended)
        out.append(block.feedforward_norm(x + block.contract(F.relu(block.expand(x)))))
    return torch.stack(out)[:, None]


@pytest.mark.parametrize("memory_channels", [8, 5])
@pytest.mark.parametrize("positions", [False, True])
def test_cross_attention_block_equals_the_naive_loop(memory_channels, positions):
    block = CrossAttentionBlock(channels=8, memory_channels=memory_channels, heads=2, feedforward=12).eval()
    torch.nn.init.normal_(block.attention.in_proj_bias)
    query, memory = torch.randn(2, 1, 8), torch.randn(2, 6, memory_channels)
    mask = torch.tensor([[True] * 4 + [False] * 2, [True] * 6])
    place = torch.randn(1, 6, memory_channels) if positions else None
    out, weights = block(query, memory, mask, place, need_weights=True)
    torch.testing.assert_close(out, naive_block(block, query, memory, mask, place), atol=1e-5, rtol=1e-4)
    assert weights.shape == (2, 6)
    assert not weights[0, 4:].any()


def build():
    return TargetQuery(channels=8, text_channels=5, blocks=2, heads=2, feedforward=12).eval()


def arguments():
    return {
        "words": torch.randn(2, 4, 5),
        "word_mask": torch.tensor([[True] * 4, [True] * 3 + [False]]),
        "memories": [torch.randn(2, 6, 8) for _ in range(2)],
        "positions": torch.randn(1, 6, 8),
        "valid": torch.tensor([[True] * 6, [True] * 3 + [False] * 3]),
    }


def test_plurality_state_reads_words_only_and_presence_state_both():
    """Eq. 3 against Eq. 4: e_0 must not move with the picture, e_L must."""
    query, given = build(), arguments()
    e_0, e_L, _ = query(**given)
    other = given | {"memories": [torch.randn(2, 6, 8) for _ in range(2)]}
    again_0, again_L, _ = query(**other)
    assert torch.equal(e_0, again_0)
    assert not torch.allclose(e_L, again_L)
    words = given | {"words": torch.randn(2, 4, 5)}
    assert not torch.allclose(e_0, query(**words)[0])


def test_each_block_reads_its_own_layer_of_the_decoder():
    query, given = build(), arguments()
    _, base, _ = query(**given)
    for layer in range(2):
        memories = list(given["memories"])
        memories[layer] = torch.randn(2, 6, 8)
        assert not torch.allclose(base, query(**given | {"memories": memories})[1])


def test_padding_of_words_and_picture_is_not_read():
    query, given = build(), arguments()
    e_0, e_L, _ = query(**given)
    given["words"][1, 3] = 100.0
    for memory in given["memories"]:
        memory[1, 3:] = 100.0
    again_0, again_L, _ = query(**given)
    torch.testing.assert_close(again_0, e_0)
    torch.testing.assert_close(again_L, e_L)


def test_attention_maps_sum_to_one_and_come_in_order():
    *_, attention = build()(**arguments(), need_weights=True)
    assert [tuple(weights.shape) for weights in attention] == [(2, 4), (2, 6), (2, 6)]
    for weights in attention:
        torch.testing.assert_close(weights.sum(1), torch.ones(2))


def test_a_wrong_number_of_memories_is_refused():
    given = arguments()
    with pytest.raises(ValueError, match="zip"):
        build()(**given | {"memories": given["memories"][:1]})
