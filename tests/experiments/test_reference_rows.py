"""Reference rows as results, and beside runs in the tables."""

import pytest

from grisq.course import paper_tables
from grisq.evaluation.metrics import metrics_of
from grisq.evaluation.outcomes import add_up
from grisq.experiments import comparison, tables
from grisq.experiments.reference_rows import MAKERS, save_references
from grisq.experiments.registry import REFERENCES
from grisq.experiments.results import load
from grisq.experiments.selection import collect, gather


@pytest.fixture(scope="module")
def references(mini, tmp_path_factory):
    folder = tmp_path_factory.mktemp("references")
    for path in save_references(mini, "test", folder, progress=False):
        load(path)
    return folder


def test_every_row_has_a_title_and_is_stored_like_a_run(references, mini):
    assert set(MAKERS) == set(REFERENCES)
    found = collect(references, "test")
    assert set(found) == {(name, 0) for name in REFERENCES}
    assert gather("test", mini.content_hash, references).keys() == found.keys()
    for result in found.values():
        assert set(result.samples) == {"val", "testA", "testB"}
        for split, samples in result.samples.items():
            for rule, name in (("head", "rela"), ("truth", "rela-truth")):
                values = metrics_of(add_up(samples.scores(rule))[0])
                assert result.metrics(split, name)["gIoU"] == pytest.approx(values["gIoU"])


def test_rows_stand_below_the_systems_in_both_tables(references):
    stored = collect(references, "test")
    runs = tables.reference_runs(stored)
    assert list(runs) == ["blind-nothing", "blind-words", "blind-all", "blind-all@truth", "blind-category"]
    first, second = tables.table_1(stored), tables.table_2(stored, ["baseline"])
    for table in (first.xs("val", level="split"), second):
        assert table.loc[("blind-nothing", "N-acc"), "mean"] == 100
        assert table.loc[("blind-all", "T-acc"), "mean"] == 100
        truth = comparison.means(stored, "blind-all@truth")["gIoU"]
        assert table.loc[("blind-all@truth", "gIoU"), "mean"] == pytest.approx(truth)
        assert table.loc["blind-all", "paper"].isna().all()
    text = paper_tables.table_1(stored, "test", {})
    assert text["", "system"].tolist()[-5:] == list(runs.values())
    assert set(text["", "source"][-5:]) == {"no training"}
    assert text["val", "N-acc"].tolist()[-5] == "100.0"
    rows = paper_tables.table_2(stored, ["baseline"])
    assert rows["", "row"].tolist() == ["baseline", *runs.values()]
    assert (rows["gIoU", "step, here"] == "").all()


def test_without_references_the_tables_have_none():
    assert tables.reference_runs({}) == {}
