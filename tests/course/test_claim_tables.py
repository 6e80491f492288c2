from dataclasses import replace

import pytest

from grisq.course import claim_tables
from grisq.evaluation.intervals import Difference
from grisq.experiments import claims, paper


@pytest.fixture(scope="module")
def verdicts(stored):
    return claims.judge(paper.claims(), stored)


def test_every_claim_has_its_verdict_and_its_evidence(verdicts):
    table = claim_tables.claims_table(verdicts)
    assert len(table) == len(paper.claims())
    assert table["verdict"].isin(claims.VERDICTS).all()
    assert table.loc[table["place"] == "Sec. 4.4, Table 2", "here"].str.contains("over").all()
    against_systems = table[table["claim"].str.contains("on every split and in every metric")]
    assert len(against_systems) == 2
    assert against_systems["here"].str.startswith("9 comparisons: ").all()
    run = table[table["verdict"] != claims.NOT_RUN]
    assert run["here"].str.contains(r"\d seeds?\)").all()
    assert table["place"].str.endswith("(our question)").sum() == sum(claim.own for claim in paper.claims())


def test_many_missing_runs_are_counted_and_none_is_described():
    table = claim_tables.claims_table(claims.judge(paper.claims(), {}))
    assert (table["verdict"] == claims.NOT_RUN).all()
    assert table["here"][0] == "9 comparisons: 9 not run"


def test_of_many_findings_one_that_decides_is_described(verdicts):
    """The lowest number may be undecided where another one contradicts the claim."""
    numbers = [Difference(1, -2, 4), Difference(2, 1, 3), Difference(-1, -2, -0.5), Difference(-3, -7, 1)]
    findings = tuple(
        claims.Finding("a over b", "val", f"m{i}", 1.0, each, seeds={"a": 3}) for i, each in enumerate(numbers)
    )
    table = claim_tables.claims_table([claims.Verdict(paper.claims()[0], findings)])
    assert (
        table["here"][0]
        == "4 comparisons: 2 undecided, 1 holds, 1 contradicted; e.g. a over b, val, m2 -1.0 (-2.0 to -0.5; 3 seeds)"
    )


def test_the_note_counts_intervals_and_those_that_decide(verdicts):
    n = sum(finding.has_interval for each in verdicts for finding in each.judged)
    decided = sum(
        finding.found.low > (finding.bound or 0) or finding.found.high < (finding.bound or 0)
        for each in verdicts
        for finding in each.judged
        if finding.has_interval
    )
    note = claim_tables.intervals_note(verdicts)
    assert f"{n} intervals are judged, uncorrected: {decided} exclude zero" in note
    assert f"about {n / 20:.0f} would by chance" in note
    assert f"version {claims.RULE_VERSION} of the rule" in note


def test_contradicted_claims_say_how_often_chance_would_do_it():
    """Nine intervals: 9 x 2.5 %; one that is not judged does not count."""
    numbers = [Difference(-2, -3, -1), *[Difference(1, -1, 3)] * 8, Difference(-5, -6, -4)]
    findings = tuple(claims.Finding("a over b", "val", "m", 1.0, each, seeds={"a": 3}) for each in numbers)
    findings = (*findings[:-1], replace(findings[-1], judged=False))
    (line,) = claim_tables.contradictions_by_chance([claims.Verdict(paper.claims()[0], findings)]).to_dict("records")
    assert (line["intervals"], line["on the other side"]) == (9, 1)
    assert (line["by chance, at most"], line["if independent"]) == ("22.5 %", "20.4 %")


def test_holm_leaves_the_surest_alone(verdicts):
    table = claim_tables.after_holm(verdicts)
    assert len(table) == claims.count_decided(verdicts)
    alone, corrected = (table[name].str.removeprefix("< ").astype(float) for name in ("p", "p, corrected"))
    assert alone.is_monotonic_increasing
    assert (alone < 0.05).all()
    assert (corrected >= alone).all()
    assert ((table["remains"] == "yes") == (corrected < 0.05)).all()
    first = alone[alone > 1e-6].index[0]  # smaller ones are not written out
    expected = alone[first] * (claims.count_intervals(verdicts) - first)
    assert corrected[first] == pytest.approx(expected, rel=0.05)


def test_verdicts_are_counted_apart_for_the_paper_and_for_our_questions(verdicts):
    counts = claim_tables.verdict_counts(verdicts)
    assert list(counts.index) == list(claims.VERDICTS)
    assert counts["claims of the paper"].sum() == sum(not claim.own for claim in paper.claims())
    for verdict in claims.VERDICTS:
        assert counts.loc[verdict].sum() == sum(each.overall == verdict for each in verdicts)
    assert counts.loc[claims.NOT_RUN, "questions asked here"] == sum(
        each.claim.own and each.overall == claims.NOT_RUN for each in verdicts
    )
