"""Counterfactual pairs: read, counted by hand, and found by an evaluation."""

import json
import shutil

import numpy as np
import pytest

from grisq import checkpoint
from grisq.data import grefcoco
from grisq.evaluation import counterfactual
from grisq.evaluation.checkpoints import evaluate_loaded, table_of_pairs
from grisq.evaluation.counterfactual import ALL, Answer, Pair, PairOutcomes, cells, pair_outcomes, read_pairs
from grisq.runtime.errors import InputError

PAIRS = [
    Pair(0, 1, 50, "color", "red"),
    Pair(2, 3, 60, "color", ""),
    Pair(4, 5, 60, "removed", ""),
    Pair(6, 7, 70, "removed", ""),
]
ANSWERS = {
    0: Answer(0.9, True),
    1: Answer(0.2, False),  # both right
    2: Answer(0.7, True),
    3: Answer(0.7, True),  # the edit went unnoticed; a tie
    4: Answer(0.4, False),
    5: Answer(0.3, False),  # both denied, though in order
    6: Answer(0.1, False),
    7: Answer(0.8, True),  # the wrong way round
}


def test_cells_by_hand():
    found = cells(pair_outcomes(ANSWERS, PAIRS, "hash"))
    assert list(found) == [ALL, "color", "removed"]
    every = found[ALL]
    assert (every.both_right, every.only_original, every.only_edited, every.none_right) == (1, 1, 1, 1)
    assert (every.pairs, every.accuracy, every.ranking_accuracy) == (4, 25, 100 * (1 + 0.5 + 1) / 4)
    assert (found["color"].accuracy, found["color"].ranking_accuracy) == (50, 75)
    assert (found["removed"].accuracy, found["removed"].ranking_accuracy) == (0, 50)


def outcomes_of(right):
    """Pairs about pictures of their own, ranked right or wrong as given."""
    many = range(len(right))
    gains = [0.9 if each else 0.1 for each in right]
    same = [True for _ in many]
    return PairOutcomes(
        "hash", list(many), ["moved" for _ in many], ["" for _ in many], gains, [0.5] * len(right), same, same
    )


def test_an_interval_of_one_training_is_that_of_a_share():
    right = [True] * 60 + [False] * 40
    low, high = counterfactual.ranking_interval([outcomes_of(right)], "moved")
    wide = 1.96 * 100 * (0.6 * 0.4 / 100) ** 0.5
    assert (low, high) == (pytest.approx(60 - wide, abs=1), pytest.approx(60 + wide, abs=1))


def test_trainings_that_disagree_widen_an_interval():
    mixed, whole = [True, False] * 50, [[True] * 100, [False] * 100]
    alike = counterfactual.ranking_interval([outcomes_of(mixed)] * 2, "moved")
    apart = counterfactual.ranking_interval([outcomes_of(each) for each in whole], "moved")
    assert apart == (0, 100)
    assert alike[1] - alike[0] < 25


def test_one_answer_for_everything_has_no_pair_and_a_coin_a_quarter():
    rng = np.random.default_rng(0)
    pairs = [Pair(2 * i, 2 * i + 1, i, "color", "") for i in range(4000)]
    constant = cells(pair_outcomes({row: Answer(0.7, True) for row in range(8000)}, pairs, ""))[ALL]
    assert (constant.accuracy, constant.ranking_accuracy) == (0, 50)
    coin = {row: Answer(value, bool(value > 0.5)) for row, value in enumerate(rng.random(8000))}
    tossed = cells(pair_outcomes(coin, pairs, ""))[ALL]
    assert tossed.accuracy == pytest.approx(25, abs=2.5)
    assert tossed.ranking_accuracy == pytest.approx(50, abs=3)


def test_pairs_without_answers_are_left_out():
    found = pair_outcomes({row: ANSWERS[row] for row in (0, 1, 2)}, PAIRS, "")
    assert found.edit == ["color"]
    assert (found.image, found.clause) == ([50], ["red"])
    nothing = cells(pair_outcomes({}, PAIRS, ""))
    assert list(nothing) == [ALL]
    assert nothing[ALL].pairs == 0
    assert np.isnan([nothing[ALL].accuracy, nothing[ALL].ranking_accuracy]).all()
    assert counterfactual.table(pair_outcomes({}, PAIRS, "")).loc[ALL, "pairs"] == 0


def test_a_table_is_in_percent():
    table = counterfactual.table(pair_outcomes(ANSWERS, PAIRS, ""))
    cell_columns = ["pair accuracy", "only the original", "only the edited", "none"]
    assert table.loc[ALL, cell_columns].tolist() == [25, 25, 25, 25]
    assert table.loc["color", "ranking accuracy"] == 75
    assert (table[cell_columns].sum(axis=1) == 100).all()


def test_answers_that_an_evaluator_kept_with_and_without_a_head():
    kept = {"scores": {"rela": {"predicted_present": True}}, "predicted": 60}
    records = [{"row": 7, "presence": 0.6, **kept}, {"row": 9, "presence": None, **kept}]
    assert counterfactual.answers_kept(records, "rela") == {7: (0.6, True), 9: (60, True)}


@pytest.fixture
def paired(mini_root, mini, tmp_path):
    """A copy of the small set with pairs of its val rows, and those pairs."""
    root = tmp_path / "mini-counterfactual"
    shutil.copytree(mini_root, root)
    rows = mini.rows("val")
    with_target = rows[mini.target_counts[rows] > 0][:4].tolist()
    without = rows[mini.target_counts[rows] == 0][:4].tolist()
    keys = {
        row: {"ref_id": mini.expression(row).ref_id, "sent_id": mini.expression(row).sent_id, "image_id": 1}
        for row in (*with_target, *without)
    }
    stored = [
        {"original": keys[one], "edited": keys[other], "edit": ("color", "removed")[i % 2], "clause": "in red"}
        for i, (one, other) in enumerate(zip(with_target, without))
    ]
    (root / "pairs.json").write_text(json.dumps({"pairs": stored, "left_out": {}}), encoding="utf-8")
    return grefcoco.load(root), list(zip(with_target, without))


def test_pairs_are_read_as_rows(paired):
    data, rows = paired
    assert counterfactual.has_pairs(data)
    assert [(pair.original, pair.edited) for pair in read_pairs(data)] == rows
    assert {pair.edit for pair in read_pairs(data)} == {"color", "removed"}
    assert [pair.image for pair in read_pairs(data)] == [data.expression(row).image_id for row, _ in rows]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda pairs: pairs[1]["original"].update(sent_id=-5), "pair 1 does not name two expressions"),
        (lambda pairs: pairs[2].update(edited=3), "pair 2 does not name two expressions"),
        (lambda pairs: pairs[0].pop("edit"), "pair 0 does not name two expressions"),
        (lambda pairs: pairs[1].update(original=pairs[1]["edited"]), "pair 1 must have a target in the original alone"),
        (lambda pairs: pairs.append("ours"), "pair 4 does not name two expressions"),
    ],
)
def test_broken_pairs_are_one_sentence(paired, change, sentence):
    path = paired[0].root / "pairs.json"
    content = json.loads(path.read_text())
    change(content["pairs"])
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=sentence):
        read_pairs(paired[0])
    path.write_text('{"pairs": 3}')
    with pytest.raises(InputError, match='no list "pairs"'):
        read_pairs(paired[0])


def test_an_evaluation_of_such_a_set_reports_its_pairs(paired, model, reader, mini):
    data, rows = paired
    about = {"preset": {"name": "test"}, "seed": 0, "step": 0, "data": "", "provenance": None}
    loaded = checkpoint.Checkpoint(model, reader.tokenizer, about)
    report = evaluate_loaded(loaded, data, splits=["val"], keep_samples=["val"], progress=False)
    kept = {each["row"]: each for each in report["samples"]["val"]}
    found = PairOutcomes(**report["counterfactual"])
    assert found.original == [kept[row]["presence"] for row, _ in rows]
    assert found.edited == [kept[row]["presence"] for _, row in rows]
    assert found.edited_present == [kept[row]["presence"] >= 0.5 for _, row in rows]
    assert table_of_pairs(json.loads(json.dumps(report))).loc[ALL, "pairs"] == len(rows)
    plain = evaluate_loaded(loaded, mini, splits=["val"], progress=False)
    assert "counterfactual" not in plain
    assert table_of_pairs(plain) is None


def test_the_set_beside_another_is_found_by_its_name(paired, mini):
    data, _ = paired
    assert counterfactual.paired_set(mini) is None
    beside = grefcoco.load(shutil.copytree(mini.root, data.root.with_name("mini")))
    assert counterfactual.paired_set(beside).root == data.root
