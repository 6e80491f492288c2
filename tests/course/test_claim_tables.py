import pytest

from grisq.course import claim_tables
from grisq.experiments import claims, paper, selection
from grisq.runtime.paths import RESULTS


@pytest.fixture(scope="module")
def verdicts():
    return claims.judge(paper.claims(), selection.collect(RESULTS, "tiny"))


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


def test_many_missing_runs_are_not_described_as_the_lowest():
    table = claim_tables.claims_table(claims.judge(paper.claims(), {}))
    assert (table["verdict"] == claims.NOT_RUN).all()
    assert not table["here"].str.contains("lowest|nan").any()
    assert table["here"][0].count("not run") == claim_tables.MANY


def test_the_note_counts_intervals_and_those_that_decide(verdicts):
    n = sum(finding.has_interval for each in verdicts for finding in each.findings)
    decided = sum(
        finding.found.low > finding.bound or finding.found.high < finding.bound
        for each in verdicts
        for finding in each.findings
        if finding.has_interval
    )
    note = claim_tables.intervals_note(verdicts)
    assert f"{n} intervals are drawn, uncorrected: {decided} exclude zero" in note
    assert f"about {n / 20:.0f} would by chance" in note
    assert f"version {claims.RULE_VERSION} of the rule" in note


def test_verdicts_are_counted_apart_for_the_paper_and_for_our_questions(verdicts):
    counts = claim_tables.verdict_counts(verdicts)
    assert list(counts.index) == list(claims.VERDICTS)
    assert counts["claims of the paper"].sum() == sum(not claim.own for claim in paper.claims())
    for verdict in claims.VERDICTS:
        assert counts.loc[verdict].sum() == sum(each.overall == verdict for each in verdicts)
    assert counts.loc[claims.NOT_RUN, "questions asked here"] == sum(
        each.claim.own and each.overall == claims.NOT_RUN for each in verdicts
    )
