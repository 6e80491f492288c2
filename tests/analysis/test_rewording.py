import numpy as np
import pytest
import torch

from grisq.analysis import rewording
from grisq.data.sample import collate
from grisq.inference.segmenter import Segmenter
from grisq.runtime.errors import InputError


@pytest.fixture
def hearing(model, with_large_weights):
    """At the start masks hardly depend on the words."""
    return with_large_weights(model)


def test_answers_are_the_models(model, reader, mini):
    rows = mini.rows("val")[:30]  # more than a batch
    found = rewording.ask(model, reader, rows)
    samples = [reader.read(int(row)) for row in rows]
    with torch.inference_mode():
        output = model(*collate(samples).inputs())
    logits = output.mask_logits
    assert (found.masks == (logits[:, 1] > logits[:, 0])).float().mean() > 0.999
    torch.testing.assert_close(found.presence, output.presence_logits.softmax(1)[:, 1], atol=1e-4, rtol=1e-4)
    assert [mask.numpy().tolist() for mask in found.targets] == [sample.mask.tolist() for sample in samples]


def test_other_words_are_heard_as_the_segmenter_hears_them(model, reader, mini):
    rows, texts = mini.rows("val")[[0, 0, 0]], ["red cup", "two dogs and the blue car", "person"]
    found = rewording.ask(model, reader, rows, texts)
    segmenter = Segmenter(model, reader.tokenizer, device="cpu")
    for row, text, presence in zip(rows, texts, found.presence):
        path = mini.image_path(mini.expression(int(row)).image_id)
        assert segmenter(path, text).presence == pytest.approx(float(presence), abs=1e-5)
    assert np.diff(sorted(found.presence.tolist())).min() > 1e-3  # the texts are told apart


def test_a_stage_hears_what_it_is_told_and_the_rest_their_own(hearing, reader, mini):
    rows = mini.rows("val")[:4]
    texts = [mini.expression(int(row)).text for row in np.roll(rows, 1)]
    own = rewording.ask(hearing, reader, rows)
    same = rewording.ask(hearing, reader, rows, [mini.expression(int(row)).text for row in rows], stages=(1, 2, 3, 4))
    np.testing.assert_allclose(own.overlap(same.masks), 1, atol=0.02)
    nowhere = rewording.ask(hearing, reader, rows, texts, stages=())
    assert own.overlap(nowhere.masks).tolist() == [1, 1, 1, 1]
    told = {stage: rewording.ask(hearing, reader, rows, texts, stages=[stage]) for stage in (1, 2, 3, 4)}
    assert all((own.overlap(each.masks) < 1).any() for each in told.values())
    assert not torch.equal(told[1].masks, told[3].masks)
    assert not any(fusion._forward_pre_hooks for fusion in hearing.multimodal_encoder.fusions)


def test_with_all_stages_and_the_query_told_nothing_hears_the_own_words(hearing, reader, mini):
    """The encoder's stages and the target query are all that hears words (Fig. 2), and masks do not need the query."""
    rows = mini.rows("val")[:4]
    texts = [mini.expression(int(row)).text for row in np.roll(rows, 1)]
    everywhere = rewording.ask(hearing, reader, rows, texts)
    stages = rewording.ask(hearing, reader, rows, texts, stages=(1, 2, 3, 4))
    assert (everywhere.masks == stages.masks).float().mean() > 0.999
    assert not torch.allclose(everywhere.presence, stages.presence)


def test_overlap_is_that_of_sets():
    rng = np.random.default_rng(0)
    first, second = torch.from_numpy(rng.random((2, 5, 6, 6)) < 0.4)
    first[0] = second[0] = False
    sets = [[set(np.flatnonzero(mask)) for mask in masks.numpy()] for masks in (first, second)]
    expected = [len(a & b) / len(a | b) if a | b else 1.0 for a, b in zip(*sets)]
    np.testing.assert_allclose(rewording.Answers(first, torch.zeros(5), first).overlap(second), expected)


def test_edits_of_the_words():
    text = "the red cup left of the blue car"
    assert rewording.colors_of(text) == ["red", "blue"]
    assert rewording.with_colors(text, ["blue", "red"]) == "the blue cup left of the red car"
    assert rewording.turned_round(text) == "the red cup right of the blue car"
    assert rewording.turned_round("higher cup over the top shelf") == "lower cup under the bottom shelf"
    assert rewording.turned_round(rewording.turned_round("up left, above")) == "up left, above"
    assert rewording.colors_of("a reddish, orangey greenhouse") == []


def test_too_few_texts_are_one_sentence(hearing, reader, mini):
    with pytest.raises(InputError, match="2 rows and 1 texts"):
        rewording.ask(hearing, reader, mini.rows("val")[:2], ["dog"])
