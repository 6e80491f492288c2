"""GSVA: conversations, refusals, and what a rejected expression must not change."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from grisq.config import TrainConfig
from grisq.data.sample import Collate
from grisq.models.gsva import GSVA
from grisq.models.layers.conversations import conversations
from grisq.models.layers.prompted_mask_decoder import dice_loss
from grisq.models.lisa import DICE, LISA, NEXT_WORD
from grisq.training.losses import total_loss


@pytest.fixture
def gsva(model_config, small_systems, with_large_weights):
    return with_large_weights(GSVA(replace(model_config, system="gsva", **small_systems))).eval()


@pytest.fixture
def talk():
    """Four expressions: three about one picture, one about another."""
    pictures = torch.randn(2, 3, 64, 64)
    image = pictures[[0, 0, 0, 1]]
    tokens, lengths = torch.randint(5, 200, (4, 6)), torch.tensor([6, 3, 5, 4])
    mask = torch.arange(6) < lengths[:, None]
    return image, tokens, mask, torch.tensor([1, 0, 1, 1]), torch.tensor([[0, 1, 2], [3, -1, -1]])


def test_the_first_turn_of_a_conversation_is_the_expression_alone(gsva, talk):
    image, tokens, mask, presence, turns = talk
    with torch.no_grad():
        alone = gsva(image, None, tokens, mask)
        together = gsva(image, None, tokens, mask, turns, presence)
    for i in (0, 3):
        torch.testing.assert_close(together.presence_logits[i], alone.presence_logits[i], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(together.mask_logits[i], alone.mask_logits[i], atol=1e-4, rtol=1e-3)
    assert not torch.allclose(together.presence_logits[2], alone.presence_logits[2])


def test_an_answer_sees_those_before_it_and_none_after(gsva, talk):
    image, tokens, mask, presence, turns = talk
    with torch.no_grad():
        found = gsva(image, None, tokens, mask, turns, presence).presence_logits
        later = gsva(image, None, tokens, mask, turns, torch.tensor([1, 0, 0, 1])).presence_logits
        earlier = gsva(image, None, tokens, mask, turns, torch.tensor([1, 1, 1, 1])).presence_logits
    torch.testing.assert_close(found, later)
    torch.testing.assert_close(found[:2], earlier[:2])
    assert not torch.allclose(found[2], earlier[2])


def test_a_rejected_expression_has_an_empty_mask_and_gives_no_gradient(gsva, talk):
    image, tokens, mask, presence, turns = talk
    masks = gsva(image, None, tokens, mask, turns, presence).mask_logits
    assert not masks[1].any()
    gsva.zero_grad()
    masks[1].sum().backward()
    assert not any(p.grad is not None and p.grad.any() for p in gsva.parameters())


def test_rejected_masks_stay_in_the_mean_of_their_losses_and_train_nothing(gsva, reader, mini):
    batch = Collate(reader.tokenizer.pad_id)([reader.read(int(row)) for row in mini.rows("train")[24:28]])
    assert batch.presence.tolist() == [0, 1, 1, 1]
    output = gsva.train()(*gsva.inputs(batch))
    losses = total_loss(output, batch, TrainConfig(), gsva.extra_losses(output, batch, TrainConfig()))
    logits, masks = output.mask_logits[1:, 1], batch.masks[1:]
    pixel = (3 * F.binary_cross_entropy_with_logits(logits, masks.float()) + math.log(2)) / 4
    dice = dice_loss(logits, masks, batch.valid[1:]).sum() / 4
    torch.testing.assert_close(losses.pixel, pixel, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(losses.extras[DICE], dice, atol=1e-5, rtol=1e-4)
    weights = list(gsva.decoder.prompt.parameters())
    found = torch.autograd.grad(losses.pixel + losses.extras[DICE], weights, retain_graph=True)
    expected = torch.autograd.grad(pixel + dice, weights)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert all(each.any() for each in expected)


def test_a_single_expression_is_segmented_as_by_lisa(gsva, talk):
    """[REJ] is one more row of the vocabulary, and an answer in view comes after the state that prompts."""
    image, tokens, mask, _, _ = talk
    lisa, rows = LISA(gsva.config).eval(), ("embed_tokens.weight", "lm_head.weight")
    lisa.load_state_dict({k: v[:-1] if k.endswith(rows) else v for k, v in gsva.state_dict().items()})
    with torch.no_grad():
        expected = lisa(image, None, tokens, mask).mask_logits
        alone = gsva(image, None, tokens, mask).mask_logits
        answers = torch.ones(4, dtype=torch.long)
        taught = gsva(image, None, tokens, mask, torch.arange(4)[:, None], answers).mask_logits
    assert torch.equal(alone, expected)
    torch.testing.assert_close(taught, expected, atol=1e-5, rtol=1e-4)


def test_rejecting_one_leaves_the_masks_of_those_before_it(gsva, talk):
    image, tokens, mask, presence, turns = talk
    with torch.no_grad():
        found = gsva(image, None, tokens, mask, turns, presence).mask_logits
        other = gsva(image, None, tokens, mask, turns, torch.tensor([1, 0, 0, 1])).mask_logits
    torch.testing.assert_close(found[[0, 1, 3]], other[[0, 1, 3]])


def test_a_conversation_with_the_true_answers_is_teacher_forcing(gsva, talk):
    image, tokens, mask, presence, turns = talk
    with torch.no_grad():
        forced = gsva(image, None, tokens, mask, turns, presence).presence_logits[:3].softmax(-1)[:, 1]
    said = gsva.converse(image[:1], None, tokens[:3], mask[:3], answers=presence[:3])
    torch.testing.assert_close(said, forced, atol=1e-5, rtol=1e-4)


def test_a_conversation_goes_on_with_the_models_own_answers(gsva, talk):
    image, tokens, mask, _, _ = talk
    own = gsva.converse(image[:1], None, tokens[:3], mask[:3])
    again = gsva.converse(image[:1], None, tokens[:3], mask[:3], answers=(own > 0.5).long())
    torch.testing.assert_close(own, again)


def test_a_picture_is_encoded_once_for_a_conversation(gsva, talk, monkeypatch):
    image, tokens, mask, presence, _ = talk
    seen, encode = [], gsva.llava.image_tokens
    monkeypatch.setattr(gsva.llava, "image_tokens", lambda *picture: seen.append(1) or encode(*picture))
    gsva.converse(image[:1], None, tokens[:3], mask[:3])
    gsva.converse(image[:1], None, tokens[:3], mask[:3], answers=presence[:3])
    assert len(seen) == 2


def test_presence_is_which_of_two_words_is_likelier(gsva, talk):
    image, tokens, mask, _, _ = talk
    output = gsva(image, None, tokens, mask)
    words = output.extras[NEXT_WORD]
    assert gsva.decides_presence
    assert (gsva.seg, gsva.rej) == (words.shape[1] - 2, words.shape[1] - 1)
    torch.testing.assert_close(output.presence_logits, words[:, [-1, -2]])
    assert gsva.answers(torch.tensor([0, 1])).tolist() == [gsva.rej, gsva.seg]


def test_samples_of_one_picture_that_follow_each_other_are_one_conversation():
    few = [SimpleNamespace(image_id=each, text=str(i)) for i, each in enumerate((7, 7, 9, None, None, 9, 9))]
    assert conversations(SimpleNamespace(samples=few)).tolist() == [[0, 1], [2, -1], [3, -1], [4, -1], [5, 6]]


def test_no_expression_comes_twice_in_a_conversation():
    """Its answer would be in view the second time."""
    few = [SimpleNamespace(image_id=7, text=text) for text in ("a", "b", "a", "b", "c", "c")]
    assert conversations(SimpleNamespace(samples=few)).tolist() == [[0, 1, -1], [2, 3, 4], [5, -1, -1]]


def test_training_hands_over_answers_and_turns(gsva, reader, mini):
    batch = Collate(reader.tokenizer.pad_id)([reader.read(int(row)) for row in mini.rows("train")[:6]])
    assert len(gsva.inputs(batch)) == 4
    turns, presence = gsva.train().inputs(batch)[4:]
    assert torch.equal(presence, batch.presence)
    assert sorted(turns[turns >= 0].tolist()) == list(range(6))
