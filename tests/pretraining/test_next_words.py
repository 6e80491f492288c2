"""Causal text encoders: what is asked, and that it is learned."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from grisq.data.tokenizer import ExpressionTokenizer
from grisq.pretraining.next_words import NextWords, _ask, pretrain_next_words
from grisq.pretraining.schedule import PretrainConfig


@pytest.fixture
def config(model_config, small_systems):
    return replace(model_config, **small_systems)


@pytest.mark.parametrize("name", ["clip-text", "llama"])
def test_every_piece_but_the_first_is_asked_and_padding_is_not(config, name):
    model = NextWords(name, config).eval()
    tokens = torch.tensor([[2, 7, 8, 9, 3], [2, 11, 3, 0, 0]])
    loss, _ = _ask(model, tokens, pad_id=0)
    total = []
    for row, length in zip(tokens, (5, 3)):
        for t in range(1, length):
            logits = model(row[None, :t])[0, -1]  # from the pieces before it alone
            total.append(F.cross_entropy(logits, row[t]).item())
    assert loss.item() == pytest.approx(sum(total) / len(total), rel=1e-4)


@pytest.mark.parametrize("name", ["clip-text", "llama"])
def test_the_next_word_is_learned(config, name, tmp_path, monkeypatch):
    monkeypatch.setattr("grisq.pretraining.next_words.HELD_OUT", 100)
    texts = ["black dog on the left", "white cat on the right", "red car at the top", "green tree at the bottom"] * 50
    tokenizer = ExpressionTokenizer.train(texts, config.text.vocabulary)
    shares = []
    for steps in (1, 80):
        schedule = PretrainConfig(steps=steps, batch=32, lr=1e-2, weight_decay=0.01, warmup=5)
        state = tmp_path / f"{steps}.pt"
        shares.append(pretrain_next_words(name, config, tokenizer, texts, schedule, state, progress=False)[1])
    untrained, trained = shares
    assert untrained < 0.4
    assert trained > 0.75  # but for the first word of each, everything follows
