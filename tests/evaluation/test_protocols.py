"""The rules line by line: by hand, and against a slow version that is written from their description alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grisq.evaluation.protocols import DIAGNOSTICS, PROTOCOLS, PixelCounts, Protocol, protocol, score, score_counts
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
        (P, EMPTY, 0, False, (0, 0, 1.0)),  # no target, classified as such: the mask does not matter
        (EMPTY, EMPTY, 0, False, (0, 0, 1.0)),
        (P, EMPTY, 0, True, (0, 4, 0.0)),  # no target, not noticed: the whole mask is added to the union
        (EMPTY, EMPTY, 0, True, (0, 0, 0.0)),  # an empty mask is no decision
        (P, T, 1, False, (0, 6, 0.0)),  # target classified as no-target: the ignored mask counts in the union
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


def test_gsva_decides_by_pixels_what_is_no_target_and_the_others_by_annotation():
    assert not one(P, EMPTY, 1, True, GSVA).target_present
    assert one(P, EMPTY, 1, True, RELA).target_present


def test_pixels_without_an_annotation_are_one_target_where_pixels_decide():
    assert one(P, T, 0, True, GSVA).scenario == 1
    assert one(P, T, 0, True, RELA).scenario == 0


def test_the_truth_decides_for_a_perfect_head():
    assert one(P, T, 1, False, DIAGNOSTICS["rela-truth"])[:3] == (2, 6, 2 / 6)
    assert one(P, EMPTY, 0, True, DIAGNOSTICS["rela-truth"])[:3] == (0, 0, 1.0)


@pytest.mark.parametrize(
    ("count", "target", "scenario"), [(0, EMPTY, 0), (1, T, 1), (2, T, 2), (3, T, 2), (1, EMPTY, 1), (2, EMPTY, 2)]
)
def test_the_scenario_is_that_of_the_number_of_targets(count, target, scenario):
    assert one(P, target, count, True).scenario == scenario
    assert one(P, target, count, True, GSVA).scenario == (scenario if target.any() else 0)


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


@pytest.mark.parametrize("rules", [PIXELS, PROTOCOLS["original"].without_head(), GSVA.without_head()])
@pytest.mark.parametrize(("share", "present"), [(49 / 480**2, False), (50 / 480**2, True), (30 / (96 * 128), True)])
def test_the_same_share_of_a_picture_is_the_same_decision_at_every_size(rules, share, present):
    for height, width in ((96, 128), (480, 480), (2000, 3000)):
        area = height * width
        least = int(np.ceil(share * area)) if present else int(np.floor(share * area))
        counts = PixelCounts(predicted=least, annotated=area, both=least, area=area)
        found = score_counts(counts, target_count=1, predicted_present=None, protocol=rules)
        assert found.predicted_present == present
        drawn = np.arange(area).reshape(height, width) < least
        assert rules.enough_pixels(drawn) == present


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 300 * 300))
@settings(deadline=None)
def test_the_pixel_rule_is_a_comparison_of_two_fractions(height, width, drawn):
    from fractions import Fraction

    drawn = min(drawn, height * width)
    counts = PixelCounts(drawn, drawn, drawn, height * width)
    found = score_counts(counts, target_count=1, predicted_present=None, protocol=PIXELS)
    assert found.predicted_present == (Fraction(drawn, height * width) >= Fraction(50, 480 * 480))


def test_a_model_without_head_needs_a_pixel_rule():
    with pytest.raises(InputError, match="pixels50"):
        one(P, T, 1, None)
    empty_rule = Protocol("x", presence="mask_empty")
    assert not one(EMPTY, T, 1, None, empty_rule).predicted_present
    assert one(mask(0), T, 1, None, empty_rule).predicted_present


def test_unknown_protocol_lists_the_names():
    with pytest.raises(InputError, match="rela, original, gsva"):
        protocol("reala")


def slow_score(counts, count, head, rules):
    """(intersection, union, IoU, target?, present?) of one sample, as ReLA's and GSVA's evaluators are described."""
    drawn, annotated, both, area = counts
    has_target = annotated > 0 if rules.by_pixels else count > 0
    present = {
        "head": head,
        "truth": has_target,
        "mask_empty": drawn > 0,
        "pixels50": 480 * 480 * drawn / area >= rules.min_pixels,
    }[rules.presence]
    if rules.presence != "head" and not present:
        drawn = both = 0
    if not has_target:
        return (0, drawn if present else 0, 0.0 if present else 1.0, False, present)
    union = drawn + annotated - both
    if not present and rules.false_positive_iou == "zero":
        return (0, union, 0.0, True, False)
    return (both, union, both / (union + rules.epsilon) if union > 0 else 0.0, True, present)


masks = st.lists(st.booleans(), min_size=9, max_size=9)
drawn_samples = st.lists(st.tuples(st.integers(0, 3), st.booleans(), masks, masks), max_size=20)
EVERY = [
    replace(rules, presence=presence)
    for rules in (RELA, GSVA)
    for presence in ("head", "pixels50", "mask_empty", "truth")
]


@given(drawn_samples)
@settings(max_examples=100, deadline=None)
@pytest.mark.parametrize("rules", EVERY, ids=lambda rules: f"{rules.name}-{rules.presence}")
def test_many_samples_at_once_are_the_samples_one_by_one(rules, drawn):
    """The vectorized rules against a loop over samples with plain numbers, to the last bit."""
    rules = replace(rules, min_pixels=60_000)  # of 480 x 480: more than two of nine cells
    each = [
        (sum(p), sum(a) if count else 0, sum(x and y for x, y in zip(p, a)) if count else 0, 9)
        for count, _, p, a in drawn
    ]
    counts = PixelCounts(*np.array(each, dtype=np.int64).reshape(-1, 4).T)
    target_count = np.array([count for count, *_ in drawn], dtype=int)
    head = np.array([present for _, present, *_ in drawn], dtype=bool)
    found = score_counts(counts, target_count=target_count, predicted_present=head, protocol=rules)
    expected = [slow_score(c, count, present, rules) for c, (count, present, *_) in zip(each, drawn)]
    assert list(zip(*(column.tolist() for column in found[:5]))) == expected
    for i, (count, present, *_) in enumerate(drawn):
        alone = score_counts(PixelCounts(*each[i]), target_count=count, predicted_present=present, protocol=rules)
        assert tuple(column.item() for column in alone[:5]) == expected[i]
