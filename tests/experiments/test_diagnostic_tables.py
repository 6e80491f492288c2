"""What stands behind the metrics, on made up results, against numbers that follow from how these were made."""

import copy
import json

import numpy as np
import pytest

from grisq.course import paper_tables
from grisq.evaluation.counterfactual import PairOutcomes
from grisq.experiments import diagnostic_tables
from grisq.experiments.registry import label_of
from grisq.experiments.results import SCHEMA, load, save


@pytest.fixture(scope="module")
def results(make_result):
    """Masks right for 60 and 80 %, both systems with the same presence; "bare" without a head."""
    made = {
        (name, seed): make_result(name, seed, iou=iou, denied=0.2, noticed=0.5, has_head=name != "bare")
        for name, iou in (("lavt", 0.6), ("ours", 0.8), ("bare", 0.6))
        for seed in range(2)
    }
    for (name, _), result in made.items():
        samples = result.samples["val"]
        samples.instance_pixels = [[100] * count for count in samples.target_count]
        samples.instance_covered = [[both // 10] * n for both, n in zip(samples.intersection, samples.target_count)]
        result.experiment = name
    right = [True, True, False, False]
    made["ours", 0].counterfactual = PairOutcomes(
        "hash",
        [1, 2, 3, 4],
        ["color", "color", "removed", "removed"],
        [""] * 4,
        [0.9] * 4,
        [0.1, 0.8, 0.2, 0.95],
        right,
        [False] * 4,
    )
    return made


def shares(results, name):
    """Of each seed the share of right masks, of targets not denied, and of both at once, and of no-targets noticed."""
    for seed in range(2):
        samples = results[name, seed].samples["val"]
        target = np.array(samples.target_count) > 0
        present = np.array(samples.presence) >= 0.5
        right = np.array(samples.intersection) > 0
        yield right[target].mean(), present[target].mean(), (right & present)[target].mean(), ~present[~target]


def test_one_part_perfect(results):
    table = diagnostic_tables.oracle_presence_and_masks(results, ["ours", "no such run"])["mean"].loc["ours"]
    found = list(shares(results, "ours"))
    noticed = np.mean([each.mean() for *_, each in found])
    assert table["as it is", "gIoU"] == pytest.approx(50 * (noticed + np.mean([both for _, _, both, _ in found])))
    assert table["perfect presence", "gIoU"] == pytest.approx(50 * (1 + np.mean([right for right, *_ in found])))
    assert table["perfect masks", "gIoU"] == pytest.approx(50 * (noticed + np.mean([here for _, here, *_ in found])))
    assert table["perfect masks", "N-acc"] == table["as it is", "N-acc"]
    assert table["perfect masks", "T-acc"] == table["as it is", "T-acc"]
    assert (table["perfect presence", "N-acc"], table["perfect presence", "T-acc"]) == (100, 100)


def test_recall_is_that_of_the_masks(results):
    table = diagnostic_tables.recall_of_objects(results, ["ours", "lavt"])["mean"]
    for name in ("ours", "lavt"):
        right = np.mean([found[0] for found in shares(results, name)])
        assert table[name, "objects of 1"] == pytest.approx(100 * right)
        assert np.isnan(table[name, "objects of 2"])


def test_thresholds_by_the_head_and_by_the_mask(results):
    table = diagnostic_tables.thresholds(results, ["ours", "bare"])["mean"]
    here = np.mean([100 * found[1] for found in shares(results, "ours")])
    assert table["ours", "head at 0.5", "T-acc"] == pytest.approx(here)
    assert table["ours", "50 pixels", "T-acc"] == 100  # every mask has 1000 pixels
    assert table["ours", "head, T-acc >= 95", "T-acc"] == 100
    assert table["ours", "head, best gIoU", "gIoU"] >= table["ours", "head, T-acc >= 95", "gIoU"]
    assert [*dict.fromkeys(rule for run, rule, _ in table.index if run == "bare")] == [
        "50 pixels",
        "mask size, best gIoU",
        "mask size, T-acc >= 95",
    ]


def test_every_run_with_a_threshold_of_its_own_on_what_decides(results):
    """By the head where there is one, otherwise by the size of the mask; beside the answers as they are."""
    table = diagnostic_tables.own_thresholds(results, ["ours", "bare", "no such run"])["mean"]
    rules = diagnostic_tables.thresholds(results, ["ours", "bare"])["mean"]
    for name, own, fixed in (("ours", "head, best gIoU", "head at 0.5"), ("bare", "mask size, best gIoU", "50 pixels")):
        for metric in ("gIoU", "N-acc", "T-acc"):
            assert table[name, f"{metric}, own threshold"] == rules[name, own, metric]
            assert table[name, f"{metric}, as it is"] == rules[name, fixed, metric]
    assert table["bare", "AUROC"] == 50
    assert table["ours", "pairs ranked right"] == 75
    assert np.isnan(table["bare", "pairs ranked right"])
    assert list(table.index.unique("run")) == ["ours", "bare"]
    assert paper_tables.own_thresholds(results, ["bare"]).loc[0, "AUROC"] == "50.0 ± 0.0"


def test_a_run_without_head_has_no_threshold_of_presence(results):
    table = diagnostic_tables.threshold_free_presence(results, ["bare", "ours"])
    assert np.isnan(table.loc[("bare", "gIoU, own threshold"), "mean"])
    assert table.loc[("bare", "AUROC, mask size"), "mean"] == 50
    assert table.loc[("ours", "T-acc, own threshold"), "mean"] <= 100


def test_the_area_against_a_kind_of_no_target_is_scikit_learns(results):
    from sklearn.metrics import roc_auc_score

    samples = results["ours", 0].samples["val"]
    kinds = np.random.default_rng(0).choice(["near", "far"], max(samples.row) + 1)
    table = diagnostic_tables.threshold_free_presence({("ours", 0): results["ours", 0]}, ["ours"], kinds)
    targeted = np.array(samples.target_count) > 0
    for kind in ("near", "far"):
        asked = targeted | (kinds[samples.row] == kind)
        expected = roc_auc_score(targeted[asked], np.array(samples.presence)[asked])
        assert table.loc[("ours", f"AUROC, {kind} no-target"), "mean"] == pytest.approx(100 * expected)


def test_pairs_of_the_runs_that_have_them(results):
    table = diagnostic_tables.counterfactual(results, ["lavt", "ours"])["mean"]
    assert list(table.index.unique("run")) == ["ours"]
    assert table["ours", "all", "pairs"] == 4
    assert table["ours", "all", "pair accuracy"] == 50
    assert table["ours", "removed", "pair accuracy"] == 0
    assert table["ours", "all", "ranking accuracy"] == 75


def test_objects_and_pairs_are_stored_and_read(results, tmp_path):
    stored = results["ours", 0]
    path = save(stored, tmp_path)
    again = load(path)
    assert again.samples["val"].instance_covered == stored.samples["val"].instance_covered
    assert again.counterfactual == stored.counterfactual
    assert again.schema == SCHEMA
    lines = path.read_text().splitlines()
    settings = len(json.dumps(stored.settings, indent=1).splitlines())
    assert len(lines) - settings < 120 < max(len(line) for line in lines)  # lists of lists on one line too


def test_texts_have_the_numbers(results):
    names = ["lavt", "ours"]
    perfect = paper_tables.oracle_presence_and_masks(results, names)
    numbers = diagnostic_tables.oracle_presence_and_masks(results, names)["mean"]
    gain = numbers["ours", "perfect masks", "gIoU"] - numbers["ours", "as it is", "gIoU"]
    assert perfect.loc[1, ("perfect masks", "gain")] == f"{gain:+.1f}"
    assert perfect.loc[0, ("as it is", "T-acc")].startswith(f"{numbers['lavt', 'as it is', 'T-acc']:.1f} ± ")
    rules = paper_tables.thresholds(results, names)
    assert len(rules) == 12
    assert rules.columns.tolist() == ["row", "presence by", "gIoU", "N-acc", "T-acc", "threshold"]
    assert rules.loc[0, "threshold"] == ""
    assert paper_tables.counterfactual(results, names).loc[0, ["edit", "pairs", "pair accuracy"]].tolist() == [
        "all",
        "4",
        "50.0",
    ]
    assert paper_tables.recall_of_objects(results, names).set_index("row").loc[label_of("ours"), "objects of 2"] == "–"


def test_nothing_was_run():
    for make in ("oracle_presence_and_masks", "thresholds", "recall_of_objects", "counterfactual"):
        assert getattr(paper_tables, make)({}, ["ours"]).empty
        assert getattr(diagnostic_tables, make)({}, ["ours"]).empty


def test_other_ways_stand_below_the_usual_one(results):
    made = {key: copy.copy(result) for key, result in results.items()}
    for seed, alone in enumerate((40.0, 60.0)):
        usual = {"gIoU": 1.0, "cIoU": 2.0, "N-acc": alone, "T-acc": 3.0}
        made["ours", seed].results = {"val": {"protocols": {"rela": usual}}}
        made["ours", seed].variants = {"in turn": {"N-acc": alone - 10}, "at once": {"N-acc": alone + 1}}
    table = diagnostic_tables.other_ways(made, ["lavt", "ours"])
    assert table["mean"].to_dict() == {
        ("ours", "as in the tables", "gIoU"): 1,
        ("ours", "as in the tables", "cIoU"): 2,
        ("ours", "as in the tables", "N-acc"): 50,
        ("ours", "as in the tables", "T-acc"): 3,
        ("ours", "in turn", "N-acc"): 40,
        ("ours", "at once", "N-acc"): 51,
    }
    assert paper_tables.other_ways(made, ["lavt", "ours"])["N-acc"].tolist() == [
        "50.0 ± 14.1",
        "40.0 ± 14.1",
        "51.0 ± 14.1",
    ]
    assert paper_tables.other_ways(results, ["ours"]).empty


def test_stored_runs_of_mattnet_and_gsva_were_asked_in_other_ways(stored):
    """What cannot refuse never says "nothing", and annotated objects are no worse than detected ones."""
    table = diagnostic_tables.other_ways(stored, ["mattnet", "gsva"])["mean"]
    assert table["mattnet", "always answering", "T-acc"] > 99
    assert table["mattnet", "always answering", "N-acc"] < 1
    assert table["mattnet", "annotated objects", "cIoU"] > table["mattnet", "as in the tables", "cIoU"]
    assert set(table["gsva"].index.unique("way")) == {
        "as in the tables",
        "conversation, own answers",
        "conversation, true answers",
    }
