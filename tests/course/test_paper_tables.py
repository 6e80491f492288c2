"""The text of the tables against the numbers behind it, on the committed runs."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from grisq.analysis.significance import bootstrap_difference
from grisq.course import paper_tables
from grisq.experiments import comparison, diagnostic_tables, selection, tables
from grisq.runtime.paths import RESULTS

ROWS = ["baseline", "query", "plurality"]


@pytest.fixture(scope="module")
def stored():
    return selection.collect(RESULTS, "tiny")


def test_table_1_has_a_line_of_the_paper_and_one_of_ours(stored):
    table = paper_tables.table_1(stored, "tiny", {"tiny": {"lavt": {"step_s": 0.2555, "peak_mb": 707.0}}})
    source = table["", "source"]
    assert len(table) == 9 + 3
    assert (source == "paper (reported only)").sum() == 6
    assert table["val", "gIoU"][source == "paper"].tolist() == ["58.40", "63.60", "71.32"]
    lavt, rela, ours = table[source.str.startswith("run:tiny")].index
    assert source[ours] == "run:tiny, 3 seeds"
    numbers = tables.table_1(stored).loc["rela"]
    assert table.loc[rela, ("testA", "cIoU")] == "{mean:.1f} ± {std:.1f}".format(**numbers.loc["testA", "cIoU"])
    assert table.loc[rela, ("val", "T-acc")] == "{mean:.1f} ± {std:.1f}".format(**numbers.loc["val", "T-acc"])
    assert table.loc[lavt, ("cost", "step, ms")] == "256"
    assert table.loc[ours, ("cost", "memory, MB")] == "–"


def test_a_system_that_was_not_run_is_marked():
    table = paper_tables.table_1({}, "small", {})
    assert (table["", "source"] == "not run").sum() == 3
    assert not table["", "source"].str.startswith("run:").any()


def test_numbers_come_with_rules_data_and_counts(stored):
    text = paper_tables.about(stored)
    assert "protocol rela" in text
    assert "data f22f95d5aacf" in text
    assert "val 615/435/450" in text
    assert paper_tables.about({}) == "Nothing was run yet."


def test_table_2_has_means_and_steps_with_intervals_and_no_p(stored):
    table = paper_tables.table_2(stored, ROWS)
    assert isinstance(table.columns, pd.MultiIndex)  # two levels in HTML and LaTeX
    assert table["gIoU", "step, paper"].tolist() == ["", "+2.54", "+1.18"]
    numbers = tables.table_2(stored, ROWS).loc["query", "gIoU"]
    assert table.loc[1, ("gIoU", "here")] == "{mean:.1f} ± {std:.1f}".format(**numbers)
    assert table.loc[1, ("gIoU", "step, here")] == "{step:+.1f} ({low:+.1f} to {high:+.1f})".format(**numbers)
    assert table["", "seeds"].tolist() == [3, 3, 3]
    assert not table.map(lambda cell: ", p " in str(cell)).any(axis=None)


@pytest.mark.parametrize("metric", ["gIoU", "cIoU", "N-acc"])
def test_intervals_cover_what_their_note_names(stored, metric):
    """Trainings that differ as much as ours do, where the truth is known: both systems are equal."""
    rng, rows = np.random.default_rng(0), ["baseline", "query", "plurality", "no-target", "ours"]
    between_seeds = np.sqrt((tables.summary(stored, rows)["std"].xs(metric, level="metric") ** 2).mean())
    single = [comparison.tallies(stored, name)[:1] for name in rows]
    found = [bootstrap_difference(after, before, metric) for before, after in pairwise(single)]
    noise = np.mean([each.high - each.low for each in found]) / 2 / 1.96  # of pictures, one training each
    worlds, draws = 8000, 300
    system, reference = rng.normal(0, between_seeds, (2, worlds, 3))
    pictures = rng.normal(0, noise, worlds)
    resampled = [
        np.take_along_axis(each, rng.integers(3, size=(worlds, 3 * draws)), axis=1).reshape(worlds, draws, 3).mean(-1)
        for each in (system, reference)
    ]
    drawn = resampled[0] - resampled[1] + pictures[:, None] + rng.normal(0, noise, (worlds, draws))
    low, high = np.percentile(drawn, [2.5, 97.5], axis=1)
    assert "88 to 90 %" in paper_tables.INTERVALS
    assert np.mean((low <= 0) & (high >= 0)) == pytest.approx(0.89, abs=0.02)


def test_presence_without_the_threshold(stored):
    table = paper_tables.without_one_half(stored, ["rela", "baseline"])
    assert table["row"].tolist() == ["rela", "baseline"]
    numbers = diagnostic_tables.without_one_half(stored, ["rela"]).loc["rela"]
    assert table.loc[0, "gIoU at 0.5"] == "{mean:.1f} ± {std:.1f}".format(**numbers.loc["gIoU at 0.5"])
    assert table.loc[0, "own threshold"] == "{mean:.2f} ± {std:.2f}".format(**numbers.loc["own threshold"])
    assert table.loc[0, "area, presence"] == "{mean:.3f} ± {std:.3f}".format(**numbers.loc["area, presence"])


def test_the_worth_of_presence_has_intervals(stored):
    table = paper_tables.worth_of_presence(stored, ["rela"])
    numbers = diagnostic_tables.worth_of_presence(stored, ["rela"]).loc["rela"]
    for step in ("truth over head", "perfect masks over own"):
        assert table.loc["rela", step] == "{value:+.1f} ({low:+.1f} to {high:+.1f})".format(**numbers.loc[step])
    assert table.loc["rela", "gIoU under the truth"] == "{value:.1f}".format(**numbers.loc["gIoU under the truth"])


def test_a_summary_leaves_out_what_was_not_run(stored):
    table = paper_tables.summary(stored, ["query-level4", "query", "no such run"])
    assert table["seeds"].to_dict() == {"query-level4": 1, "query": 3}
    numbers = tables.summary(stored, ["query", "query-level4"])["mean"]
    assert table.loc["query", "IoU multi"].startswith(f"{numbers['query', 'IoU multi']:.1f} ± ")
    assert table.loc["query-level4", "N-acc"] == f"{numbers['query-level4', 'N-acc']:.1f}"


def test_nothing_was_run():
    assert paper_tables.table_2({}, []).empty
    assert paper_tables.summary({}, ["ours"]).empty
    assert paper_tables.worth_of_presence({}, []).empty
    assert paper_tables.without_one_half({}, []).empty
