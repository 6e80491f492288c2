"""On the committed runs: what the tables hold is what the results say."""

import numpy as np
import pytest

from grisq.analysis.thresholds import at_own_threshold
from grisq.experiments import comparison, diagnostic_tables, paper, tables
from grisq.experiments.registry import EXPERIMENTS, REFERENCES
from grisq.experiments.selection import collect, runs_of, seeds_of
from grisq.models.registry import SYSTEMS
from grisq.runtime.paths import RESULTS


def values(stored, run, metric, split="val", protocol="rela"):
    return [result.results[split]["protocols"][protocol][metric] for result in runs_of(stored, run)]


def test_every_run_that_a_table_needs_is_committed_with_its_seeds():
    committed = collect(RESULTS, "tiny")
    assert all(seeds_of(committed, name) == list(range(each.seeds)) for name, each in EXPERIMENTS.items())
    assert all(seeds_of(committed, name) == [0] for name in REFERENCES)
    assert len({result.data for result in committed.values()}) == 1


def test_every_system_that_is_built_has_its_line_in_table_1():
    assert list(tables.built_systems()) == list(paper.table1().index)  # in the paper's order, none left out
    assert set(tables.built_systems().values()) == set(SYSTEMS)


def test_table_1_has_the_papers_values_and_our_means(stored):
    table = tables.table_1(stored)
    assert len(table) == 9 * (3 * 5 + 2)
    assert table.loc[("rela", "val", "gIoU"), "paper"] == 63.60
    line = table.loc["rela", "testA", "cIoU"]
    assert line["mean"] == pytest.approx(np.mean(values(stored, "rela", "cIoU", "testA")))
    assert line["std"] == pytest.approx(np.std(values(stored, "rela", "cIoU", "testA"), ddof=1))
    assert line["seeds"] == len(seeds_of(stored, "rela"))
    assert np.isnan(table.loc[("rela", "val", "T-acc"), "paper"])
    without = tables.table_1({key: result for key, result in stored.items() if key[0] != "gsva"}).loc["gsva"]
    assert without["mean"].isna().all()
    assert (without["seeds"] == 0).all()


def test_steps_of_table_2_are_differences_of_the_means(stored):
    table = tables.table_2(stored, ["baseline", "query", "plurality"])
    gains = table["mean"].groupby(level="metric").diff().dropna()
    assert gains.to_dict() == pytest.approx(table["step"].dropna().to_dict())
    steps = table.xs("gIoU", level="metric")["paper_step"]
    assert steps.round(2).tolist()[1:] == [2.54, 1.18]
    inside = table.dropna(subset=["step", "low"])
    assert set(inside.index.unique("metric")) == {"gIoU", "cIoU", "N-acc", "T-acc", "MCC"}
    assert ((inside["low"] <= inside["step"]) & (inside["step"] <= inside["high"])).all()
    assert table.loc["baseline", ["step", "low", "high", "paper_step"]].isna().all(axis=None)


def test_giou_restated_at_the_shares_of_two_val_splits(stored):
    """ReLA's line by hand: 63.60 = 0.4135 * 56.37 + 0.5865 * 68.70, and 62.58 % of today's val is no-target."""
    shares = tables.val_shares()
    assert [share.name for share in shares] == ["gIoU at 41 %", "gIoU at 63 %"]
    assert [round(share.value, 4) for share in shares] == [0.4135, 0.6258]
    table = tables.table_1(stored)
    assert table.loc[("rela", "val", "gIoU at 41 %"), "paper"] == pytest.approx(63.60)
    assert table.loc[("rela", "val", "gIoU at 63 %"), "paper"] == pytest.approx(60.98, abs=0.01)
    own = [result.metrics("val") for (name, _), result in stored.items() if name == "rela"]
    targeted = [(each["IoU single"] * 435 + each["IoU multi"] * 450) / 885 for each in own]
    wanted = np.mean([0.6258 * each["N-acc"] + 0.3742 * iou for each, iou in zip(own, targeted)])
    assert table.loc[("rela", "val", "gIoU at 63 %"), "mean"] == pytest.approx(wanted, abs=0.01)
    assert np.isnan(table.loc[("lts", "val", "gIoU at 63 %"), "paper"])  # its N-acc is not reported
    assert table.loc[("lts", "val", "gIoU at 41 %"), "paper"] == table.loc[("lts", "val", "gIoU"), "paper"]


def test_the_summary_has_every_seed_and_leaves_out_what_was_not_run(stored):
    one = {key: result for key, result in stored.items() if key[0] != "ours" or key[1] == 0}
    table = tables.summary(one, ["query", "ours", "no such run"])
    assert list(table.index.unique("run")) == ["query", "ours"]
    assert table.loc[("query", "IoU multi"), "std"] == pytest.approx(
        np.std(values(stored, "query", "IoU multi"), ddof=1)
    )
    assert table.loc[("ours", "N-acc"), "seeds"] == 1
    assert np.isnan(table.loc[("ours", "N-acc"), "std"])


def test_presence_without_the_threshold(stored):
    table = diagnostic_tables.threshold_free_presence(stored, ["baseline", "rela"])
    assert table.loc[("rela", "gIoU at 0.5"), "mean"] == pytest.approx(np.mean(values(stored, "rela", "gIoU")))
    own = [at_own_threshold(result.samples["val"]).giou for result in runs_of(stored, "rela")]
    assert table.loc[("rela", "gIoU, own threshold"), "mean"] == pytest.approx(np.mean(own))
    assert table["mean"].xs("AUROC, presence", level=1).between(50, 100).all()


def test_the_oracle_gains_and_of_masks(stored):
    table = diagnostic_tables.oracle_gains(stored, ["rela", "ours"])
    own, truth = (np.mean(values(stored, "rela", "gIoU", protocol=name)) for name in ("rela", "rela-truth"))
    assert table.loc[("rela", "truth over head"), "value"] == pytest.approx(truth - own)
    assert table.loc[("rela", "gIoU under the truth"), "value"] == pytest.approx(truth)
    for name in ("rela", "ours"):
        gain = comparison.means(stored, f"{name}@masks")["gIoU"] - np.mean(values(stored, name, "gIoU"))
        assert table.loc[(name, "perfect masks over own"), "value"] == pytest.approx(gain)


def test_means_by_title_leave_out_what_was_not_run(stored):
    means = tables.means_on_val(stored, {"head": "rela", "truth": "rela@truth", "missing": "nothing"})
    assert list(means.index) == ["head", "truth"]
    assert tuple(means.columns) == paper.METRICS
    assert means.loc["head", "gIoU"] == pytest.approx(np.mean(values(stored, "rela", "gIoU")))
    assert means.loc["truth", "gIoU"] == pytest.approx(np.mean(values(stored, "rela", "gIoU", protocol="rela-truth")))


def test_a_frame_has_a_line_for_every_run_split_and_seed(stored):
    frame = tables.frame(stored)
    assert frame.loc[("rela", "testA", 1), "cIoU"] == stored["rela", 1].metrics("testA")["cIoU"]
    assert len(frame) == 3 * len(stored)
    assert tables.frame({}).empty


def test_mean_and_spread_of_few_seeds():
    assert tables.mean_and_spread([1.0, 3.0]) == (2.0, pytest.approx(2**0.5))
    assert tables.mean_and_spread([5.0])[0] == 5
    assert np.isnan(tables.mean_and_spread([5.0])[1])
    assert np.isnan(tables.mean_and_spread([])).all()


def test_nothing_was_run(stored):
    assert len(tables.table_1({})) == 9 * (3 * 5 + 2)
    assert tables.table_1({})["mean"].isna().all()
    assert tables.table_2({}, []).empty
    assert tables.summary({}, ["ours"]).empty
    assert diagnostic_tables.threshold_free_presence({}, []).empty
