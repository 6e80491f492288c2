"""docs/results.md and docs/systems.md hold the numbers of the stored runs; `make documents` writes them."""

import re

import documents
import pytest

from grisq.experiments.registry import EXPERIMENTS
from grisq.experiments.selection import collect
from grisq.runtime.paths import RESULTS

TABLE = "Before.\n\n| run (seeds) | val gIoU | N-acc |\n|---|---|---|\n| an old line | 1 | 2 |\n\nAfter.\n"


def test_the_documents_hold_the_numbers_of_the_stored_runs():
    stored = collect(RESULTS, "tiny")
    for path, fill in ((documents.RESULTS_PAGE, documents.fill_results), (documents.SYSTEMS, documents.fill_systems)):
        text = path.read_text(encoding="utf-8")
        assert text == fill(text, stored), f"{path.name} is not what `make documents` writes"


@pytest.mark.parametrize("path", documents.PAGES, ids=lambda path: path.name)
def test_the_pages_of_the_book_hold_the_tables_that_code_writes(path):
    text = path.read_text(encoding="utf-8")
    assert text == documents.store(text, documents.WRITERS), f"{path.name} is not what `make documents` writes"
    assert "| --- |" in text


def test_a_table_has_every_run_once_and_nothing_else_changes(stored):
    text = documents.fill_results(TABLE, stored)
    assert text.startswith("Before.\n\n| run (seeds) | val gIoU | N-acc |\n|---|---|---|\n| baseline (5) | ")
    assert text.endswith(" |\n\nAfter.\n")
    titles = [
        line.split(" | ")[0].rsplit(" (", 1)[0][2:] for line in text.splitlines() if re.search(r"\(\d\) \| ", line)
    ]
    assert len(titles) == len(set(titles))
    assert set(titles) == {EXPERIMENTS[name].title for name, _ in stored}


def test_a_page_has_the_papers_numbers_and_where_it_was_run_ours(stored):
    text = "".join(f"## {name} (x)\n\n* *Published*: old.\n\n" for name in documents.paper.systems()["name"])
    filled = documents.fill_systems(text, {("ours", 0): stored["ours", 0]})
    assert "## LTS (x)\n\n* *Published* (val): gIoU 52.70, cIoU 52.30, N-acc –.\n\n## VLT" in filled
    ours = stored["ours", 0].metrics("val")
    assert f"* *Here* (val, 1 seed): gIoU {ours['gIoU']:.1f}, cIoU {ours['cIoU']:.1f}, N-acc" in filled
    assert documents.fill_systems(filled, {("ours", 0): stored["ours", 0]}) == filled
