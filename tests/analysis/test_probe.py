import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from grisq.analysis import probe
from grisq.analysis.trace import trace
from grisq.data.sample import collate
from grisq.runtime.errors import InputError


def test_a_probe_finds_what_a_line_separates_and_nothing_in_noise():
    rng = np.random.default_rng(0)
    labels = rng.random(400) < 0.3
    vectors = rng.normal(size=(400, 6))
    vectors[:, 2] += 6 * labels
    found = probe.probe(vectors[:200], labels[:200], vectors[200:], labels[200:])
    assert found.auc > 0.99
    assert found.accuracy > 97
    noise = rng.normal(size=(400, 6))
    chance = probe.probe(noise[:200], labels[:200], noise[200:], labels[200:])
    assert abs(chance.auc - 0.5) < 4 * chance.auc_error
    assert 0.02 < chance.auc_error < 0.08  # about 0.29 * sqrt(1 / 60 + 1 / 140) for scores that tell nothing


def test_vectors_are_means_over_what_is_there(model, reader, mini):
    rows = mini.rows("val")[:3]
    features = probe.collect(model, reader, rows)
    assert set(features.vectors) == {"words", "mask features", "e_0", "e_1", "e_2"}
    assert features.target_counts.tolist() == mini.target_counts[rows].tolist()
    for position, row in enumerate(rows):
        batch = collate([reader.read(int(row))])  # alone: no padding of words
        words = model.text_encoder(batch.tokens, batch.token_mask)[0].mean(0)
        np.testing.assert_allclose(features.vectors["words"][position], words.detach().numpy(), atol=1e-4)
        traced = trace(model, *batch.inputs())
        height, width = (
            -(-side // 8)
            for side in (batch.samples[0].letterbox.fitted_height, batch.samples[0].letterbox.fitted_width)
        )
        cells = traced.decoded.subsequence(2)[-1][0].view(8, 8, -1)[:height, :width]
        np.testing.assert_allclose(features.vectors["mask features"][position], cells.mean((0, 1)), atol=1e-4)


def test_answers_to_the_own_picture_are_the_models(model, reader, mini):
    rows = mini.rows("val")[::8]  # of four different pictures
    assert len(set(mini.image_ids[rows])) == len(rows)
    with torch.inference_mode():
        output = model(*collate([reader.read(int(row)) for row in rows]).inputs())
    expected = output.presence_logits.softmax(1)[:, 1].numpy()
    np.testing.assert_allclose(probe.answers(model, reader, rows, rows), expected, atol=1e-5)
    elsewhere = probe.answers(model, reader, rows, np.roll(rows, 1))
    assert not np.allclose(elsewhere, expected)


def test_separation_counts_pairs():
    high, low = np.array([0.9, 0.4, 0.7]), np.array([0.1, 0.4])
    pairs = [1.0 if h > l else 0.5 if h == l else 0.0 for h in high for l in low]  # noqa: E741
    assert probe.separation(high, low) == pytest.approx(np.mean(pairs))
    rng = np.random.default_rng(0)
    high, low = rng.integers(0, 9, 300) / 9, rng.integers(0, 7, 200) / 9  # many ties
    truth = roc_auc_score(np.repeat([1, 0], [300, 200]), np.concatenate([high, low]))
    assert probe.separation(high, low) == pytest.approx(truth)


def test_one_class_or_nobody_is_one_sentence(model, reader):
    vectors, mixed = np.zeros((4, 2)), np.array([0, 1, 0, 1])
    with pytest.raises(InputError, match="measured on are all of one class"):
        probe.probe(vectors, mixed, vectors, np.ones(4))
    with pytest.raises(InputError, match="is empty"):
        probe.separation(np.ones(3), np.array([]))
    with pytest.raises(InputError, match="no expressions"):
        probe.answers(model, reader, [], [])
