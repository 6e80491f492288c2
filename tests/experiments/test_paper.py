import importlib
import math

import numpy as np
import pytest

from grisq.analysis.significance import METRICS
from grisq.experiments import paper
from grisq.experiments.registry import EXPERIMENTS
from grisq.runtime.errors import InputError
from grisq.runtime.files import write_json
from grisq.runtime.paths import NOTEBOOKS, ROOT


def test_table_1_has_nine_systems_and_dashes_where_the_paper_has():
    table = paper.table1()
    assert table.shape == (9, 9)
    dashes = {(key, column) for key in table.index for column in table.columns if math.isnan(table.loc[key, column])}
    assert dashes == {(key, (split, "N-acc")) for key in ("lts", "cris") for split in ("val", "testA", "testB")}
    assert paper.systems().loc[["lavt", "rela", "ours"], "backbone_parameters_m"].tolist() == [87.7] * 3
    assert list(paper.systems().query("lmm").index) == ["lisa", "gsva"]


def test_table_1_and_table_2_agree_on_ours():
    last = paper.table2().loc["ours", ["gIoU", "cIoU", "N-acc"]]
    assert last.tolist() == paper.table1().loc["ours", "val"].tolist()


def test_what_is_best_in_table_1():
    """Ours everywhere, but for cIoU on testB: there LISA and GSVA are better, against the text."""
    best = paper.table1().idxmax().to_dict()
    assert best.pop(("testB", "cIoU")) == "lisa"
    assert set(best.values()) == {"ours"}
    column = paper.table1()[("testB", "cIoU")]
    assert list(column[column > column["ours"]].index) == ["lisa", "gsva"]


def test_switches_of_table_2_go_on_one_after_the_other():
    table = paper.table2()
    assert table[["target_query", "plurality", "da_no", "da_multi"]].sum(axis=1).tolist() == [0, 1, 2, 3, 4]
    assert list(table.index) == ["baseline", "query", "plurality", "no-target", "ours"]


def test_prose_of_section_4_4_follows_from_table_2():
    steps = paper.table2()[["gIoU", "cIoU", "N-acc"]].astype(float).diff().round(2)
    assert steps.loc["query", ["gIoU", "cIoU"]].tolist() == [2.54, 4.24]
    assert steps.loc["plurality"].tolist() == [1.18, 1.19, 1.82]
    assert steps.loc["no-target", ["gIoU", "N-acc"]].tolist() == [3.13, 13.86]
    assert steps.loc["no-target", "cIoU"] < 0
    assert (steps.loc["ours"] > 0).all()


def test_figures_follow_from_the_tables():
    four, table1, table2 = paper.figure4(), paper.table1(), paper.table2()
    metrics = ["gIoU", "cIoU", "N-acc"]
    assert four.loc[("rela", False)].tolist() == table1.loc["rela", "val"].tolist()
    assert four.loc[("ours", False)].tolist() == table2.loc["plurality", metrics].tolist()
    assert four.loc[("ours", True)].tolist() == table2.loc["ours", metrics].tolist()
    assert four.loc[("rela", True)].isna().all()
    rela = table1.loc["rela", ("val", "gIoU")]
    bars = paper.figure5a().set_index("run")["gIoU"]
    assert bars["rela@pixels"] == pytest.approx(rela - 0.27)
    assert bars["rela@truth"] == pytest.approx(rela + 18.04)


def test_fifty_pixels_are_two_hundredths_of_a_percent():
    assert round(100 * 50 / 480**2, 2) == 0.02


def values_of(run, split):
    """The paper's own numbers of a run, from its tables."""
    table1, table2, bars = paper.table1(), paper.table2(), paper.figure5a().set_index("run")["gIoU"]
    if run in bars.index and "@" in run:
        return {"gIoU": bars[run]}
    if run in table2.index and split == "val":
        return table2.loc[run, ["gIoU", "cIoU", "N-acc"]].to_dict()
    return table1.loc[run, split].to_dict()


@pytest.mark.parametrize("claim", paper.claims(), ids=lambda claim: claim.id)
def test_amounts_of_a_claim_follow_from_the_tables(claim):
    for evidence in claim.evidence:
        if evidence.test in ("difference", "explained by presence"):
            for metric, points in evidence.metrics.items():
                if points is not None:
                    system, reference = (
                        values_of(run, evidence.split)[metric] for run in (evidence.system, evidence.reference)
                    )
                    assert points == pytest.approx(system - reference, abs=0.005)


@pytest.mark.parametrize("claim", paper.claims(), ids=lambda claim: claim.id)
def test_a_claim_is_about_runs_that_there_are_or_says_why_not(claim):
    assert bool(claim.evidence) != bool(claim.not_run)
    assert claim.arithmetic
    for evidence in claim.evidence:
        for run in evidence.runs:
            assert run.partition("@")[0] in EXPERIMENTS
            assert run.partition("@")[2] in ("", "pixels", "truth", "masks")
        assert (evidence.reference is None) == (evidence.test in ("at least", "contrast"))


def test_effects_of_the_two_by_two_are_contrasts():
    """Weights add up to zero; each effect is at right angles to the others."""
    runs = ("baseline", "query", "baseline-augmented", "query-augmented")
    found = [
        [evidence.weights[run] for run in runs]
        for claim in paper.claims()
        for evidence in claim.evidence
        if set(evidence.weights or ()) & set(runs)
    ]
    products = np.array(found) @ np.array(found).T
    assert len(found) == 3
    assert np.array_equal(products, np.diag(np.diag(products)))
    assert np.array(found).sum(1).tolist() == [0, 0, 0]


def test_claims_have_titles_that_fit_into_a_figure():
    titles = [claim.title for claim in paper.claims()]
    assert all(0 < len(title) <= 40 for title in titles)
    assert len(set(titles)) == len(titles)
    own = [claim.id for claim in paper.claims() if claim.own]
    assert own == [
        "query-main-effect",
        "augmentation-main-effect",
        "query-augmentation-overlap",
        "query-not-parameters",
        "augmentation-helps-others",
    ]


def test_the_tables_have_the_metrics_that_are_named_once():
    assert tuple(paper.table1().columns.unique(1)) == paper.METRICS
    assert set(paper.METRICS) <= set(paper.table2().columns)
    assert set(paper.METRICS) <= set(METRICS)


def test_a_broken_claim_is_named(tmp_path):
    path = tmp_path / "claims.json"
    claim = {"id": "first", "place": "", "claim": "", "arithmetic": ""}
    evidence = {"test": "difference", "system": "ours", "reference": "rela", "split": "val", "metrics": {"gIoU": 1.0}}
    for broken, message in (
        (claim, "missing required field `evidence`"),
        (claim | {"evidence": [evidence | {"over": "rela"}]}, "unknown field `over`.*evidence"),
        (claim | {"evidence": [evidence | {"test": "differnce"}]}, "'differnce'.*test"),
        (claim | {"evidence": [evidence | {"reference": None}]}, "`difference` needs the field `reference`.*evidence"),
        (claim | {"evidence": [evidence | {"test": "at least"}]}, "`at least` needs the field `when`.*evidence"),
        (claim | {"evidence": [evidence | {"system": None}]}, "`difference` needs the field `system`.*evidence"),
        (claim | {"evidence": [evidence | {"test": "contrast"}]}, "`contrast` needs the field `weights`.*evidence"),
        (claim | {"evidence": [evidence | {"metrics": {"gIoU": "high"}}]}, "got `str`.*metrics"),
    ):
        write_json(path, {"claims": [broken]})
        with pytest.raises(InputError, match=rf"claims\.json: claim first cannot be read .*{message}"):
            paper.claims(path)
    write_json(path, {"claims": [claim | {"evidence": [evidence]}]})
    assert paper.claims(path)[0].evidence[0].reference == "rela"
    write_json(path, {"verdicts": []})
    with pytest.raises(InputError, match=r'claims\.json has no list "claims"'):
        paper.claims(path)


def test_every_equation_is_where_the_map_says():
    for line in paper.equations().itertuples():
        module, _, name = line.module.rpartition(".")
        assert hasattr(importlib.import_module(module), name)
        assert (NOTEBOOKS / f"{line.notebook}.ipynb").is_file()
        assert (ROOT / line.test).is_file()
