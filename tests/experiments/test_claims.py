"""Verdicts on results whose truth is known: scores are made up so that one system is better by a known amount."""

import numpy as np
import pytest

from grisq.evaluation.outcomes import Samples
from grisq.experiments import claims
from grisq.experiments.paper import Claim, Evidence
from grisq.experiments.results import SCHEMA, Cost, Result


def made_up(name, seed, skill, plurality=95.0):
    """200 pictures with two expressions, one of them without target; each right with the probability `skill`."""
    rng = np.random.default_rng([seed, len(name), int(100 * skill)])
    right = rng.random(400) < skill
    count = np.tile([0, 1], 200)
    inside = np.where(right & (count == 1), 1000, 0)
    samples = Samples(
        row=list(range(400)),
        image=np.repeat(np.arange(200), 2).tolist(),
        target_count=count.tolist(),
        predicted=[1000] * 400,
        annotated=(1000 * count).tolist(),
        intersection=inside.tolist(),
        presence=np.where(count == 1, 0.9, np.where(right, 0.1, 0.9)).tolist(),
        plurality=None,
    )
    return Result(
        schema=SCHEMA,
        experiment=name,
        preset="test",
        seed=seed,
        step=1,
        settings={},
        data="",
        counts={},
        parameters={},
        results={},
        history={"train": {}, "eval": {"plurality single-target": [50.0, plurality]}},
        samples={"val": samples},
        examples=[],
        cost=Cost(1.0, 1.0, None),
        trained=None,
        provenance={},
    )


@pytest.fixture(scope="module")
def results():
    skills = {"good": 0.8, "equal": 0.5, "poor": 0.5}
    return {(name, seed): made_up(name, seed, skill) for name, skill in skills.items() for seed in range(2)}


def judged(results, *evidence, not_run=""):
    (verdict,) = claims.judge([Claim("test", "", "", "", evidence, not_run)], results)
    return verdict


def difference(of, over, **metrics):
    return Evidence("difference", of, "val", metrics, over=over)


def test_a_clear_difference_holds_and_has_the_right_size(results):
    verdict = judged(results, difference("good", "poor", gIoU=2.5))
    assert verdict.word == claims.HOLDS
    (finding,) = verdict.findings
    assert finding.value == pytest.approx(30, abs=8)
    assert finding.low < finding.value < finding.high
    assert "gIoU" in finding.describe()


def test_the_wrong_sign_does_not_hold(results):
    assert judged(results, difference("poor", "good", gIoU=2.5)).word == claims.FAILS
    assert judged(results, difference("poor", "good", gIoU=-2.5)).word == claims.HOLDS  # the paper reports a drop


def test_an_interval_with_zero_is_a_direction_at_most(results):
    value = judged(results, difference("equal", "poor", gIoU=1.0)).findings[0].value
    sign = 1.0 if value > 0 else -1.0
    assert judged(results, difference("equal", "poor", gIoU=sign)).word == claims.DIRECTION
    assert judged(results, difference("equal", "poor", gIoU=-sign)).word == claims.FAILS


def test_no_difference_at_all_does_not_hold(results):
    assert judged(results, difference("good", "good", gIoU=None)).word == claims.FAILS


def test_the_worst_finding_is_the_verdict(results):
    verdict = judged(results, difference("good", "poor", gIoU=1.0), difference("poor", "good", gIoU=1.0))
    assert [finding.verdict for finding in verdict.findings] == [claims.HOLDS, claims.FAILS]
    assert verdict.word == claims.FAILS


def test_what_was_not_run_is_said(results):
    assert judged(results, difference("good", "missing", gIoU=1.0)).word == claims.NOT_RUN
    assert judged(results, not_run="too large").word == claims.NOT_RUN


def test_the_truth_about_presence_as_a_run(results):
    """With the true presence every no-target expression counts one; the masks stay."""
    verdict = judged(results, difference("poor@truth", "poor", gIoU=18.0))
    assert verdict.word == claims.HOLDS
    wrong = [1 - np.mean(np.array(results["poor", seed].samples["val"].presence)[::2] < 0.5) for seed in range(2)]
    assert verdict.findings[0].value == pytest.approx(100 * np.mean(wrong) / 2)


@pytest.mark.parametrize(("when", "word"), [("first", claims.FAILS), ("end", claims.HOLDS)])
def test_a_value_that_is_to_be_reached(results, when, word):
    evidence = Evidence("at least", "good", "val", {"plurality single-target": 90}, when=when)
    assert judged(results, evidence).word == word
