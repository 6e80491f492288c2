"""The text of the tables against the numbers behind it, on the committed runs."""

import re

import msgspec
import numpy as np
import pandas as pd
import pytest

from grisq.course import paper_tables
from grisq.course import tables as course_tables
from grisq.experiments import comparison, diagnostic_tables, selection, tables
from grisq.experiments.registry import label_of

ROWS = ["baseline", "query", "plurality"]


def test_table_1_has_a_line_of_the_paper_and_one_of_ours(stored):
    table = paper_tables.table_1(
        stored, "tiny", {"tiny": {"lavt": {"step_s": 0.2555, "peak_mb": 707.0, "parameters": 1_470_997}}}
    )
    source = table["", "source"]
    assert len(table) == 9 + 9
    assert (source == "paper").sum() == 9
    assert table["val", "gIoU"][source == "paper"].tolist()[4:6] == ["58.40", "63.60"]
    lines = table.index[table["", "system"].isin(["LAVT", "ReLA", "Ours"])] + 1
    lavt, rela, ours = lines
    assert source[ours] == f"run:tiny, {len(selection.seeds_of(stored, 'ours'))} seeds"
    numbers = tables.table_1(stored).loc["rela"]
    assert table.loc[rela, ("testA", "cIoU")] == "{mean:.1f} ± {std:.1f}".format(**numbers.loc["testA", "cIoU"])
    assert table.loc[rela, ("val", "T-acc")] == "{mean:.1f} ± {std:.1f}".format(**numbers.loc["val", "T-acc"])
    assert table.loc[lavt, ("cost", "step, ms")] == "256"
    assert table.loc[ours, ("cost", "memory, MB")] == "–"


def test_a_cost_of_a_model_of_another_size_is_not_shown(stored):
    measured = {"tiny": {"lavt": {"step_s": 0.2555, "peak_mb": 707.0, "parameters": 3_452_517}}}
    table = paper_tables.table_1(stored, "tiny", measured)
    assert set(table.loc[table["", "source"].str.startswith("run:tiny"), ("cost", "step, ms")]) == {"–"}


def test_a_system_that_was_not_run_is_marked():
    table = paper_tables.table_1({}, "small", {})
    assert (table["", "source"] == "not run").sum() == 9
    assert not table["", "source"].str.startswith("run:").any()


def test_numbers_come_with_rules_data_and_counts(stored):
    text = paper_tables.about(stored)
    assert "protocol rela" in text
    assert f"data {stored['ours', 0].data[:12]} with" in text
    assert "val 615/435/450" in text
    assert paper_tables.about({}) == "Nothing was run yet."
    chose_a_rate = msgspec.structs.replace(stored["ours", 0], results={})  # on held-out pictures of train
    assert paper_tables.about({("a", 0): chose_a_rate, ("ours", 0): stored["ours", 0]}) == text


def test_table_2_has_means_and_steps_with_intervals_and_no_p(stored):
    table = paper_tables.table_2(stored, ROWS)
    assert isinstance(table.columns, pd.MultiIndex)  # two levels in HTML and LaTeX
    assert table["gIoU", "step, paper"].tolist() == ["", "+2.54", "+1.18"]
    numbers = tables.table_2(stored, ROWS).loc["query", "gIoU"]
    assert table.loc[1, ("gIoU", "here")] == "{mean:.1f} ± {std:.1f}".format(**numbers)
    assert table.loc[1, ("gIoU", "step, here")] == "{step:+.1f} ({low:+.1f} to {high:+.1f})".format(**numbers)
    assert table["", "seeds"].tolist() == [len(selection.seeds_of(stored, name)) for name in ROWS]
    assert not table.map(lambda cell: ", p " in str(cell)).any(axis=None)


def test_headers_in_html_are_words_and_not_tuples(stored, tmp_path):
    for name, table in (("1", paper_tables.table_1(stored, "tiny", {})), ("2", paper_tables.table_2(stored, ROWS))):
        html = course_tables.save(table, name, "A caption.", tmp_path)[1].read_text(encoding="utf-8")
        heads = re.findall(r"<th[^>]*>(.*?)</th>", html)
        assert {"gIoU", "N-acc"} <= set(heads)
        assert not any("(" in head for head in heads)


def test_a_step_between_single_seeds_has_no_interval(stored):
    alone = {key: result for key, result in stored.items() if key[1] == 0}
    table = paper_tables.table_2(alone, ROWS)
    assert table["gIoU", "step, here"].str.fullmatch(r"[+-]\d+\.\d \(no interval\)").tolist() == [False, True, True]
    assert table["gIoU", "here"].str.contains("±").sum() == 0


def test_a_gap_by_its_parts(stored):
    table = paper_tables.gap_by_part(stored, [("ours", "rela"), ("ours", "missing"), ("lavt", "ours")])
    assert table["row"].tolist() == ["ours over ReLA", "LAVT over ours"]
    found = comparison.decompose_gap(stored, "ours", "rela")
    parts = [part for part in found if part != comparison.PRESENCE]
    assert list(table.columns) == ["row", *parts]
    assert table.loc[0, parts].tolist() == [found[part].describe() for part in parts]
    assert paper_tables.gap_by_part({}, [("ours", "rela")]).empty


def test_presence_without_the_threshold(stored):
    table = paper_tables.threshold_free_presence(stored, ["rela", "baseline"])
    assert table["row"].tolist() == [label_of("rela"), label_of("baseline")]
    numbers = diagnostic_tables.threshold_free_presence(stored, ["rela"]).loc["rela"]
    assert table.loc[0, "gIoU at 0.5"] == "{mean:.1f} ± {std:.1f}".format(**numbers.loc["gIoU at 0.5"])
    assert table.loc[0, "own threshold"] == "{mean:.2f} ± {std:.2f}".format(**numbers.loc["own threshold"])
    assert table.loc[0, "AUROC, presence"] == "{mean:.1f} ± {std:.1f}".format(**numbers.loc["AUROC, presence"])
    kinds = np.random.default_rng(0).choice(["near", "far"], 100_000)
    numbers = diagnostic_tables.threshold_free_presence(stored, ["rela"], kinds).loc["rela"]
    table = paper_tables.threshold_free_presence(stored, ["rela"], kinds)
    for name in ("AUROC, near no-target", "AUROC, far no-target"):
        assert table.loc[0, name] == "{mean:.1f} ± {std:.1f}".format(**numbers.loc[name])


def test_the_oracle_gains_has_intervals(stored):
    table = paper_tables.oracle_gains(stored, ["rela"])
    numbers = diagnostic_tables.oracle_gains(stored, ["rela"]).loc["rela"]
    for step in ("truth over head", "perfect masks over own"):
        assert table.loc[0, step] == "{value:+.1f} ({low:+.1f} to {high:+.1f})".format(**numbers.loc[step])
    assert table.loc[0, "gIoU under the truth"] == "{value:.1f}".format(**numbers.loc["gIoU under the truth"])


def test_a_summary_leaves_out_what_was_not_run(stored):
    one = {key: result for key, result in stored.items() if key[0] != "ours" or key[1] == 0}
    table = paper_tables.summary(one, ["ours", "query", "no such run"])
    assert table["row"].tolist() == [label_of("ours"), label_of("query")]
    assert table["seeds"].tolist() == [1, len(selection.seeds_of(stored, "query"))]
    numbers = tables.summary(one, ["query", "ours"])["mean"]
    assert table.loc[1, "IoU multi"].startswith(f"{numbers['query', 'IoU multi']:.1f} ± ")
    assert table.loc[0, "N-acc"] == f"{numbers['ours', 'N-acc']:.1f}"


def test_nothing_was_run():
    assert paper_tables.table_2({}, []).empty
    assert paper_tables.summary({}, ["ours"]).empty
    assert paper_tables.oracle_gains({}, []).empty
    assert paper_tables.threshold_free_presence({}, []).empty


@pytest.mark.parametrize(
    "table",
    [
        paper_tables.summary,
        paper_tables.threshold_free_presence,
        paper_tables.oracle_gains,
        paper_tables.recall_of_objects,
    ],
)
def test_every_line_of_a_saved_table_names_its_run(stored, tmp_path, table):
    names = ["ours", "rela"]
    csv = course_tables.save(table(stored, names), "table", "A caption.", tmp_path)[-1]
    assert pd.read_csv(csv)["row"].tolist() == [label_of(name) for name in names]
