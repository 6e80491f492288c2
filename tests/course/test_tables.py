import csv

import numpy as np
import pandas as pd
import pytest

from grisq.course import tables


@pytest.fixture
def table():
    columns = pd.MultiIndex.from_tuples([("", "system"), ("val", "gIoU"), ("val", "N-acc")])
    return pd.DataFrame([["R&D_50%", "39.2 ± 0.8", None], ["ours", "41.0", "7.5"]], columns=columns)


def test_four_formats_say_the_same(table, tmp_path):
    paths = tables.save(table, "test", "A caption of 100 %.", tmp_path)
    assert [path.suffix for path in paths] == [".md", ".html", ".tex", ".csv"]
    markdown, html, latex, comma = (path.read_text(encoding="utf-8") for path in paths)
    rows = list(csv.reader(comma.splitlines()))
    assert rows == [["system", "val gIoU", "val N-acc"], ["R&D_50%", "39.2 ± 0.8", "–"], ["ours", "41.0", "7.5"]]
    assert markdown.splitlines()[-1] == "| ours | 41.0 | 7.5 |"
    assert html.count("<tr") == 2 + 2  # two levels of columns, two lines
    assert "<caption>A caption of 100 %.</caption>" in html
    assert r"R\&D\_50\%" in latex
    assert r"$\pm$" in latex
    assert r"\caption{A caption of 100 \%.}" in latex


def test_a_second_time_gives_the_same_bytes(table, tmp_path):
    first = [path.read_bytes() for path in tables.save(table, "test", "A caption.", tmp_path)]
    assert [path.read_bytes() for path in tables.save(table, "test", "A caption.", tmp_path)] == first


def test_spread_without_a_second_seed_is_a_mean():
    assert tables.spread(39.24, 0.81) == "39.2 ± 0.8"
    assert tables.spread(39.24, np.nan) == "39.2"
    assert tables.spread(np.nan, np.nan) == "–"


def test_a_part_is_shown_and_the_whole_is_folded(table, monkeypatch):
    shown = []
    monkeypatch.setattr(tables, "display", lambda html: shown.append(html.data))
    tables.show_part(table, "A caption.", table.iloc[:1])
    (html,) = shown
    before, folded = html.split("<details>")
    assert before.count("<caption>A caption.</caption>") == 1
    assert ("39.2 ± 0.8" in before, "41.0" in before) == (True, False)
    assert "<summary>The whole table: 2 rows, 3 columns</summary>" in folded
    assert "41.0" in folded
    assert "caption" not in folded
