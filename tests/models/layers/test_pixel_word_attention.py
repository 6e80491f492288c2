import math

import pytest
import torch
import torch.nn.functional as F

from grisq.models.layers.pixel_word_attention import LanguageGate, PixelWordAttention


def naive_pwam(pwam, x, words, mask):
    """The formulae of the docstring with loops over samples, positions and words."""
    out = torch.empty_like(x)
    for b in range(len(x)):
        kept = [t for t in range(words.shape[1]) if mask[b, t]]
        q = F.instance_norm(pwam.query(x[b]).T[None])[0].T
        k = [pwam.key(words[b, t]) for t in kept]
        v = [pwam.value(words[b, t]) for t in kept]
        gathered = []
        for n in range(x.shape[1]):
            scores = [(q[n] @ each).item() / math.sqrt(x.shape[2]) for each in k]
            total = sum(math.exp(score) for score in scores)
            gathered.append(sum(math.exp(score) / total * each for score, each in zip(scores, v)))
        g = F.instance_norm(pwam.out(torch.stack(gathered)).T[None])[0].T
        out[b] = F.gelu(pwam.fuse(F.gelu(pwam.visual(x[b])) * g))
    return out


def test_pixel_word_attention_equals_the_naive_loop():
    pwam = PixelWordAttention(6, 5)
    x, words = torch.randn(2, 12, 6), torch.randn(2, 4, 5)
    mask = torch.tensor([[True, True, True, False], [True, True, False, False]])
    torch.testing.assert_close(pwam(x, words, mask), naive_pwam(pwam, x, words, mask), atol=1e-5, rtol=1e-4)


def test_masked_words_say_nothing():
    pwam, x, words = PixelWordAttention(6, 5), torch.randn(1, 12, 6), torch.randn(1, 4, 5)
    mask = torch.tensor([[True, True, False, False]])
    torch.testing.assert_close(pwam(x, words, mask), pwam(x, words[:, :2], mask[:, :2]))


def test_padding_changes_nothing_inside_the_picture():
    pwam, x, words = PixelWordAttention(6, 5), torch.randn(1, 12, 6), torch.randn(1, 4, 5)
    mask, valid = torch.ones(1, 4, dtype=torch.bool), torch.arange(12)[None] < 9
    inside = pwam(x, words, mask, valid)[:, :9]
    torch.testing.assert_close(inside, pwam(x[:, :9], words, mask))
    assert not torch.allclose(inside, pwam(x, words, mask)[:, :9])  # statistics over the padding would differ


def test_a_message_that_is_the_same_everywhere_does_not_pass():
    """Instance normalization deletes it: with one word, every position gathers the same value."""
    pwam, x = PixelWordAttention(6, 5), torch.randn(1, 12, 6)
    mask = torch.ones(1, 1, dtype=torch.bool)
    one, other = (pwam(x, torch.randn(1, 1, 5), mask) for _ in range(2))
    torch.testing.assert_close(one, other, atol=2e-3, rtol=1e-3)


def test_gate_equals_its_formula():
    gate, x, fused = LanguageGate(6), torch.randn(2, 3, 6), torch.randn(2, 3, 6)
    hidden = (fused @ gate.first.weight.T).clamp(min=0)
    expected = x + torch.tanh(hidden @ gate.last.weight.T) * fused
    torch.testing.assert_close(gate(x, fused), expected)


@pytest.mark.parametrize(("init", "first", "last"), [("lavt", True, True), ("zero-last", False, True)])
def test_gate_is_alive(init, first, last):
    """Zeroing both layers leaves both gradients zero for ever; here at least the last one moves from the start."""
    gate = LanguageGate(6, init=init)
    gate(torch.randn(2, 3, 6), torch.randn(2, 3, 6)).square().sum().backward()
    assert bool(gate.first.weight.grad.any()) == first
    assert bool(gate.last.weight.grad.any()) == last


def test_the_released_gate_of_rela_is_dead():
    """With both layers zero every factor of every gradient is zero, so no step of an optimizer changes anything."""
    gate, x, fused = LanguageGate(6, init="dead"), torch.randn(2, 3, 6), torch.randn(2, 3, 6)
    optimizer = torch.optim.AdamW(gate.parameters(), lr=0.1)
    for _ in range(3):
        out = gate(x, fused)
        assert torch.equal(out, x)
        optimizer.zero_grad()
        out.square().sum().backward()
        assert not any(p.grad.any() for p in gate.parameters())
        optimizer.step()


def test_zero_last_gate_starts_as_identity_and_none_has_no_parameters():
    x, fused = torch.randn(2, 3, 6), torch.randn(2, 3, 6)
    assert torch.equal(LanguageGate(6, init="zero-last")(x, fused), x)
    closed = LanguageGate(6, init="none")
    assert torch.equal(closed(x, fused), x)
    assert not list(closed.parameters())
