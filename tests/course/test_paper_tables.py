"""On the committed runs: what stands in the tables is what the results say."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from grisq.analysis.significance import Difference
from grisq.course import charts, paper_tables
from grisq.experiments import claims, paper, results
from grisq.runtime.paths import RESULTS


@pytest.fixture(scope="module")
def stored():
    return results.collect(RESULTS, "tiny")


def test_every_run_that_a_table_needs_is_committed_with_its_seeds(stored):
    from grisq.experiments.registry import for_tables

    seeds = {name: results.seeds_of(stored, name) for name in for_tables()}
    assert all(each == [0, 1, 2] for each in seeds.values())
    assert len({result.data for result in stored.values()}) == 1


def test_table_1_has_the_papers_values_and_our_means(stored):
    table = paper_tables.table_1(stored, "tiny", {"tiny": {"lavt": {"step_s": 0.2555, "peak_mb": 707.0}}})
    source = table["", "source"]
    assert len(table) == 9 + 3
    assert (source == "paper (reported only)").sum() == 6
    assert table["val", "gIoU"][source == "paper"].tolist() == ["58.40", "63.60", "71.32"]
    lavt, rela, ours = table[source.str.startswith("run:tiny")].index
    assert source[ours] == "run:tiny, 3 seeds"
    values = [stored["rela", seed].results["testA"]["protocols"]["rela"]["cIoU"] for seed in range(3)]
    assert table.loc[rela, ("testA", "cIoU")] == f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}"
    values = [stored["rela", seed].results["val"]["protocols"]["rela"]["T-acc"] for seed in range(3)]
    assert table.loc[rela, ("T-acc", "val")].startswith(f"{np.mean(values):.1f}")
    assert table.loc[lavt, ("cost", "step, ms")] == "256"
    assert table.loc[ours, ("cost", "memory, MB")] == "–"


def test_a_system_that_was_not_run_says_so(stored):
    table = paper_tables.table_1({}, "small", {})
    assert (table["", "source"] == "not run").sum() == 3
    assert not table["", "source"].str.startswith("run:").any()


def test_numbers_are_told_with_rules_data_and_counts(stored):
    said = paper_tables.about(stored)
    assert "protocol rela" in said
    assert "data f22f95d5aacf" in said
    assert "val 615/435/450" in said
    assert paper_tables.about({}) == "Nothing was run yet."


def test_steps_of_table_2_add_up(stored):
    rows = ["baseline", "query", "plurality"]
    table = paper_tables.table_2(stored, rows)
    assert table["gIoU", "step, paper"].tolist() == ["", "+2.54", "+1.18"]
    means = [float(text.split(" ")[0]) for text in table["gIoU", "here"]]
    steps = [float(re.match(r"[+-][\d.]+", text)[0]) for text in table["gIoU", "step, here"][1:]]
    assert np.diff(means) == pytest.approx(steps, abs=0.11)  # each is rounded to one decimal


def test_presence_without_the_threshold_and_by_the_truth(stored):
    table = paper_tables.without_one_half(stored, ["baseline", "rela"]).set_index("row")
    at_half = [stored["rela", seed].metrics("val")["gIoU"] for seed in range(3)]
    assert table.loc["rela", "gIoU at 0.5"].startswith(f"{np.mean(at_half):.1f}")
    means = paper_tables.means_on_val(stored, {"head": "rela", "truth": "rela@truth", "missing": "nothing"})
    assert list(means.index) == ["head", "truth"]
    assert means.loc["head", "gIoU"] == pytest.approx(np.mean(at_half))
    truth = [stored["rela", seed].metrics("val", "rela-truth")["gIoU"] for seed in range(3)]
    assert means.loc["truth", "gIoU"] == pytest.approx(np.mean(truth))
    worth = paper_tables.worth_of_presence(stored, ["rela"])
    assert worth.loc["rela", "truth over head"].startswith(f"{np.mean(truth) - np.mean(at_half):+.1f}")


def test_a_summary_has_every_seed_and_leaves_out_what_was_not_run(stored):
    table = paper_tables.summary(stored, ["query", "query-level4", "no such run"])
    assert table["seeds"].to_dict() == {"query": 3, "query-level4": 1}
    values = [stored["query", seed].metrics("val")["IoU multi"] for seed in range(3)]
    assert table.loc["query", "IoU multi"] == f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}"
    assert table.loc["query-level4", "N-acc"] == f"{stored['query-level4', 0].metrics('val')['N-acc']:.1f}"


def test_claims_table_has_a_verdict_for_every_claim(stored):
    verdicts = claims.judge(paper.claims(), stored)
    table = paper_tables.claims_table(verdicts)
    assert table["verdict"].isin([claims.HOLDS, claims.DIRECTION, claims.FAILS, claims.NOT_RUN]).all()
    assert table.loc[table["place"] == "Sec. 4.4, Table 2", "here"].str.contains("over").all()
    against_systems = table[table["claim"].str.contains("on every split and in every metric")]
    assert len(against_systems) == 2
    assert against_systems["here"].str.startswith("9 comparisons: ").all()


def test_differences_are_filled_where_sure_and_drawn_from_the_top():
    figure, axis = plt.subplots()
    charts.difference_points(axis, {"sure": Difference(2, 1, 3), "unsure": Difference(-1, -2, 1)}, [1.0, np.nan])
    sure, unsure = (container.lines[0] for container in axis.containers)
    assert sure.get_markerfacecolor() != "white"
    assert unsure.get_markerfacecolor() == "white"
    assert [label.get_text() for label in axis.get_yticklabels()] == ["sure", "unsure"]
    assert axis.yaxis_inverted()
    plt.close(figure)
