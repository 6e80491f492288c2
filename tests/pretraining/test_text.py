"""Masked words: what may be hidden, and that filling in is learned."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from grisq.data.tokenizer import SPECIAL, ExpressionTokenizer
from grisq.pretraining.schedule import PretrainConfig
from grisq.pretraining.text import MaskedWords, _ask, mask_words, pretrain_bert

MASK = SPECIAL.index("[MASK]")


@given(st.integers(0, 10_000))
def test_only_words_are_asked_for_and_only_they_change(seed):
    draw = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, 50, (6, 9), generator=draw)
    hidden, asked = mask_words(tokens, 50, draw)
    assert not asked[tokens < len(SPECIAL)].any()
    assert torch.equal(hidden[~asked], tokens[~asked])
    changed = hidden[asked]
    assert ((changed == MASK) | (changed >= len(SPECIAL))).all()


def test_a_fifth_is_asked_for_and_four_fifths_of_that_are_hidden():
    tokens = torch.full((200, 100), 7)
    hidden, asked = mask_words(tokens, 50, torch.Generator().manual_seed(0))
    assert abs(asked.float().mean() - 0.2) < 0.01
    assert abs((hidden[asked] == MASK).float().mean() - 0.8) < 0.03
    assert abs((hidden[asked] == 7).float().mean() - 0.1) < 0.03


def test_filling_in_is_learned(model_config, tmp_path, monkeypatch):
    """Four sentences whose words tell each other: whoever reads the rest knows the hidden one."""
    monkeypatch.setattr("grisq.pretraining.text.HELD_OUT", 100)
    texts = ["black dog on the left", "white cat on the right", "red car at the top", "green tree at the bottom"] * 50
    tokenizer = ExpressionTokenizer.train(texts, model_config.text.vocabulary)
    shares = []
    for steps in (1, 80):
        schedule = PretrainConfig(steps=steps, batch=32, lr=1e-2, weight_decay=0.01, warmup=5)
        state = tmp_path / f"{steps}.pt"
        shares.append(pretrain_bert(model_config.text, tokenizer, texts, schedule, state, progress=False)[1])
    untrained, trained = shares
    assert untrained < 0.3  # "the" alone is a fifth of the words
    assert trained > 0.7


def test_a_batch_of_which_nothing_is_asked_is_drawn_again(model_config):
    """One word in a batch: most draws ask for nothing, and a loss over nothing is nan."""
    model, tokens = MaskedWords(model_config.text), torch.tensor([[len(SPECIAL)]])
    losses = [_ask(model, tokens, 0, torch.Generator().manual_seed(seed))[0] for seed in range(20)]
    assert all(loss.isfinite() for loss in losses)
