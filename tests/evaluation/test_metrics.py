import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grisq.evaluation.metrics import GRISMetrics
from grisq.evaluation.protocols import PROTOCOLS, Protocol, protocol, score
from grisq.runtime.errors import InputError

RELA, GSVA = PROTOCOLS["rela"], PROTOCOLS["gsva"]
PIXELS = Protocol("rela", presence="pixels50")


def mask(*cells, size=4):
    out = np.zeros((size, size), dtype=bool)
    for cell in cells:
        out.flat[cell] = True
    return out


def one(prediction, target, count, present, rules=RELA):
    return score(prediction, target, target_count=count, predicted_present=present, protocol=rules)


# Every line of ReLA's rules, by hand. A 4 x 4 picture; the prediction has cells 0-3, the target cells 2-5.
P, T, EMPTY = mask(0, 1, 2, 3), mask(2, 3, 4, 5), mask()


@pytest.mark.parametrize(
    ("prediction", "target", "count", "present", "expected"),
    [
        (P, EMPTY, 0, False, (0, 0, 1.0)),  # no target, called so: the mask does not matter
        (EMPTY, EMPTY, 0, False, (0, 0, 1.0)),
        (P, EMPTY, 0, True, (0, 4, 0.0)),  # no target, not noticed: the whole mask goes to the union
        (EMPTY, EMPTY, 0, True, (0, 0, 0.0)),  # an empty mask is no decision
        (P, T, 1, False, (0, 6, 0.0)),  # target called no-target: the ignored mask inflates the union
        (EMPTY, T, 1, False, (0, 4, 0.0)),
        (P, T, 1, True, (2, 6, 2 / 6)),
        (T, T, 3, True, (4, 4, 1.0)),
        (EMPTY, T, 2, True, (0, 4, 0.0)),
        (EMPTY, EMPTY, 1, True, (0, 0, 0.0)),  # a target that vanished at this size: union 0 scores 0
    ],
)
def test_relas_rules_line_by_line(prediction, target, count, present, expected):
    assert one(prediction, target, count, present)[:3] == expected


def test_gsva_gives_a_missed_target_its_real_iou():
    assert one(P, T, 1, False, GSVA)[:3] == (2, 6, pytest.approx(2 / 6))
    assert not one(P, T, 1, False, GSVA).predicted_present  # T-acc counts it as wrong all the same


def test_gsva_tells_no_target_by_pixels_and_the_others_by_annotation():
    assert not one(P, EMPTY, 1, True, GSVA).target_present
    assert one(P, EMPTY, 1, True, RELA).target_present


@pytest.mark.parametrize(("pixels", "present"), [(49, False), (50, True)])
def test_fewer_than_50_pixels_mean_absent_and_an_empty_mask(pixels, present):
    big = np.zeros((480, 480), dtype=bool)
    big.flat[:pixels] = True
    target = np.zeros_like(big)
    target.flat[:100] = True
    result = score(big, target, target_count=1, predicted_present=None, protocol=PIXELS)
    assert result.predicted_present == present
    assert result.union == 100
    assert result.intersection == (pixels if present else 0)
    assert pytest.approx(0.0002, abs=0.00002) == 50 / 480**2  # "about 0.02 %" of the paper


def test_a_model_without_head_needs_a_pixel_rule():
    with pytest.raises(InputError, match="pixels50"):
        one(P, T, 1, None)
    empty_rule = Protocol("x", presence="mask_empty")
    assert not one(EMPTY, T, 1, None, empty_rule).predicted_present
    assert one(mask(0), T, 1, None, empty_rule).predicted_present


def test_unknown_protocol_lists_the_names():
    with pytest.raises(InputError, match="rela, original, gsva"):
        protocol("reala")


samples = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.booleans(),
        st.lists(st.booleans(), min_size=9, max_size=9),
        st.lists(st.booleans(), min_size=9, max_size=9),
    ),
    min_size=1,
    max_size=30,
)


def build(drawn):
    """Samples with a mask that agrees with their number of targets."""
    out = []
    for count, present, prediction, target in drawn:
        target = np.array(target).reshape(3, 3) & (count > 0)
        if count and not target.any():
            target[0, 0] = True
        out.append((np.array(prediction).reshape(3, 3), target, count, present))
    return out


def slow(built, real):
    """ReLA's evaluator (and GSVA's accounting if `real`) once more, from its description, one list per number."""
    ious, inter, union, no_right, no_all, yes_right, yes_all = [], 0, 0, 0, 0, 0, 0
    precise = {0.7: 0, 0.8: 0, 0.9: 0}
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
        for x in precise:
            precise[x] += present and i / (u + (1e-8 if real else 0)) >= x
    share = lambda a, b: 100 * a / b if b else math.nan  # noqa: E731
    return {
        "gIoU": share(sum(ious), len(ious)),
        "cIoU": share(inter, union),
        "N-acc": share(no_right, no_all),
        "T-acc": share(yes_right, yes_all),
    } | {f"Pr@{x}": share(n, yes_all) for x, n in precise.items()}


@given(samples)
@settings(max_examples=150, deadline=None)
@pytest.mark.parametrize("rules", [RELA, GSVA])
def test_equal_to_a_slow_independent_version(rules, drawn):
    built = build(drawn)
    metric = GRISMetrics(rules)
    metric.update([one(*sample, rules) for sample in built])
    values = metric.compute()
    for name, expected in slow(built, real=rules is GSVA).items():
        assert values[name] == pytest.approx(expected, rel=1e-6, nan_ok=True), name


@given(samples, st.integers(0, 30))
@settings(max_examples=50, deadline=None)
def test_two_processes_add_up_to_one(drawn, cut):
    scores = [one(*sample) for sample in build(drawn)]
    whole, first, second = (GRISMetrics(RELA) for _ in range(3))
    whole.update(scores)
    first.update(scores[:cut])
    second.update(scores[cut:][::-1])
    for name in whole._defaults:  # what torchmetrics' sum over processes does
        setattr(first, name, getattr(first, name) + getattr(second, name))
    first._update_count = 1
    for name, value in whole.compute().items():
        assert first.compute()[name] == pytest.approx(value, rel=1e-12, nan_ok=True), name


def test_always_saying_nothing_has_perfect_n_acc_and_no_t_acc():
    """Why T-acc must stand beside N-acc."""
    built = [(P, EMPTY, 0, False)] * 3 + [(P, T, 1, False)] * 7
    metric = GRISMetrics(RELA)
    metric.update([one(*sample) for sample in built])
    values = metric.compute()
    assert (values["N-acc"], values["T-acc"], values["cIoU"]) == (100, 0, 0)
    assert values["gIoU"] == pytest.approx(30)  # the share of no-target samples, for free
    assert (values["n_no_target"], values["n_single"], values["n_multi"]) == (3, 7, 0)


@given(samples)
@settings(max_examples=50, deadline=None)
def test_true_presence_never_lowers_giou(drawn):
    built = build(drawn)
    values = []
    for oracle in (False, True):
        metric = GRISMetrics(RELA)
        metric.update([one(p, t, c, c > 0 if oracle else said) for p, t, c, said in built])
        values.append(metric.compute()["gIoU"])
    assert values[1] >= values[0] - 1e-9


def test_sums_beyond_32_bits_and_changes_of_dtype():
    metric = GRISMetrics(RELA)
    huge = one(T, T, 1, True)._replace(intersection=2**33, union=2**34)
    metric.update(huge)
    metric = metric.half().to("cpu")
    metric.update(huge)
    assert metric.union.dtype == torch.int64
    assert metric.compute()["cIoU"] == 50


def test_a_share_of_nothing_is_nan():
    metric = GRISMetrics(RELA)
    metric.update(one(T, T, 1, True))
    assert math.isnan(metric.compute()["N-acc"])
    assert math.isnan(metric.compute()["IoU multi"])
