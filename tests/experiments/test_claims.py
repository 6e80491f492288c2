"""Verdicts on results whose truth is known."""

import math

import numpy as np
import pytest

from grisq.evaluation.intervals import Difference
from grisq.experiments import claims, paper
from grisq.experiments.paper import Claim, Evidence
from grisq.runtime.files import read_json

ABOVE, BELOW, ACROSS = Difference(2, 1, 3), Difference(-2, -3, -1), Difference(2, -1, 5)
NO_INTERVAL = Difference(2, math.nan, math.nan)


@pytest.fixture(scope="module")
def results(make_result):
    """`good` has better masks than `equal` and `poor`; `aware` has masks as good as `poor` and notices absence."""
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


def reach(when, least=90):
    return Evidence("at least", "good", "val", {"plurality single-target": least}, when=when)


def explained(system, reference):
    return Evidence("explained by presence", system, "val", {"gIoU": None}, reference=reference)


def test_a_clear_difference_holds_and_has_the_right_size(results):
    verdict = judged(results, difference("good", "poor", gIoU=2.5))
    assert verdict.overall == claims.HOLDS
    (finding,) = verdict.findings
    assert finding.found.value == pytest.approx(15, abs=4)  # half of the expressions have a target
    assert finding.found.low < finding.found.value < finding.found.high
    assert "good over poor, val, gIoU +1" in finding.describe()


@pytest.mark.parametrize(
    ("found", "drop", "bound", "verdict"),
    [
        (ABOVE, False, 0, claims.HOLDS),
        (BELOW, False, 0, claims.CONTRADICTED),
        (ABOVE, True, 0, claims.CONTRADICTED),
        (BELOW, True, 0, claims.HOLDS),
        (ACROSS, False, 0, claims.UNDECIDED),
        (ACROSS, True, 0, claims.UNDECIDED),
        (NO_INTERVAL, False, 0, claims.UNDECIDED),
        (Difference(0, 0, 0), False, 0, claims.UNDECIDED),
        (ABOVE, False, 2, claims.UNDECIDED),
        (ABOVE, False, 4, claims.CONTRADICTED),
        (ABOVE, False, 0.5, claims.HOLDS),
    ],
)
def test_the_whole_interval_decides(found, drop, bound, verdict):
    assert claims.verdict_on(found, drop=drop, bound=bound) == verdict


@pytest.mark.parametrize(
    ("found", "overall"),
    [
        ([ABOVE, ABOVE], claims.HOLDS),
        ([ABOVE, ACROSS], claims.UNDECIDED),
        ([ABOVE, ACROSS, BELOW], claims.CONTRADICTED),
        ([ABOVE, BELOW, None], claims.NOT_RUN),
        ([], claims.NOT_RUN),
    ],
)
def test_a_claim_needs_all_of_its_findings(found, overall):
    findings = tuple(claims.Finding("", "val", "gIoU", None, each) for each in found)
    assert claims.Verdict(Claim("test", "", "", "", ()), findings).overall == overall


def test_the_papers_sign_is_the_claimed_one(results):
    assert judged(results, difference("poor", "good", gIoU=2.5)).overall == claims.CONTRADICTED
    assert judged(results, difference("poor", "good", gIoU=-2.5)).overall == claims.HOLDS  # the paper reports a drop
    assert judged(results, difference("good", "poor", gIoU=None)).overall == claims.HOLDS


def test_where_the_papers_own_number_is_against_its_claim_nothing_is_judged(results):
    """By the sign of the paper's number the first would be contradicted."""
    evidence = Evidence("difference", "good", "val", {"gIoU": -0.5, "cIoU": 1.0}, reference="poor", aside=("gIoU",))
    verdict = judged(results, evidence)
    assert [finding.verdict for finding in verdict.findings] == [claims.NOT_JUDGED, claims.HOLDS]
    assert verdict.overall == claims.HOLDS
    assert claims.count_intervals([verdict]) == claims.count_decided([verdict]) == 1
    only = Evidence("difference", "good", "val", {"gIoU": -0.5}, reference="poor", aside=("gIoU",))
    assert judged(results, only).overall == claims.NOT_RUN


def test_what_is_left_out_of_the_papers_claims_is_what_its_table_has_against_the_text():
    """Of the comparisons of Table 1, whose claim is "better": exactly those in which ours is lower."""
    left_out, lower = set(), set()
    for claim in paper.claims():
        for each in claim.evidence if claim.place == "Sec. 4.3, Table 1" else ():
            left_out |= {(each.reference, each.split, metric) for metric in each.aside}
            lower |= {(each.reference, each.split, metric) for metric, points in each.metrics.items() if points < 0}
    assert left_out == lower == {("lisa", "testB", "cIoU"), ("gsva", "testB", "cIoU")}
    assert not any(
        each.aside for claim in paper.claims() if claim.place != "Sec. 4.3, Table 1" for each in claim.evidence
    )


def test_chance_contradicts_a_claim_with_many_intervals():
    """2.5 % of the intervals lie on the wrong side if nothing differs; 100,000 claims of nine independent ones."""
    most, independent = claims.contradicted_by_chance(9)
    wrong = np.random.default_rng(0).random((100_000, 9)) < 0.025
    assert most == pytest.approx(0.225)
    assert independent == pytest.approx(wrong.any(1).mean(), abs=0.005)
    assert claims.contradicted_by_chance(60)[0] == 1


def test_equal_systems_and_single_seeds_decide_nothing(results):
    for sign in (1.0, -1.0):
        assert judged(results, difference("equal", "poor", gIoU=sign)).overall == claims.UNDECIDED
        assert judged(results, difference("good", "good", gIoU=sign)).overall == claims.UNDECIDED
    (finding,) = judged(results, difference("good", "one", gIoU=1.0)).findings
    assert finding.found.value > 10
    assert finding.verdict == claims.UNDECIDED


def test_a_missing_run_or_split_is_reported(results):
    verdict = judged(results, difference("good", "missing", gIoU=1.0))
    assert verdict.overall == claims.NOT_RUN
    assert verdict.findings[0].describe() == "good over missing, val, gIoU: not run"
    assert judged(results, not_run="too large").overall == claims.NOT_RUN
    elsewhere = Evidence("difference", "good", "testA", {"gIoU": 1.0}, reference="poor")
    assert judged(results, elsewhere).overall == claims.NOT_RUN
    assert judged(results, explained("good", "missing")).overall == claims.NOT_RUN
    assert judged({}, reach("end")).overall == claims.NOT_RUN


def test_true_presence_against_perfect_masks_can_go_either_way(results):
    """`aware` gains more by masks, a system that denies half of its targets more by presence."""
    assert judged(results, difference("aware@truth", "aware@masks", gIoU=None)).overall == claims.CONTRADICTED
    assert judged(results, difference("aware@masks", "aware@truth", gIoU=None)).overall == claims.HOLDS


def test_a_gap_in_presence_is_explained_by_presence_and_a_gap_in_masks_is_not(results):
    verdict = judged(results, explained("aware", "poor"))
    assert verdict.overall == claims.HOLDS
    assert [finding.found.value > 10 for finding in verdict.findings] == [True, True, True]
    assert judged(results, explained("good", "poor")).overall == claims.CONTRADICTED
    assert judged(results, explained("poor", "aware")).overall == claims.CONTRADICTED  # no gap to explain


@pytest.mark.parametrize(("name", "verdict"), [("deaf", claims.HOLDS), ("keen", claims.CONTRADICTED)])
def test_a_head_that_brings_much_does_not_bring_little(results, make_result, name, verdict):
    """`deaf` notices one in ten absent targets, `keen` nine in ten; masks never are small, so the rule notices none."""
    noticed = {"deaf": 0.1, "keen": 0.9}[name]
    made = {("rela", seed): make_result("rela", seed, iou=0.5, noticed=noticed) for seed in range(3)}
    (claim,) = [claim for claim in paper.claims() if claim.id == "relas-head"]
    assert judged(made, *claim.evidence).overall == verdict


def test_effects_of_a_two_by_two(results):
    """`good` and `aware` play the two parts of which each moves something else, so nothing overlaps."""
    main = Evidence(
        "contrast", None, "val", {"gIoU": None},
        weights={"good": 0.5, "aware": 0.5, "equal": -0.5, "poor": -0.5}, what="main effect",
    )  # fmt: skip
    verdict = judged(results, main)
    assert verdict.overall == claims.HOLDS
    halves = [judged(results, difference(*pair, gIoU=None)) for pair in (("good", "equal"), ("aware", "poor"))]
    assert verdict.findings[0].found.value == pytest.approx(sum(half.findings[0].found.value for half in halves) / 2)
    assert verdict.findings[0].describe().startswith("main effect, val, gIoU +1")
    weights = {"good": 1.0, "missing": -1.0}
    absent = Evidence("contrast", None, "val", {"gIoU": None}, weights=weights, what="an effect")
    assert judged(results, absent).findings[0].describe() == "an effect, val, gIoU: not run"


def test_findings_name_their_seeds(results):
    texts = {
        "; 3 seeds)": difference("good", "poor", gIoU=None),
        "(one 1, poor 3 seeds)": difference("one", "poor", gIoU=None),
        "(1 seed)": difference("one@truth", "one", gIoU=None),
    }
    for text, evidence in texts.items():
        (finding,) = judged(results, evidence).findings
        assert finding.describe().endswith(text)
        assert finding.describe().count("(") == 1


@pytest.mark.parametrize(
    ("when", "least", "verdict"),
    [
        ("first", 90, claims.CONTRADICTED),
        ("end", 90, claims.HOLDS),
        ("end", 94, claims.UNDECIDED),  # 95 of 100 in 200 samples: within their noise
        ("end", 99, claims.CONTRADICTED),
    ],
)
def test_a_value_is_reached_with_its_whole_interval(results, when, least, verdict):
    (finding,) = judged(results, reach(when, least)).findings
    assert finding.verdict == verdict
    assert finding.bound == least
    assert finding.found.low < finding.found.value < finding.found.high
    assert finding.describe().startswith(f"good, {'first evaluation' if when == 'first' else 'end'}, val, plurality")


def test_no_claim_compares_an_experiment_with_its_own_oracle():
    """The true presence, or perfect masks, cannot lose to the same model's own: such a claim would hold always."""
    for claim in paper.claims():
        for evidence in claim.evidence:
            if evidence.test == "contrast":
                continue  # weighted, so that it can go either way
            same = evidence.reference and evidence.system.partition("@")[0] == evidence.reference.partition("@")[0]
            rules = {run.partition("@")[2] or "head" for run in evidence.runs}
            assert not (same and rules & {"truth", "masks"} and rules & {"head", "pixels"}), claim.id


def test_intervals_are_counted(results):
    verdicts = claims.judge(
        [
            Claim("a", "", "", "", (difference("good", "poor", gIoU=1.0, cIoU=1.0),)),
            Claim("b", "", "", "", (explained("aware", "poor"), difference("good", "missing", gIoU=1.0))),
            Claim("c", "", "", "", (reach("end"), difference("one", "poor", gIoU=1.0))),
            Claim("d", "", "", "", (difference("equal", "poor", gIoU=1.0),)),
        ],
        results,
    )
    assert claims.count_intervals(verdicts) == 2 + 3 + 1 + 1
    assert claims.count_decided(verdicts) == 2 + 3 + 1


def test_the_rule_that_is_applied_is_the_one_that_is_written_down():
    assert f"Version: {claims.RULE_VERSION}\n" in paper.verdict_rule()
    assert f"version {claims.RULE_VERSION}, applied" in claims.__doc__
    assert read_json(paper.PAPER / "claims.json")["rule"] == claims.RULE_VERSION
    for verdict in claims.VERDICTS:
        assert f"**{verdict}**" in paper.verdict_rule()
        assert f"\n{verdict} " in claims.__doc__
