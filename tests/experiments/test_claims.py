"""Verdicts on results whose truth is known."""

import numpy as np
import pytest

from grisq.experiments import claims, paper
from grisq.experiments.paper import Claim, Evidence
from grisq.experiments.selection import collect
from grisq.runtime.paths import RESULTS


@pytest.fixture(scope="module")
def results(make_result):
    """`good` has better masks than `equal` and `poor`; `aware` has the masks of `poor` and notices absence."""
    systems = {
        "good": {"iou": 0.8},
        "equal": {"iou": 0.5},
        "poor": {"iou": 0.5},
        "aware": {"iou": 0.5, "noticed": 0.95},
        "one": {"iou": 0.5},
    }
    made = {(name, seed): make_result(name, seed, **how) for name, how in systems.items() for seed in range(3)}
    return {key: result for key, result in made.items() if key not in (("one", 1), ("one", 2))}


def judged(results, *evidence, not_run=""):
    (verdict,) = claims.judge([Claim("test", "", "", "", evidence, not_run)], results)
    return verdict


def difference(system, reference, **metrics):
    return Evidence("difference", system, "val", metrics, reference=reference)


def explained(system, reference):
    return Evidence("explained by presence", system, "val", {"gIoU": None}, reference=reference)


def test_a_clear_difference_holds_and_has_the_right_size(results):
    verdict = judged(results, difference("good", "poor", gIoU=2.5))
    assert verdict.overall == claims.HOLDS
    (finding,) = verdict.findings
    assert finding.value == pytest.approx(15, abs=4)  # half of the expressions have a target
    assert finding.low < finding.value < finding.high
    assert "good over poor, val, gIoU +1" in finding.describe()


def test_the_wrong_sign_does_not_hold(results):
    assert judged(results, difference("poor", "good", gIoU=2.5)).overall == claims.FAILS
    assert judged(results, difference("poor", "good", gIoU=-2.5)).overall == claims.HOLDS  # the paper reports a drop


def test_an_interval_with_zero_is_a_direction_at_most(results):
    value = judged(results, difference("equal", "poor", gIoU=1.0)).findings[0].value
    sign = 1.0 if value > 0 else -1.0
    assert judged(results, difference("equal", "poor", gIoU=sign)).overall == claims.DIRECTION
    assert judged(results, difference("equal", "poor", gIoU=-sign)).overall == claims.FAILS


def test_no_difference_at_all_does_not_hold(results):
    assert judged(results, difference("good", "good", gIoU=None)).overall == claims.FAILS


def test_the_worst_finding_is_the_verdict(results):
    verdict = judged(results, difference("good", "poor", gIoU=1.0), difference("poor", "good", gIoU=1.0))
    assert [finding.verdict for finding in verdict.findings] == [claims.HOLDS, claims.FAILS]
    assert verdict.overall == claims.FAILS


def test_a_missing_run_or_split_is_reported(results):
    verdict = judged(results, difference("good", "missing", gIoU=1.0))
    assert verdict.overall == claims.NOT_RUN
    assert verdict.findings[0].describe() == "good over missing, val, gIoU: not run"
    assert judged(results, not_run="too large").overall == claims.NOT_RUN
    elsewhere = Evidence("difference", "good", "testA", {"gIoU": 1.0}, reference="poor")
    assert judged(results, elsewhere).overall == claims.NOT_RUN


def test_true_presence_against_perfect_masks_can_go_either_way(results):
    """`aware` gains more by masks, a system that denies half of its targets more by presence."""
    assert judged(results, difference("aware@truth", "aware@masks", gIoU=None)).overall == claims.FAILS
    assert judged(results, difference("aware@masks", "aware@truth", gIoU=None)).overall == claims.HOLDS


def test_a_gap_in_presence_is_explained_by_presence_and_a_gap_in_masks_is_not(results):
    verdict = judged(results, explained("aware", "poor"))
    assert verdict.overall == claims.HOLDS
    assert [finding.value > 10 for finding in verdict.findings] == [True, True]
    assert judged(results, explained("good", "poor")).overall == claims.FAILS


def test_findings_name_their_seeds(results):
    texts = {
        "3 seeds)": difference("good", "poor", gIoU=None),
        "1 and 3 seeds)": difference("one", "poor", gIoU=None),
        "1 seed)": difference("one@truth", "one", gIoU=None),
    }
    for text, evidence in texts.items():
        (finding,) = judged(results, evidence).findings
        assert finding.describe().endswith(f"; {text}")
        assert finding.describe().count("(") == 1


@pytest.mark.parametrize(("when", "verdict"), [("first", claims.FAILS), ("end", claims.HOLDS)])
def test_a_value_that_is_to_be_reached(results, when, verdict):
    evidence = Evidence("at least", "good", "val", {"plurality single-target": 90}, when=when)
    assert judged(results, evidence).overall == verdict
    assert not judged(results, evidence).findings[0].has_interval


def test_every_claim_of_the_paper_can_fail():
    """On the committed results each kind of evidence holds for one pair of runs and fails for another."""
    stored = collect(RESULTS, "tiny")
    assert judged(stored, difference("rela@truth", "rela@masks", gIoU=None)).overall == claims.HOLDS
    assert judged(stored, difference("ours@truth", "ours@masks", gIoU=None)).overall == claims.FAILS
    assert judged(stored, explained("ours", "rela")).overall == claims.HOLDS
    assert judged(stored, explained("lavt", "ours")).overall != claims.HOLDS


def test_no_claim_compares_an_experiment_with_its_own_oracle():
    """The true presence, or perfect masks, cannot lose to the same model's own: such a claim would hold always."""
    for claim in paper.claims():
        for evidence in claim.evidence:
            same = evidence.reference and evidence.system.partition("@")[0] == evidence.reference.partition("@")[0]
            rules = {run.partition("@")[2] or "head" for run in (evidence.system, evidence.reference) if run}
            assert not (same and rules & {"truth", "masks"} and rules & {"head", "pixels"}), claim.id


def test_intervals_are_counted(results):
    verdicts = claims.judge(
        [
            Claim("a", "", "", "", (difference("good", "poor", gIoU=1.0, cIoU=1.0),)),
            Claim("b", "", "", "", (explained("aware", "poor"), difference("good", "missing", gIoU=1.0))),
            Claim("c", "", "", "", (Evidence("at least", "good", "val", {"plurality single-target": 90}, when="end"),)),
        ],
        results,
    )
    assert claims.count_intervals(verdicts) == 2 + 2
    assert np.isnan(verdicts[2].findings[0].low)
