from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest
import torch

from grisq.course.word_contexts import context_shifts, nearest_words, shift_figure
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.runtime.errors import InputError

BASE, EXCHANGED = "the {A} by the {B}", "the {A} by the {C}"
CHANGES = {"and": "the {A} and the {B}", "same": BASE}
TRIPLES = [("cup", "dog", "car"), ("dog", "car", "cup"), ("car", "cup", "dog")]


@pytest.fixture(scope="module")
def tokenizer():
    return ExpressionTokenizer.train(["the cup and the dog by the car and by"], 200)


def test_shifts_are_in_units_of_the_noun_itself(tokenizer):
    """An encoder whose vector at a place is the id there, plus a tenth of the id two places before."""

    def encoder(ids, real):
        assert real.all()
        return (ids + 0.1 * ids.roll(2, 1))[..., None].float()

    found = context_shifts(encoder, tokenizer, TRIPLES, BASE, EXCHANGED, CHANGES)
    ids = {word: tokenizer.encode(word, 3)[1] for word in ("cup", "dog", "car", "by", "and")}
    changed = 0.1 * abs(ids["by"] - ids["and"])
    expected = torch.tensor([changed / abs(ids[b] - ids[c]) for _, b, c in TRIPLES])
    assert found.loc["and", "median"] == pytest.approx(float(expected.median()), rel=1e-3)
    assert found.loc["same"].tolist() == [0, 0, 0]
    assert found.loc["and", "low"] <= found.loc["and", "median"] <= found.loc["and", "high"]
    figure = shift_figure({"this": found})
    dots = figure.axes[0].lines[0]
    assert dots.get_xdata().tolist() == found["median"].tolist()
    plt.close(figure)


def test_words_of_several_pieces_and_other_places_are_refused(tokenizer):
    with pytest.raises(InputError, match="Not every word of 'the bus by the cup'"):
        context_shifts(None, tokenizer, [("bus", "cup", "dog")], BASE, EXCHANGED, CHANGES)
    with pytest.raises(InputError, match=r"\{B\} must be word 5"):
        context_shifts(None, tokenizer, TRIPLES, BASE, EXCHANGED, {"longer": "the {A} and by the {B}"})


def test_the_nearest_word_by_vectors_that_are_known(tokenizer):
    """Vectors of four words at angles of 0, 10, 180 and 190 degrees, around a common part that does not count."""
    angles = torch.tensor([0.0, 10.0, 180.0, 190.0]).deg2rad()
    sorts = {"thing": ["cup", "car"], "other": ["by", "and"]}
    weight = torch.zeros(200, 2)
    for word, angle in zip(("cup", "car", "by", "and"), angles):
        weight[tokenizer.encode(word, 3)[1]] = torch.stack([angle.cos(), angle.sin()]) + 7
    encoder = SimpleNamespace(bert=SimpleNamespace(embeddings=SimpleNamespace()))
    encoder.bert.embeddings.word_embeddings = SimpleNamespace(weight=weight)
    found = nearest_words(encoder, tokenizer, sorts)
    assert found["nearest"].to_dict() == {"cup": "car", "car": "cup", "by": "and", "and": "by"}
    assert found["same sort"].all()
    mixed = nearest_words(encoder, tokenizer, {"thing": ["cup", "by"], "other": ["car", "and"]})
    assert not mixed["same sort"].any()
    with pytest.raises(InputError, match="'bus' is not a piece"):
        nearest_words(encoder, tokenizer, {"thing": ["cup", "bus"]})
