"""CRIS against its formulae, torch's own attention, timm's model of CLIP and the counts of the released code."""

from dataclasses import replace

import pytest
import timm
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from timm.layers import AttentionPool2d

from grisq.config import TextConfig, override, preset
from grisq.models.causal_text_encoder import CausalTextEncoder
from grisq.models.cris import CRIS, DecoderLayer, DenseAttentionPool, Projector, filtered
from grisq.models.layers.feature_map import FeatureMap
from grisq.models.registry import build_on_meta
from grisq.runtime.errors import InputError

TEXT = TextConfig(hidden=16, layers=2, heads=2, intermediate=32, vocabulary=50, dropout=0.0)


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_its_parts_have_the_published_sizes():
    """The released classes have a row of 2,048 positions for the picture as a whole, and CLIP's unused logit_scale."""
    model = build_on_meta(override(preset("paper"), {"model.system": "cris"}).model)
    assert count(model) == 161_249_633
    assert count(model) + 2_048 + 1 == 161_251_682  # that of the released classes
    assert count(model.trunk) == 42_519_392
    assert count(model.text_encoder) == 63_428_096
    assert count(model.neck) == 23_093_760
    assert count(model.layers) + count(model.norm) == 12_631_552
    assert count(model.projector) == 4_788_737


def test_the_attention_pool_is_torchs_attention_over_all_positions():
    pool = DenseAttentionPool(8, 6, heads=2, side=3).eval()
    features = torch.randn(1, 3, 3, 8)
    x = features.flatten(1, 2) + pool.positions  # on its own grid the positions are read as they are
    attended, _ = F.multi_head_attention_forward(
        *(x.transpose(0, 1),) * 3,
        embed_dim_to_check=8,
        num_heads=2,
        in_proj_weight=None,
        in_proj_bias=torch.cat([pool.query.bias, pool.key.bias, pool.value.bias]),
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=pool.project.weight,
        out_proj_bias=pool.project.bias,
        use_separate_proj_weight=True,
        q_proj_weight=pool.query.weight,
        k_proj_weight=pool.key.weight,
        v_proj_weight=pool.value.weight,
        need_weights=False,
    )
    shortcut = pool.shortcut_norm(pool.shortcut(features).permute(0, 3, 1, 2)).flatten(2).permute(2, 0, 1)
    expected = F.relu(attended + shortcut).transpose(0, 1).unflatten(1, (3, 3))
    torch.testing.assert_close(pool(FeatureMap(features, None)).features, expected, atol=1e-5, rtol=1e-4)


def test_positions_are_resized_bicubically():
    pool = DenseAttentionPool(8, 6, heads=2, side=3)
    grid = pool.positions.T.view(1, 8, 3, 3)
    expected = F.interpolate(grid, size=(5, 4), mode="bicubic", align_corners=False)
    found = pool._positions(FeatureMap(torch.zeros(1, 5, 4, 8), None))
    torch.testing.assert_close(found, expected.flatten(2).transpose(1, 2), atol=1e-5, rtol=1e-4)


def test_every_sentence_filters_its_own_map():
    x, filters = torch.randn(3, 4, 5, 6), torch.randn(3, 4, 3, 3)
    expected = torch.cat([F.conv2d(x[i : i + 1], filters[i : i + 1], padding=1) for i in range(3)])
    torch.testing.assert_close(filtered(x, filters), expected[:, 0], atol=1e-5, rtol=1e-4)
    grouped = F.conv2d(x.flatten(0, 1)[None], filters, padding=1, groups=3)[0]
    torch.testing.assert_close(filtered(x, filters), grouped, atol=1e-5, rtol=1e-4)


def test_a_filter_with_nothing_but_a_center_is_the_inner_product_of_the_paper():
    x, sentence = torch.randn(2, 4, 5, 6), torch.randn(2, 4)
    filters = torch.zeros(2, 4, 3, 3)
    filters[:, :, 1, 1] = sentence
    torch.testing.assert_close(filtered(x, filters), torch.einsum("bchw,bc->bhw", x, sentence), atol=1e-5, rtol=1e-4)


def test_the_projector_quadruples_the_map():
    logits = Projector(8, 6)(torch.randn(2, 8, 3, 4), torch.randn(2, 6), [None] * 3)
    assert logits.shape == (2, 12, 16)


def test_a_decoder_layer_is_its_formula():
    layer = DecoderLayer(channels=8, text_channels=6, heads=2, feedforward=16, dropout=0.0).eval()
    x, p, words, places = torch.randn(2, 5, 8), torch.randn(1, 5, 8), torch.randn(2, 4, 6), torch.randn(1, 4, 6)
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    found = layer(x, p, None, words, places, mask)

    def attend(module, q, k, v, hidden=None):
        return module(q, k, v, key_padding_mask=hidden)[0]

    y = layer.before[0](x)
    x = x + layer.after[0](attend(layer.self_attention, y + p, y + p, y))
    y = layer.before[1](x)
    x = x + layer.after[1](attend(layer.word_attention, y + p, words + places, words, ~mask))
    first, _, _, norm, second = layer.feed_forward
    x = x + second(norm(F.relu(first(layer.before[2](x)))))
    torch.testing.assert_close(found, x)


def test_the_sentence_is_what_transformers_reads_at_the_last_token():
    encoder = CausalTextEncoder(TEXT, 6).eval()
    end = 49
    tokens = torch.randint(5, 40, (2, 7))
    tokens[0, 6], tokens[1, 3] = end, end
    mask = torch.arange(7) <= torch.tensor([[6], [3]])
    encoder.clip.text_model.eos_token_id = end
    with torch.no_grad():
        expected = encoder.clip(input_ids=tokens)
        found = encoder(tokens, mask)
    torch.testing.assert_close(found.whole, expected.text_embeds, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.words[0], expected.last_hidden_state[0], atol=1e-5, rtol=1e-4)


def test_no_word_sees_those_after_it():
    encoder = CausalTextEncoder(TEXT, 6).eval()
    tokens, mask = torch.randint(5, 40, (1, 6)), torch.ones(1, 6, dtype=torch.bool)
    other = tokens.clone()
    other[0, 4] = 45
    with torch.no_grad():
        one, changed = encoder(tokens, mask).words, encoder(other, mask).words
    assert torch.equal(one[:, :4], changed[:, :4])
    assert not torch.allclose(one[:, 4:], changed[:, 4:])


def test_the_attention_pool_ignores_the_padding():
    pool = DenseAttentionPool(8, 6, heads=2, side=3).eval()
    valid = torch.zeros(1, 4, 4, dtype=torch.bool)
    valid[:, :3, :2] = True
    features = torch.randn(1, 4, 4, 8)
    dirty = torch.where(valid[..., None], features, 7.0)
    with torch.no_grad():
        clean, other = (pool(FeatureMap(each, valid)).features[:, :3, :2] for each in (features, dirty))
    torch.testing.assert_close(clean, other)


def clip_weights(model):
    """What timm's model of CLIP holds: the trunk, and the pool with one more position, for the picture as a whole."""
    pool = model.pool
    width, out = pool.project.in_features, pool.project.out_features
    head = AttentionPool2d(width, pool.side, out, num_heads=pool.heads, qkv_separate=True)
    trunk = {key: value.contiguous() for key, value in model.trunk.net.state_dict().items()}
    return trunk | {f"head.{key}": torch.randn_like(value) for key, value in head.state_dict().items()}


def shapes(weights):
    return {key: value.shape for key, value in weights.items()}


def test_trunk_and_attention_pool_take_all_of_timms_clip(monkeypatch):
    """Names and shapes at the published size; the meta device has no values."""
    changes = {"model.system": "cris", "model.cris.trunk.pretrained": "resnet101_clip"}
    model = build_on_meta(override(preset("paper"), changes).model)
    with torch.device("meta"):
        clip, ours = timm.create_model("resnet101_clip", pretrained=False), clip_weights(model)
    assert shapes(ours) == shapes(clip.state_dict())
    assert (model.pool.heads, (model.pool.side,) * 2) == (clip.head.num_heads, clip.head.feat_size)
    monkeypatch.setattr(timm, "create_model", lambda name, pretrained: {"resnet101_clip": clip}[name])
    assert len(model.load_pretrained()) == 1


def test_the_attention_pool_starts_from_clips(model_config, small_systems, tmp_path):
    settings = replace(model_config, system="cris", **small_systems)
    weights = clip_weights(CRIS(settings))
    path = tmp_path / "clip.safetensors"
    save_file(weights, path)
    sizes = replace(settings.cris, trunk=replace(settings.cris.trunk, pretrained=str(path)), pool_pretrained=True)
    model = CRIS(replace(settings, cris=sizes))
    shortcut = model.pool.shortcut.weight.clone()
    assert len(model.load_pretrained()) == 1
    for ours, clips in {"query": "q", "key": "k", "value": "v", "project": "proj"}.items():
        for kind in ("weight", "bias"):
            assert torch.equal(getattr(getattr(model.pool, ours), kind), weights[f"head.{clips}.{kind}"])
    assert torch.equal(model.pool.positions, weights["head.pos_embed"][1:])
    assert torch.equal(model.pool.shortcut.weight, shortcut)
    pretrained = [name for name, weights in model.backbones.items() if weights]
    learned = [name for name, _ in model.pool.named_parameters() if not f"pool.{name}".startswith(tuple(pretrained))]
    assert learned == ["shortcut.weight", "shortcut_norm.weight", "shortcut_norm.bias"]


def test_weights_without_an_attention_pool_are_refused_where_it_is_asked_for(model_config, small_systems, tmp_path):
    settings = replace(model_config, system="cris", **small_systems)
    path = tmp_path / "trunk.safetensors"
    save_file({key: value.contiguous() for key, value in CRIS(settings).trunk.net.state_dict().items()}, path)
    sizes = replace(settings.cris, trunk=replace(settings.cris.trunk, pretrained=str(path)), pool_pretrained=True)
    with pytest.raises(InputError, match=r"The CLIP attention pool weights .*trunk\.safetensors' lack"):
        CRIS(replace(settings, cris=sizes)).load_pretrained()
