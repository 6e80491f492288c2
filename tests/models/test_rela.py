import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from grisq.config import ReLAConfig, preset
from grisq.models.base import count_parameters
from grisq.models.registry import build_on_meta
from grisq.models.rela import RegionLayer, ReLA, covered_regions

P = 3


@pytest.fixture
def rela(model_config):
    return ReLA(replace(model_config, system="rela", rela=ReLAConfig(regions=P, layers=3, feedforward=24))).eval()


@pytest.fixture
def inputs():
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    return torch.randn(2, 3, 64, 64), None, torch.randint(5, 200, (2, 5)), mask


def naive_attention(module, query, key, value, hidden):
    """Multi-head attention of one sample, head by head and query by query; hidden (Q, N): not to be read."""
    C, heads = module.embed_dim, module.num_heads
    if module.in_proj_weight is not None:
        weights = module.in_proj_weight.split(C)
    else:
        weights = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
    q, k, v = (x @ w.T + b for x, w, b in zip((query, key, value), weights, module.in_proj_bias.split(C)))
    out, size = torch.zeros(len(query), C), C // heads
    for h in range(heads):
        part = slice(h * size, (h + 1) * size)
        for i in range(len(query)):
            scores = [float(q[i, part] @ k[j, part]) / math.sqrt(size) for j in range(len(key))]
            shares = [0.0 if hidden[i, j] else math.exp(score) for j, score in enumerate(scores)]
            for j, share in enumerate(shares):
                out[i, part] += share / sum(shares) * v[j, part]
    return module.out_proj(out)


def test_layer_equals_naive_attention_to_pixels_to_words_and_among_regions():
    layer = RegionLayer(channels=8, heads=2, feedforward=12, text_channels=6)
    torch.nn.init.normal_(layer.listen_gate)
    Q, N, T = 4, 7, 3
    regions, places = torch.randn(1, Q, 8), torch.randn(1, Q, 8)
    pixels, positions, words = torch.randn(1, N, 8), torch.randn(1, N, 8), torch.randn(1, T, 6)
    hidden, word_mask = torch.rand(1, Q, N) < 0.4, torch.tensor([[True, True, False]])
    hidden[..., 0] = False
    with torch.no_grad():
        found = layer(regions, places, pixels, positions, hidden, words, word_mask)[0]
        r, p, x = regions[0], places[0], pixels[0]
        r = layer.look_norm(r + naive_attention(layer.look, r + p, x + positions[0], x, hidden[0]))
        to_words = naive_attention(layer.listen, r, words[0], words[0], ~word_mask.expand(Q, T))
        r = r + 0.1 / (1 + torch.exp(-layer.listen_gate)) * to_words
        nothing = torch.zeros(Q, Q, dtype=torch.bool)
        r = layer.relate_norm(r + naive_attention(layer.relate, r + p, r + p, r, nothing))
        r = layer.feedforward_norm(r + layer.contract(layer.expand(r).clamp(min=0)))
    torch.testing.assert_close(found, r, atol=1e-5, rtol=1e-4)


def test_answer_is_the_sum_over_regions_of_minimap_times_mask(rela):
    regions, f = torch.randn(1, P * P, 16), torch.randn(1, 16, 4, 4)
    with torch.no_grad():
        output = rela.answer(regions, f, (16, 16))
        minimap, filters = rela.minimap(regions)[0], rela.region_mask(regions)[0]
        expected = torch.zeros(2, 4, 4)
        for r in range(P * P):
            mask = sum(filters[r, c] * f[0, c] for c in range(16))
            expected += minimap[r][:, None, None] * mask
        presence = sum(rela.presence_head(regions[0, r]) for r in range(P * P)) / (P * P)
    torch.testing.assert_close(output.mask_logits[0], F.interpolate(expected[None], size=16, mode="bilinear")[0])
    torch.testing.assert_close(output.presence_logits[0], presence)
    for r in range(P * P):  # region r is the cell (r // P, r % P) of the minimap
        torch.testing.assert_close(output.extras["minimap"][0, :, r // P, r % P], minimap[r])


def test_a_region_attends_to_where_its_resized_mask_is_target(rela):
    regions, f = torch.randn(2, P * P, 16), torch.randn(2, 16, 16, 16)
    hidden = rela._hidden(regions, f, (8, 8), None)
    with torch.no_grad():
        filters = rela.region_mask(rela.region_norm(regions))
        masks = torch.einsum("bqc,bchw->bqhw", filters, f)
        small = F.interpolate(masks, size=(8, 8), mode="bilinear").sigmoid().flatten(2)
    for expected, found in zip((small < 0.5).flatten(0, 1), hidden.flatten(0, 1)):
        assert torch.equal(found, torch.zeros_like(expected) if expected.all() else expected)


def test_a_region_with_an_empty_mask_attends_to_the_whole_picture_and_not_to_padding(rela):
    valid = torch.ones(1, 16, dtype=torch.bool)
    valid[0, 12:] = False
    for layer in rela.region_mask:
        if hasattr(layer, "weight"):
            torch.nn.init.zeros_(layer.weight)
    torch.nn.init.constant_(rela.region_mask[-1].bias, -1.0)  # with positive features every mask is negative
    hidden = rela._hidden(torch.randn(1, P * P, 16), torch.ones(1, 16, 4, 4), (4, 4), valid)
    assert torch.equal(hidden, ~valid[:, None].expand(1, P * P, 16))


def test_only_regions_that_are_covered_around_their_center_are_positive():
    masks = torch.zeros(1, 8, 8, dtype=torch.bool)
    masks[0, 1:3, 1:3] = True  # the four pixels around the first region's center
    masks[0, 5:7, 5] = True  # half of those of the last one
    assert covered_regions(masks, 2)[0].tolist() == [[1, 0], [0, 0]]


def test_regions_attend_to_words_in_the_first_layer_alone(rela):
    assert [layer.listen is not None for layer in rela.layers] == [True, False, False]


def test_its_released_gate_is_a_switch(rela, model_config, inputs):
    """With both layers zero text never comes back into the trunk: the same answer as without a gate."""
    dead = ReLA(replace(rela.config, gate="dead")).eval()
    none = ReLA(replace(rela.config, gate="none")).eval()
    none.load_state_dict({name: tensor for name, tensor in dead.state_dict().items() if ".gates." not in name})
    with torch.no_grad():
        torch.testing.assert_close(dead(*inputs).mask_logits, none(*inputs).mask_logits)


def test_paper_size_shares_the_encoders_and_the_decoder_with_ours():
    ours, rela = (build_on_meta(replace(preset("paper").model, system=name)) for name in ("grisq", "rela"))
    for part in ("text_encoder", "multimodal_encoder", "pixel_decoder"):
        assert count_parameters(getattr(ours, part)) == count_parameters(getattr(rela, part))
    C, D, hidden = 256, 768, 2048
    attention, words = 4 * C * C + 4 * C, 2 * C * C + 2 * C * D + 4 * C
    layer = 2 * attention + 2 * C * hidden + C + hidden + 6 * C
    assert count_parameters(rela.layers) == 9 * layer + words + C
    assert rela.initial.shape == (1, 100, C)
