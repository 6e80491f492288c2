"""Reference rows against the evaluator, and against what their rules say."""

import numpy as np
import pytest

from grisq.evaluation import blind
from grisq.evaluation.evaluator import Evaluator
from grisq.evaluation.metrics import ScoreSums
from grisq.evaluation.outcomes import RULES
from grisq.runtime.errors import InputError


@pytest.fixture(scope="module")
def answers(mini):
    painters = {
        "nothing": blind.paint_nothing,
        "all": blind.paint_all,
        "category": blind.named_category_painter(mini),
        "words": blind.words_painter(mini),
    }
    return {name: blind.answer(mini, "val", painter, progress=False) for name, painter in painters.items()}


def measured(samples, rule="head"):
    meter = ScoreSums(RULES[rule])
    meter.update(samples.scores(rule))
    return meter.compute()


def test_rows_pictures_and_targets_are_those_of_an_evaluation(answers, mini, reader, model):
    """The evaluator compares the same annotated masks, pixel by pixel."""
    rows = mini.rows("val")
    kept = Evaluator(model, reader, progress=False).run(rows, keep_samples=True).samples
    for samples in answers.values():
        assert samples.row == rows.tolist()
        assert samples.image == mini.image_ids[rows].tolist()
        assert samples.target_count == mini.target_counts[rows].tolist()
        assert samples.annotated == [each["annotated"] for each in kept]


def test_always_nothing(answers, mini):
    values = measured(answers["nothing"])
    share = 100 * np.mean(mini.target_counts[mini.rows("val")] == 0)
    assert (values["gIoU"], values["N-acc"]) == (pytest.approx(share), 100)
    assert (values["T-acc"], values["cIoU"], values["MCC"]) == (0, 0, 0)


def test_all_objects_cover_every_target_and_deny_nothing(answers, mini):
    samples = answers["all"]
    assert samples.intersection == samples.annotated
    assert samples.instance_covered == samples.instance_pixels
    assert (measured(samples)["N-acc"], measured(samples)["T-acc"]) == (0, 100)
    assert measured(samples, "truth")["gIoU"] > measured(samples)["gIoU"]
    by_picture = {}
    for image, predicted in zip(samples.image, samples.predicted):
        by_picture.setdefault(image, set()).add(predicted)
    assert all(len(sizes) == 1 for sizes in by_picture.values())  # whatever the words are


def test_objects_add_up_to_the_union_where_they_do_not_overlap(answers):
    samples = answers["all"]
    assert [len(each) for each in samples.instance_pixels] == samples.target_count
    for count, pixels, annotated in zip(samples.target_count, samples.instance_pixels, samples.annotated):
        assert sum(pixels) == annotated if count < 2 else max(pixels) <= annotated <= sum(pixels)


def test_named_categories_cover_the_targets_with_fewer_pixels(answers):
    named, every = answers["category"], answers["all"]
    assert named.intersection == named.annotated
    assert all(few <= many for few, many in zip(named.predicted, every.predicted))
    assert sum(named.predicted) < sum(every.predicted)
    assert [presence > 0 for presence in named.presence] == [pixels > 0 for pixels in named.predicted]
    assert measured(named)["T-acc"] == 100


def test_presence_by_words_depends_on_words_alone(answers, mini):
    samples = answers["words"]
    assert samples.predicted == answers["all"].predicted
    by_text = {}
    for row, presence in zip(samples.row, samples.presence):
        by_text.setdefault(mini.expression(row).text.lower(), set()).add(presence)
    assert all(len(found) == 1 for found in by_text.values())
    assert 0 < min(samples.presence) < max(samples.presence) < 1


def test_words_need_both_kinds_in_train(mini, monkeypatch):
    monkeypatch.setitem(vars(mini), "target_counts", np.ones(len(mini), dtype=int))
    with pytest.raises(InputError, match="one kind only"):
        blind.words_painter(mini)
