"""LISA: the published sizes, transformers' own composition as truth, and what reaches what."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import LlavaConfig, LlavaForConditionalGeneration

from grisq.config import override, preset
from grisq.models.layers.llava import LLaVA
from grisq.models.layers.prompted_mask_decoder import dice_loss
from grisq.models.lisa import LISA, NEXT_WORD
from grisq.models.registry import build_on_meta
from grisq.runtime.errors import InputError

LORA = 4_194_304


@pytest.fixture
def lisa(model_config, small_systems):
    return LISA(replace(model_config, system="lisa", **small_systems)).eval()


def words(*lengths):
    tokens = torch.randint(5, 200, (len(lengths), max(lengths)))
    return tokens, torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


@pytest.mark.parametrize(("system", "parameters"), [("lisa", 7_704_739_376), ("gsva", 7_704_747_568)])
def test_published_sizes(system, parameters):
    """CLIP ViT-L/14, Llama-7B with one and two new words, SAM ViT-H, a projector and the prompt's MLP."""
    model = build_on_meta(override(preset("paper"), {"model.system": system, "model.lisa.aligned": "a LLaVA"}).model)
    assert sum(p.numel() for p in model.parameters()) - LORA == parameters
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert 288.0e6 < trainable < 288.3e6  # LoRA, word embeddings and head, the prompt's MLP, SAM's mask decoder
    assert sum(p.numel() for p in model.llava.vision_tower.parameters()) == 303_179_776
    assert sum(p.numel() for p in model.decoder.sam.vision_encoder.parameters()) == 637_026_048


def test_picture_and_words_are_read_as_llava_reads_them(lisa):
    """LLaVA's own class with our weights; its projector is an MLP, so ours takes its place."""
    llava = lisa.llava
    config = LlavaConfig(
        vision_config=llava.vision_tower.config,
        text_config=llava.language_model.config,
        vision_feature_layer=-1,
        image_token_index=1,
    )
    truth = LlavaForConditionalGeneration(config).eval()
    truth.model.vision_tower.load_state_dict(llava.vision_tower.state_dict())
    truth.model.multi_modal_projector = llava.projector
    truth.model.language_model.load_state_dict(llava.language_model.model.state_dict())
    truth.lm_head.load_state_dict(llava.language_model.lm_head.state_dict())
    image, (tokens, mask) = torch.randn(1, 3, 64, 64), words(6)
    with torch.no_grad():
        image_tokens, image_mask = llava.image_tokens(image, None)
        found = llava(image_tokens, image_mask, tokens, mask, torch.tensor([[5]]))[1][0, 0]
        from grisq.models.layers.clip_normalization import normalize_for_clip

        ids = torch.cat([torch.full((1, image_tokens.shape[1]), 1), tokens], dim=1)
        pixels = F.interpolate(normalize_for_clip(image), size=(32, 32), mode="bilinear", antialias=True)
        expected = truth(input_ids=ids, pixel_values=pixels).logits[0, -1]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_one_picture_answers_several_expressions_as_one_by_one(lisa):
    image, (tokens, mask) = torch.randn(1, 3, 64, 64), words(6, 3, 4)
    with torch.no_grad():
        together = lisa(image, None, tokens, mask)
        alone = [lisa(image, None, tokens[i : i + 1], mask[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(
        together.mask_logits, torch.cat([each.mask_logits for each in alone]), atol=1e-4, rtol=1e-3
    )


def test_patches_of_the_padding_are_not_read(lisa):
    """CLIP itself sees them, as mean color; the language model does not."""
    valid = torch.ones(1, 64, 64, dtype=torch.bool)
    valid[:, 40:] = False
    _, seen = lisa.llava.image_tokens(torch.randn(1, 3, 64, 64), valid)
    side = lisa.config.lisa.vision_tower.side // lisa.config.lisa.vision_tower.patch
    rows = 40 * side // 64
    assert seen.view(side, side)[:rows].all()
    assert not seen.view(side, side)[rows:].any()


def test_what_the_padding_tells_the_language_model_changes_nothing(lisa):
    image_tokens, image_mask = lisa.llava.image_tokens(torch.randn(1, 3, 64, 64), None)
    image_mask[:, 40:] = False
    noise = torch.where(image_mask[..., None], image_tokens, torch.randn_like(image_tokens))
    (tokens, mask), last = words(5), torch.tensor([[4]])
    with torch.no_grad():
        clean, dirty = (lisa.llava(each, image_mask, tokens, mask, last)[0] for each in (image_tokens, noise))
        other = lisa.llava(noise, torch.ones_like(image_mask), tokens, mask, last)[0]
    torch.testing.assert_close(clean, dirty)
    assert not torch.allclose(clean, other)


def test_weights_with_a_vocabulary_of_their_own_need_their_tokenizer():
    """Else a tokenizer is trained, and every id means another piece."""
    tiny = override(preset("tiny"), {"model.system": "lisa", "model.text.pretrained": None})
    with pytest.raises(InputError, match=r"model\.lisa\.aligned have a vocabulary of their own: set model\.text"):
        LISA(tiny.model).load_pretrained()


def test_words_reach_the_mask_through_one_state_alone(lisa):
    """Cut that state off, and the mask no longer changes with the words."""
    image, (tokens, mask) = torch.randn(1, 3, 64, 64), words(5)
    embedding = lisa.llava.language_model.get_input_embeddings()
    lisa(image, None, tokens, mask).mask_logits.square().sum().backward()
    assert embedding.weight.grad[tokens[0]].any()
    lisa.zero_grad()
    lisa.llava.register_forward_hook(lambda *args: tuple(each.detach() for each in args[2]))
    lisa(image, None, tokens, mask).mask_logits.square().sum().backward()
    assert embedding.weight.grad is None or not embedding.weight.grad.any()


def test_no_word_changes_what_is_said_about_the_picture(lisa):
    """Causal: states of the picture come before the words."""
    image_tokens, image_mask = lisa.llava.image_tokens(torch.randn(1, 3, 64, 64), None)
    (tokens, mask), (other, _) = words(5), words(5)
    first = torch.tensor([[0]])
    other[0, 0] = tokens[0, 0]
    with torch.no_grad():
        one = lisa.llava(image_tokens, image_mask, tokens, mask, first)[0]
        two = lisa.llava(image_tokens, image_mask, other, mask, first)[0]
    torch.testing.assert_close(one, two)


def test_the_next_word_is_asked_of_the_whole_vocabulary(lisa):
    output = lisa(torch.randn(2, 3, 64, 64), None, *words(4, 4))
    assert output.extras[NEXT_WORD].shape == (2, lisa.config.text.vocabulary + 1)
    assert output.presence_logits is None
    assert lisa.answers(torch.tensor([0, 1])).tolist() == [lisa.seg] * 2


def test_dice_by_hand():
    logits = torch.tensor([[[0.0, 2.0], [-1.0, 3.0]]])
    mask = torch.tensor([[[True, False], [False, True]]])
    p = logits.sigmoid() / 1000
    common, both = p[mask].sum(), p.sum() + 2 / 1000
    torch.testing.assert_close(dice_loss(logits, mask)[0], 1 - (2 * common + 1e-6) / (both + 1e-6))


def test_a_picture_that_is_encoded_once_for_several_expressions_changes_nothing(lisa):
    one, other = torch.randn(2, 1, 3, 64, 64)
    image = torch.cat([one, one, other])
    valid = torch.ones(3, 64, 64, dtype=torch.bool)
    valid[:2, 40:] = False
    tokens, mask = words(6, 4, 5)
    turns = torch.tensor([[0, 1], [2, -1]])
    with torch.no_grad():
        shared, apart = (lisa(image, valid, tokens, mask, each) for each in (turns, None))
    torch.testing.assert_close(shared.mask_logits, apart.mask_logits, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(shared.extras[NEXT_WORD], apart.extras[NEXT_WORD], atol=1e-5, rtol=1e-4)


def test_dice_leaves_out_the_padding():
    logits, mask, valid = torch.randn(1, 4, 4), torch.rand(1, 4, 4) > 0.5, torch.ones(1, 4, 4, dtype=torch.bool)
    valid[:, 2:] = mask[:, 2:] = False
    torch.testing.assert_close(dice_loss(logits, mask, valid), dice_loss(logits[:, :2], mask[:, :2]))


def test_lora_starts_from_weights_that_have_none_of_it(lisa, tmp_path):
    """All that is trained there has one rate, and what is frozen is what was pretrained."""
    tower, words = lisa.config.lisa.vision_tower, lisa.config.text
    weights = {key: value.contiguous() for key, value in LLaVA(tower, words, 0).state_dict().items()}
    save_file(weights, tmp_path / "llava.safetensors")
    sizes = replace(lisa.config.lisa, lora_rank=2, aligned=str(tmp_path / "llava.safetensors"))
    model = LISA(replace(lisa.config, lisa=sizes, text=replace(words, pretrained="a tokenizer")))
    assert len(model.load_pretrained()) == 1
    layer = model.llava.language_model.model.layers[0].self_attn.q_proj
    assert torch.equal(layer.weight, weights["language_model.model.layers.0.self_attn.q_proj.weight"])
    assert not layer.up.any()
    assert model.backbones == {}
    trained = {name for name, each in model.named_parameters() if each.requires_grad}
    assert any(name.endswith("q_proj.down") for name in trained)
    assert not any(name.startswith(("llava.vision_tower", "llava.projector", "decoder.sam.vision")) for name in trained)
    random_projector = LISA(replace(lisa.config, lisa=replace(sizes, aligned=None))).llava.projector
    assert random_projector.weight.requires_grad
