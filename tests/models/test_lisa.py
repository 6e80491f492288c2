"""LISA: the published sizes, transformers' own composition as truth, and what reaches what."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import LlavaConfig, LlavaForConditionalGeneration

from grisq.config import TrainConfig, override, preset
from grisq.data.sample import Collate
from grisq.experiments.registry import find_experiment
from grisq.models.base import Output
from grisq.models.layers.clip_normalization import normalize_for_clip
from grisq.models.layers.llava import LLaVA
from grisq.models.layers.prompted_mask_decoder import dice_loss
from grisq.models.lisa import DICE, LISA, NEXT_WORD, TOKEN
from grisq.models.registry import build_model, build_on_meta
from grisq.runtime.errors import InputError
from grisq.training.losses import total_loss

LORA = 4_194_304


@pytest.fixture
def lisa(model_config, small_systems, with_large_weights):
    return with_large_weights(LISA(replace(model_config, system="lisa", **small_systems))).eval()


@pytest.fixture
def batch(reader, mini):
    """Four expressions about each of two pictures with padding; one of each four means nothing."""
    rows = mini.rows("train")
    batch = Collate(reader.tokenizer.pad_id)([reader.read(int(row)) for row in (*rows[12:16], *rows[24:28])])
    assert batch.presence.tolist() == [1, 1, 0, 1, 0, 1, 1, 1]
    assert not batch.valid.flatten(1).all(1).any()
    return batch


def words(*lengths):
    tokens = torch.randint(5, 200, (len(lengths), max(lengths)))
    return tokens, torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


@pytest.mark.parametrize(("system", "parameters"), [("lisa", 7_704_739_376), ("gsva", 7_704_747_568)])
def test_published_sizes(system, parameters):
    """CLIP ViT-L/14, Llama-7B with one and two new words, SAM ViT-H, a projector and the prompt's MLP."""
    pretrained = {"model.lisa.aligned": "a LLaVA", "model.lisa.sam.pretrained": "a SAM"}
    model = build_on_meta(override(preset("paper"), {"model.system": system} | pretrained).model)
    assert sum(p.numel() for p in model.parameters()) - LORA == parameters
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert 288.0e6 < trainable < 288.3e6  # LoRA, word embeddings and head, the prompt's MLP, SAM's mask decoder
    assert sum(p.numel() for p in model.llava.vision_tower.parameters()) == 303_179_776
    assert sum(p.numel() for p in model.decoder.sam.vision_encoder.parameters()) == 637_026_048


@pytest.mark.parametrize("layer", [-1, -2])
def test_picture_and_words_are_read_as_llava_reads_them(model_config, small_systems, with_large_weights, layer):
    """LLaVA's own class with our weights; its projector is an MLP, so ours takes its place."""
    tower = replace(small_systems["lisa"].vision_tower, layers=3, read_layer=layer)
    llava = with_large_weights(LLaVA(tower, model_config.text, 1)).eval()
    config = LlavaConfig(
        vision_config=llava.vision_tower.config,
        text_config=llava.language_model.config,
        vision_feature_layer=layer,
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


def test_a_word_changes_its_own_state_and_later_ones_alone(lisa):
    """Those of the picture come before all words."""
    image_tokens, image_mask = lisa.llava.image_tokens(torch.randn(1, 3, 64, 64), None)
    tokens, mask = words(5)
    other, states = tokens.clone(), []
    other[0, 2] += 1
    lisa.llava.language_model.model.register_forward_hook(lambda *args: states.append(args[2].last_hidden_state))
    with torch.no_grad():
        for each in (tokens, other):
            lisa.llava(image_tokens, image_mask, each, mask, torch.tensor([[4]]))
    changed, (one, two) = image_tokens.shape[1] + 2, states
    torch.testing.assert_close(one[:, :changed], two[:, :changed], atol=1e-5, rtol=1e-4)
    assert (one - two)[0, changed:].abs().amax(1).min() > 1e-3


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


def test_an_empty_mask_costs_one_half_where_the_probabilities_sum_to_a_thousandth():
    """This sum is divided by 1,000 and is then as large as the 1e-6 that is added."""
    logits = torch.full((1, 2, 2), 0.00025).logit()
    found = dice_loss(logits, torch.zeros(1, 2, 2, dtype=torch.bool))
    torch.testing.assert_close(found, torch.tensor([0.5]), atol=1e-5, rtol=1e-4)


def test_the_dice_loss_is_the_mean_over_all_masks_empty_ones_too(lisa, batch):
    output = Output(torch.randn(8, 2, 64, 64), extras={NEXT_WORD: torch.zeros(8, lisa.seg + 1)})
    expected = []
    for logits, mask, valid in zip(output.mask_logits[:, 1], batch.masks, batch.valid):
        p, y = logits[valid].sigmoid() / 1000, mask[valid] / 1000
        expected.append(1 - (2 * (p * mask[valid]).sum() + 1e-6) / (p.sum() + y.sum() + 1e-6))
    found = lisa.extra_losses(output, batch, TrainConfig())[DICE].value
    torch.testing.assert_close(found, torch.stack(expected).mean(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("system", "texts"),
    [("lisa", [[i] for i in range(8)]), ("gsva", [[0, 1, 2, 3], [4, 5, 6, 7]])],
    ids=["lisa", "gsva"],
)
def test_the_next_word_is_read_off_the_state_before_the_answer(
    system, texts, model_config, small_systems, with_large_weights, batch
):
    """Transformers' own loss of each text, picture and words without padding; its labels are the answers alone."""
    model = with_large_weights(build_model(replace(model_config, system=system, **small_systems))).train()
    llama, seg, total = model.llava.language_model, model_config.text.vocabulary, 0.0
    with torch.no_grad():
        found = model.extra_losses(model(*model.inputs(batch)), batch, TrainConfig())[TOKEN].value
        pictures, seen = model.llava.image_tokens(*batch.inputs()[:2])
        for text in texts:
            picture = pictures[text[0]][seen[text[0]]]
            ids, labels = [], [-100] * len(picture)
            for i in text:
                question = batch.tokens[i][batch.token_mask[i]].tolist()
                answer = seg if system == "lisa" or batch.presence[i] else seg + 1
                ids, labels = [*ids, *question, answer], [*labels, *[-100] * len(question), answer]
            embedded = torch.cat([picture, llama.get_input_embeddings()(torch.tensor(ids))])
            labels = torch.tensor([labels])
            total += llama(inputs_embeds=embedded[None], labels=labels, num_items_in_batch=len(batch)).loss
    torch.testing.assert_close(found, total, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["lisa", "gsva"])
def test_pixels_dice_and_next_word_weigh_two_a_half_and_one(name, batch):
    """As published; presence, which GSVA reads off the next word, costs nothing more."""
    chosen = find_experiment(name).configure(preset("tiny"))
    model = build_on_meta(chosen.model)
    logits = torch.randn(8, 2, 64, 64)
    presence = torch.randn(8, 2) if model.decides_presence else None
    output = Output(logits, presence, extras={NEXT_WORD: torch.randn(8, model.seg + model.new_words)})
    losses = total_loss(output, batch, chosen.train, model.extra_losses(output, batch, chosen.train))
    pixel = F.binary_cross_entropy_with_logits(logits[:, 1] - logits[:, 0], batch.masks.float())
    expected = 2 * pixel + 0.5 * losses.extras[DICE] + losses.extras[TOKEN]
    torch.testing.assert_close(losses.total, expected, atol=1e-5, rtol=1e-4)


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
    save_file(lisa.decoder.sam.state_dict(), tmp_path / "sam.safetensors")
    sam = replace(lisa.config.lisa.sam, pretrained=str(tmp_path / "sam.safetensors"))
    sizes = replace(lisa.config.lisa, lora_rank=2, aligned=str(tmp_path / "llava.safetensors"), sam=sam)
    model = LISA(replace(lisa.config, lisa=sizes, text=replace(words, pretrained="a tokenizer")))
    assert len(model.load_pretrained()) == 2
    layer = model.llava.language_model.model.layers[0].self_attn.q_proj
    assert torch.equal(layer.weight, weights["language_model.model.layers.0.self_attn.q_proj.weight"])
    assert not layer.up.any()
    assert model.backbones == {}
    trained = {name for name, each in model.named_parameters() if each.requires_grad}
    assert any(name.endswith("q_proj.down") for name in trained)
    assert not any(name.startswith(("llava.vision_tower", "llava.projector", "decoder.sam.vision")) for name in trained)


@pytest.mark.parametrize(
    ("changes", "frozen"),
    [
        ({}, set()),
        ({"model.lisa.aligned": "a LLaVA"}, {"llava.vision_tower", "llava.projector"}),
        ({"model.lisa.vision_tower.pretrained": "a CLIP"}, {"llava.vision_tower"}),
        ({"model.lisa.sam.pretrained": "a SAM"}, {"decoder.sam.vision_encoder", "decoder.sam.prompt_encoder"}),
        (
            {
                "model.lisa.aligned": "a LLaVA",
                "model.lisa.sam.pretrained": "a SAM",
                "model.lisa.frozen_encoders": False,
            },
            {"llava.projector", "decoder.sam.prompt_encoder"},
        ),
    ],
    ids=["nothing", "llava", "clip", "sam", "learning encoders"],
)
def test_frozen_is_only_what_was_pretrained(changes, frozen):
    """Random weights have to learn, with LoRA too."""
    model = build_on_meta(override(preset("paper"), {"model.system": "lisa"} | changes).model)
    parts = ("llava.vision_tower", "llava.projector", "decoder.sam.vision_encoder", "decoder.sam.prompt_encoder")
    learns = {part: any(p.requires_grad for p in model.get_submodule(part).parameters()) for part in parts}
    assert {part for part in parts if not learns[part]} == frozen


def test_lora_is_refused_where_there_is_nothing_to_correct(lisa):
    with pytest.raises(InputError, match=r"LoRA corrects a pretrained language model, and this one is random"):
        LISA(replace(lisa.config, lisa=replace(lisa.config.lisa, lora_rank=2))).load_pretrained()
