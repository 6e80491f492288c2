"""The columns and their ratios: against a slow version with one list per number, and against what results store."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import matthews_corrcoef

from grisq.evaluation.metrics import (
    MCC,
    METRICS,
    AccuracyByScenario,
    GRISMetrics,
    Ratio,
    ScoreSums,
    giou_at_share,
    metric_of,
    metrics_of,
    targeted_iou,
)
from grisq.evaluation.outcomes import COLUMNS, RULES, add_up
from grisq.evaluation.protocols import PROTOCOLS, PixelCounts, Scores, score, score_counts
from grisq.experiments.selection import collect
from grisq.runtime.errors import InputError
from grisq.runtime.paths import RESULTS

RELA, GSVA = PROTOCOLS["rela"], PROTOCOLS["gsva"]
masks = st.lists(st.booleans(), min_size=9, max_size=9)
samples = st.lists(st.tuples(st.integers(0, 3), st.booleans(), masks, masks), min_size=1, max_size=30)


def build(drawn):
    """(prediction, target, number of targets, presence decision); a sample with targets has a pixel of them."""
    out = []
    for count, present, prediction, target in drawn:
        target = np.array(target).reshape(3, 3) & (count > 0)
        if count and not target.any():
            target[0, 0] = True
        out.append((np.array(prediction).reshape(3, 3), target, count, present))
    return out


def score_all(built, rules=RELA):
    counts = [(p.sum(), t.sum(), (p & t).sum(), p.size) for p, t, *_ in built]
    return score_counts(
        PixelCounts(*np.array(counts, dtype=np.int64).reshape(-1, 4).T),
        target_count=np.array([count for *_, count, _ in built], dtype=int),
        predicted_present=np.array([present for *_, present in built], dtype=bool),
        protocol=rules,
    )


def part(scores, chosen):
    return Scores(*(column[chosen] for column in scores))


def measured(scores, rules=RELA):
    metric = ScoreSums(rules)
    metric.update(scores)
    return metric.compute()


def correlation(truth, predicted):
    """By scikit-learn; nan without both kinds of samples."""
    return 100 * matthews_corrcoef(truth, predicted) if len(set(truth)) == 2 else math.nan


def slow(built, real):
    """ReLA's evaluator (and GSVA's accounting if `real`) once more, from its description, one list per number."""
    ious, inter, union, no_right, no_all, yes_right, yes_all = [], 0, 0, 0, 0, 0, 0
    precise = {0.5: 0, 0.6: 0, 0.7: 0, 0.8: 0, 0.9: 0}
    by_number = {"single": [], "multi": []}
    for prediction, target, count, present in built:
        i = sum(bool(a and b) for a, b in zip(prediction.flat, target.flat))
        u = sum(bool(a or b) for a, b in zip(prediction.flat, target.flat))
        if count == 0:
            no_all += 1
            no_right += not present
            ious.append(1.0 if not present else 0.0)
            union += int(prediction.sum()) if present else 0
            continue
        yes_all += 1
        yes_right += present
        if present or real:
            ious.append(i / u)
            inter += i
        else:
            ious.append(0.0)
        union += u
        by_number["single" if count == 1 else "multi"].append(ious[-1])
        for x in precise:
            precise[x] += present and i / (u + (1e-8 if real else 0)) >= x

    def share(a, b):
        return 100 * a / b if b else math.nan

    return (
        {
            "gIoU": share(sum(ious), len(ious)),
            "cIoU": share(inter, union),
            "N-acc": share(no_right, no_all),
            "T-acc": share(yes_right, yes_all),
        }
        | {f"Pr@{x}": share(n, yes_all) for x, n in precise.items()}
        | {"IoU targeted": share(sum(map(sum, by_number.values())), yes_all)}
        | {f"IoU {name}": share(sum(each), len(each)) for name, each in by_number.items()}
        | {"MCC": correlation([count > 0 for *_, count, _ in built], [present for *_, present in built])}
        | {"n_no_target": no_all, "n_single": len(by_number["single"]), "n_multi": len(by_number["multi"])}
    )


@given(samples)
@settings(max_examples=150, deadline=None)
@pytest.mark.parametrize("rules", [RELA, GSVA])
def test_equal_to_a_slow_independent_version(rules, drawn):
    built = build(drawn)
    values, expected = measured(score_all(built, rules), rules), slow(built, real=rules is GSVA)
    assert list(values) == list(expected)
    for name in expected:
        assert values[name] == pytest.approx(expected[name], rel=1e-6, nan_ok=True), name


def test_stored_samples_give_the_stored_metrics_to_the_last_digit():
    """Every committed result, under its own presence decision, the pixel rule, and the truth."""
    found = collect(RESULTS, "tiny")
    assert found
    for result in found.values():
        for split, stored in result.samples.items():
            for rule, name in (("head", "rela"), ("pixels", "rela-pixels"), ("truth", "rela-truth")):
                values, wanted = measured(stored.scores(rule), RULES[rule]), result.metrics(split, name)
                assert {name: values[name] for name in wanted} == wanted
                assert {"gIoU", "T-acc", "IoU multi", "n_single"} <= set(wanted)


@given(samples, st.integers(0, 30))
@settings(max_examples=50, deadline=None)
def test_two_processes_add_up_to_one(drawn, cut):
    scores = score_all(build(drawn))
    first, second = ScoreSums(RELA), ScoreSums(RELA)
    first.update(part(scores, slice(cut)))
    second.update(part(scores, slice(cut, None)))
    for name in first._defaults:  # what torchmetrics' sum over processes does
        setattr(first, name, getattr(first, name) + getattr(second, name))
    for name, value in measured(scores).items():
        assert first.compute()[name] == pytest.approx(value, rel=1e-12, nan_ok=True), name


@given(samples, st.data())
@settings(max_examples=50, deadline=None)
def test_groups_are_the_sums_of_their_samples(drawn, data):
    """Counts and pixels are whole numbers, so they add up exactly; IoUs to rounding."""
    scores = score_all(build(drawn))
    groups = np.array(data.draw(st.lists(st.integers(0, 4), min_size=len(drawn), max_size=len(drawn))))
    pooled = add_up(scores, groups)
    assert pooled.shape == (groups.max() + 1, 3, len(COLUMNS))
    for group in range(len(pooled)):
        (alone,) = add_up(part(scores, groups == group))
        np.testing.assert_allclose(pooled[group], alone, rtol=1e-12)
    counts = [i for i, name in enumerate(COLUMNS) if name != "iou"]
    assert (pooled.sum(0)[:, counts] == add_up(scores)[0][:, counts]).all()


def test_the_columns_of_a_sample_by_hand():
    """One sample each: no-target rejected, single target with IoU 0.8, multi-target missed."""
    scores = Scores(
        intersection=np.array([0, 8, 0]),
        union=np.array([0, 10, 5]),
        iou=np.array([1.0, 0.8, 0.0]),
        target_present=np.array([False, True, True]),
        predicted_present=np.array([False, True, False]),
        target_count=np.array([0, 1, 4]),
    )
    (found,) = add_up(scores)
    names = ("samples", "right", "iou", "intersection", "union", "iou>=0.7", "iou>=0.8", "iou>=0.9")
    expected = [(1, 1, 1, 0, 0, 0, 0, 0), (1, 1, 0.8, 8, 10, 1, 1, 0), (1, 0, 0, 0, 5, 0, 0, 0)]
    for name, column in zip(names, zip(*expected)):
        assert found[:, list(COLUMNS).index(name)].tolist() == list(column), name
    values = metrics_of(found)
    assert {name: round(float(value), 3) for name, value in values.items()} == {
        "gIoU": 60.0,
        "cIoU": 53.333,
        "N-acc": 100.0,
        "T-acc": 50.0,
        "Pr@0.5": 50.0,
        "Pr@0.6": 50.0,
        "Pr@0.7": 50.0,
        "Pr@0.8": 50.0,
        "Pr@0.9": 0.0,
        "IoU targeted": 40.0,
        "IoU single": 80.0,
        "IoU multi": 0.0,
        "MCC": 50.0,
    }


def test_a_new_metric_is_one_line(monkeypatch):
    monkeypatch.setitem(METRICS, "cIoU multi", Ratio("intersection", "union", (2,)))
    built = [(np.ones((2, 2), bool), np.eye(2, dtype=bool), 2, True), (np.ones((2, 2), bool), np.eye(2) > 0, 1, True)]
    built[1][1][0, 0] = False
    values = measured(score_all(built))
    assert (values["cIoU multi"], values["cIoU"]) == (50, 37.5)
    assert metric_of(np.stack([add_up(score_all(built))[0]] * 3), "cIoU multi").tolist() == [50, 50, 50]


def test_epsilon_is_added_to_denominators_that_count_pixels():
    scores = Scores(*(np.array([value]) for value in (4, 8, 0.5, True, True, 1)))
    values = metrics_of(add_up(scores)[0], epsilon=2.0)
    assert (values["cIoU"], values["gIoU"], values["T-acc"]) == (40, 50, 100)


def test_always_predicting_nothing_has_perfect_n_acc_and_no_t_acc():
    """Why T-acc must stand next to N-acc."""
    nothing, something = np.zeros((2, 2), bool), np.ones((2, 2), bool)
    values = measured(score_all([(something, nothing, 0, False)] * 3 + [(something, something, 1, False)] * 7))
    assert (values["N-acc"], values["T-acc"], values["cIoU"]) == (100, 0, 0)
    assert values["gIoU"] == pytest.approx(30)  # the share of no-target samples, for free
    assert (values["n_no_target"], values["n_single"], values["n_multi"]) == (3, 7, 0)


@given(samples)
@settings(max_examples=50, deadline=None)
def test_true_presence_never_lowers_giou(drawn):
    built = build(drawn)
    own, truth = score_all(built), score_all([(p, t, count, count > 0) for p, t, count, _ in built])
    assert measured(truth)["gIoU"] >= measured(own)["gIoU"] - 1e-9


def test_sums_beyond_32_bits_and_changes_of_dtype():
    metric = ScoreSums(RELA)
    huge = Scores(*map(np.asarray, (2**33 + 1, 2**34, 0.5, True, True, 1)))
    metric.update(huge)
    metric = metric.half().to("cpu")
    metric.update(huge)
    assert metric.sums.dtype == torch.float64
    assert metric.sums[1, list(COLUMNS).index("intersection")] == 2**34 + 2


def test_a_share_of_nothing_is_nan():
    values = measured(score_all([(np.ones((2, 2), bool), np.ones((2, 2), bool), 1, True)]))
    assert math.isnan(values["N-acc"])
    assert math.isnan(values["IoU multi"])
    assert all(math.isnan(value) for name, value in measured(score_all([])).items() if not name.startswith("n_"))


def test_accuracy_counts_each_head_by_scenario():
    meter = AccuracyByScenario()
    meter.update(0, np.array([0, 0, 2]), np.array([True, False, True]))
    meter.update(0, np.array([0]), np.array([False]))
    meter.update(1, np.array([1, 2, 2]), np.array([True, False, False]))
    assert meter.compute() == {
        "presence no-target": 100 / 3,
        "presence multi-target": 100,
        "plurality single-target": 100,
        "plurality multi-target": 0,
    }


def presences(truth, predicted):
    """Scores of samples of which presence alone matters."""
    truth, zeros = np.asarray(truth), np.zeros(len(truth))
    return Scores(zeros, zeros, zeros, truth, np.asarray(predicted), truth.astype(int))


def test_matthews_correlation_is_that_of_torchmetrics():
    from torchmetrics.functional.classification import binary_matthews_corrcoef  # only after the package's guard

    rng = np.random.default_rng(0)
    for _ in range(20):
        truth, predicted = rng.random((2, 50)) < rng.uniform(0.2, 0.8, (2, 1))
        wanted = binary_matthews_corrcoef(torch.from_numpy(predicted).int(), torch.from_numpy(truth).int())
        assert measured(presences(truth, predicted))["MCC"] == pytest.approx(100 * float(wanted), abs=1e-4)


def test_matthews_correlation_of_simple_answers():
    truth = np.array([True, False, True, False, False])
    for predicted, wanted in ((truth, 100), (~truth, -100), (truth | True, 0), (truth & False, 0)):
        assert measured(presences(truth, predicted))["MCC"] == pytest.approx(wanted)
    assert math.isnan(measured(presences(truth | True, truth))["MCC"])  # no sample without target
    assert math.isnan(measured(presences(np.zeros(0, bool), np.zeros(0, bool)))["MCC"])


def test_matthews_correlation_of_many_sums_at_once():
    rng = np.random.default_rng(1)
    sums = np.stack([add_up(presences(*(rng.random((2, 40)) < 0.5)))[0] for _ in range(6)]).reshape(2, 3, 3, -1)
    found = metric_of(sums, "MCC")
    assert found.shape == (2, 3)
    assert found[1, 2] == pytest.approx(float(metric_of(sums[1, 2], "MCC")))
    assert tuple(metrics_of(sums)) == (*METRICS, MCC)


@given(samples, st.integers(1, 5), st.integers(1, 5))
@settings(max_examples=50, deadline=None)
def test_giou_at_another_share_is_that_of_repeated_samples(drawn, absent, targeted):
    """Every no-target sample `absent` times, every other one `targeted` times: the same answers at another share."""
    built = build(drawn)
    own, repeated = (
        measured(score_all(each))
        for each in (built, [sample for sample in built for _ in range(targeted if sample[2] else absent)])
    )
    n = repeated["n_no_target"]
    share = n / (n + repeated["n_single"] + repeated["n_multi"])
    if 0 < share < 1:
        restated = giou_at_share(own["N-acc"], own["IoU targeted"], share)
        assert restated == pytest.approx(repeated["gIoU"])
        assert targeted_iou(repeated["gIoU"], own["N-acc"], share) == pytest.approx(own["IoU targeted"], abs=1e-9)


# Tensors, in anybody's loop.


def drawn_tensors(seed, n=40, side=9):
    rng = np.random.default_rng(seed)
    count = rng.integers(0, 3, n)
    target = (rng.random((n, side, side)) < 0.3) & (count > 0)[:, None, None]
    target[:, 0, 0] |= count > 0
    return rng.random((n, side, side)), target, rng.random(n), count


@pytest.mark.parametrize("rules", ["rela", "gsva", "refzom", "original"])
def test_tensors_are_scored_as_arrays_are(rules):
    """In batches, as probabilities, against the rules sample by sample."""
    preds, target, presence, count = drawn_tensors(1)
    metric, sums = GRISMetrics(rules), ScoreSums(PROTOCOLS[rules])
    for part in (slice(0, 7), slice(7, 40)):
        metric.update(*(torch.from_numpy(each[part]) for each in (preds, target, presence, count)))
    for p, t, present, n in zip(preds >= 0.5, target, presence >= 0.5, count):
        sums.update(score(p, t, target_count=n, predicted_present=present, protocol=PROTOCOLS[rules]))
    assert metric.compute() == pytest.approx(sums.compute(), nan_ok=True)


def test_tensors_without_presence_are_decided_by_their_pixels():
    preds, target, *_ = drawn_tensors(2)
    preds[::2] = 0
    metric = GRISMetrics()
    metric.update(torch.from_numpy(preds >= 0.5), torch.from_numpy(target))
    found = metric.compute()
    has_target, drawn = target.any((1, 2)), (preds >= 0.5).any((1, 2))
    assert found["N-acc"] == pytest.approx(100 * (~drawn[~has_target]).mean())
    assert found["T-acc"] == pytest.approx(100 * drawn[has_target].mean())
    assert found["n_multi"] == 0  # without counts an expression has one target


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(2, 3, 3), torch.zeros(2, 3, 4)), r"preds has the shape \(2, 3, 3\) and target \(2, 3, 4\)"),
        ((torch.zeros(3, 3), torch.zeros(3, 3)), r"give both as \(B, H, W\)"),
        ((torch.full((1, 2, 2), 3.0), torch.zeros(1, 2, 2)), "preds has values outside of 0 to 1: .* logits through"),
        ((torch.zeros(1, 2, 2), torch.full((1, 2, 2), 255)), "target has values outside of 0 to 1"),
        ((torch.zeros(2, 2, 2), torch.zeros(2, 2, 2), torch.zeros(3)), "presence has the shape"),
        ((torch.zeros(2, 2, 2), torch.zeros(2, 2, 2), None, torch.zeros(2, 1)), "target_count has the shape"),
    ],
)
def test_tensors_that_do_not_fit_are_told(arguments, message):
    with pytest.raises(InputError, match=message):
        GRISMetrics().update(*arguments)


def test_an_unknown_protocol_by_name_is_told():
    with pytest.raises(InputError, match="There is no protocol 'res'"):
        GRISMetrics("res")
