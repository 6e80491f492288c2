import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grisq.analysis.significance import COLUMNS, METRICS, bootstrap_difference, interval, metrics_of, sign_test, tally
from grisq.evaluation.metrics import GRISMetrics
from grisq.evaluation.protocols import PROTOCOLS, SampleScore
from grisq.runtime.errors import InputError


def random_scores(rng, n):
    scores = []
    for _ in range(n):
        count, present = int(rng.integers(0, 4)), bool(rng.random() < 0.6)
        union = int(rng.integers(1, 100))
        inside = int(rng.integers(0, union + 1)) if count and present else 0
        iou = (inside / union if present else 0.0) if count else float(not present)
        scores.append(SampleScore(inside, union if count or present else 0, iou, count > 0, present, count))
    return scores


def random_tallies(rng, seeds=2, pictures=30, skill=0.5):
    """Each picture with four expressions, two of them without target; right with that probability."""
    found = np.zeros((seeds, pictures, len(COLUMNS)))
    for s in range(seeds):
        right = rng.random((pictures, 4)) < skill
        found[s, :, 0] = right.sum(1)
        found[s, :, 1] = 4
        found[s, :, 2] = 10 * right[:, :2].sum(1)
        found[s, :, 3] = 20
        found[s, :, 4], found[s, :, 5] = right[:, 2:].sum(1), 2
        found[s, :, 6], found[s, :, 7] = right[:, :2].sum(1), 2
    return found


def test_metrics_from_sums_are_those_of_the_evaluation():
    rng = np.random.default_rng(0)
    scores = random_scores(rng, 200)
    meter = GRISMetrics(PROTOCOLS["rela"])
    meter.update(scores)
    expected = meter.compute()
    sums = tally(rng.integers(0, 40, 200), scores)
    for name, value in metrics_of(sums.sum(0)).items():
        assert value == pytest.approx(float(expected[name]), rel=1e-12)


def test_pictures_come_in_ascending_order_and_keep_their_expressions():
    scores = [SampleScore(1, 2, 0.5, True, True, 1), SampleScore(0, 0, 1.0, False, False, 0)]
    sums = tally(np.array([9, 4]), scores)
    assert sums.tolist() == [[1, 1, 0, 0, 1, 1, 0, 0], [0.5, 1, 1, 2, 0, 0, 1, 1]]


def test_what_is_not_there_has_no_value():
    sums = np.array([0.5, 1, 1, 2, 0, 0, 1, 1])
    assert np.isnan(metrics_of(sums)["N-acc"])
    assert metrics_of(sums)["T-acc"] == 100


def test_interval_equals_a_naive_loop_over_drawn_pictures():
    """One seed, so that pictures alone are drawn: the same multinomial counts, expanded into repeated pictures."""
    rng = np.random.default_rng(1)
    of, over = random_tallies(rng, 1, 12, 0.7), random_tallies(rng, 1, 12, 0.4)
    found = bootstrap_difference(of, over, "cIoU", draws=50, seed=3)
    counts = np.random.default_rng(3).multinomial(12, np.full(12, 1 / 12), size=50)
    gains = []
    for count in counts:
        pictures = [p for p in range(12) for _ in range(count[p])]
        ratios = [sum(t[0, p, 2] for p in pictures) / sum(t[0, p, 3] for p in pictures) for t in (of, over)]
        gains.append(100 * (ratios[0] - ratios[1]))
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(gains, [2.5, 97.5])))


def test_interval_of_a_mean_has_the_width_of_its_standard_error():
    one = random_tallies(np.random.default_rng(2), 1, 400)
    found = interval(one, "gIoU", draws=4000)
    per_picture = 100 * one[0, :, 0] / 4
    assert found.value == pytest.approx(per_picture.mean())
    assert (found.high - found.low) / 3.92 == pytest.approx(per_picture.std() / np.sqrt(400), rel=0.1)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng, truth, hits = np.random.default_rng(3), 100 * (0.6 - 0.5), 0
    for _ in range(200):
        of, over = random_tallies(rng, 1, 100, 0.6), random_tallies(rng, 1, 100, 0.5)
        found = bootstrap_difference(of, over, "gIoU", draws=300)
        hits += found.low <= truth <= found.high
    assert 0.88 <= hits / 200 <= 0.99


def test_a_system_does_not_differ_from_itself():
    one = random_tallies(np.random.default_rng(4), 1)
    found = bootstrap_difference(one, one, "N-acc")
    assert (found.value, found.low, found.high) == (0, 0, 0)
    assert not found.excludes_zero
    test = sign_test(one, one, "N-acc")
    assert (test.wins, test.losses, test.ties, test.p) == (0, 0, 30, 1.0)


def test_seeds_that_differ_widen_the_interval():
    rng = np.random.default_rng(5)
    same = random_tallies(rng, 1, 200, 0.5)
    apart = np.concatenate([random_tallies(rng, 1, 200, skill) for skill in (0.2, 0.5, 0.8)])
    over = random_tallies(rng, 1, 200, 0.5)
    narrow, wide = (bootstrap_difference(each, over, "gIoU") for each in (same, apart))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_the_same_trainings_under_two_rules_share_their_seeds():
    """Seeds far apart, one rule better by the same amount for each: only drawn together their spread cancels."""
    apart = np.concatenate([random_tallies(np.random.default_rng(8), 1, 200, skill) for skill in (0.2, 0.5, 0.8)])
    better = apart.copy()
    better[..., 0] += 0.4  # of four expressions: ten points for every picture
    together = bootstrap_difference(better, apart, "gIoU", same_trainings=True)
    assert (together.low, together.value, together.high) == pytest.approx((10, 10, 10))
    alone = bootstrap_difference(better, apart, "gIoU")
    assert alone.low < 0 < alone.high


@given(st.integers(0, 10**6), st.sampled_from(list(METRICS)))
@settings(max_examples=25, deadline=None)
def test_swapping_the_systems_turns_the_sign(seed, metric):
    rng = np.random.default_rng(seed)
    of, over = random_tallies(rng, 1, 15, 0.6), random_tallies(rng, 1, 15, 0.5)
    there, back = bootstrap_difference(of, over, metric, draws=40), bootstrap_difference(over, of, metric, draws=40)
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))
    assert sign_test(of, over, metric).wins == sign_test(over, of, metric).losses


def test_sign_test_by_hand():
    """Six pictures better, one worse, two the same: p = 2 (C(7, 6) + C(7, 7)) / 2^7."""
    of, over = np.zeros((1, 9, 8)), np.zeros((1, 9, 8))
    of[..., 1] = over[..., 1] = 1
    of[0, :6, 0], over[0, 6, 0] = 1, 1
    found = sign_test(of, over, "gIoU")
    assert (found.wins, found.losses, found.ties) == (6, 1, 2)
    assert found.p == pytest.approx(2 * (7 + 1) / 2**7)


def test_pictures_without_a_value_are_left_out():
    of, over = random_tallies(np.random.default_rng(6), 1, 5), random_tallies(np.random.default_rng(7), 1, 5)
    of[:, 0, 4:6] = over[:, 0, 4:6] = 0
    found = sign_test(of, over, "N-acc")
    assert found.wins + found.losses + found.ties == 4


@pytest.mark.parametrize(
    ("of", "over", "metric", "said"),
    [
        (np.ones((1, 3, 8)), np.ones((1, 4, 8)), "gIoU", "3 pictures, the other on 4"),
        (np.ones((0, 3, 8)), np.ones((1, 3, 8)), "gIoU", "no trained seed"),
        (np.ones((1, 3, 8)), np.ones((1, 3, 8)), "mIoU", "no interval for 'mIoU'"),
    ],
)
def test_what_cannot_be_compared_is_refused(of, over, metric, said):
    for test in (bootstrap_difference, sign_test):
        with pytest.raises(InputError, match=said):
            test(of, over, metric)
