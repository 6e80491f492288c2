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
    assert table["verdict"].isin([claims.HOLDS, claims.DIRECTION, claims.FAILS, claims.NOT_RUN]).all()
    assert table.loc[table["place"] == "Sec. 4.4, Table 2", "here"].str.contains("over").all()
    against_systems = table[table["claim"].str.contains("on every split and in every metric")]
    assert len(against_systems) == 2
    assert against_systems["here"].str.startswith("9 comparisons: ").all()
    run = table[table["verdict"] != claims.NOT_RUN]
    assert run["here"].str.contains(r"[123] seeds?\)").all()


def test_the_number_of_intervals_is_in_the_note(verdicts):
    assert claim_tables.intervals_note(verdicts).startswith(
        "45 intervals are drawn; if nothing differed, about 2 would"
    )
