import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grisq.analysis.significance import bootstrap_difference, interval, sign_test, tally, welch_difference
from grisq.evaluation.metrics import METRICS, GRISMetrics, metrics_of
from grisq.evaluation.outcomes import COLUMNS
from grisq.evaluation.protocols import PROTOCOLS, Scores
from grisq.runtime.errors import InputError

AT = {name: place for place, name in enumerate(COLUMNS)}
METHODS = (bootstrap_difference, welch_difference)


def random_scores(rng, n):
    count, present = rng.integers(0, 4, n), rng.random(n) < 0.6
    union = rng.integers(1, 100, n)
    inside = np.where((count > 0) & present, rng.integers(0, union + 1), 0)
    iou = np.where(count > 0, np.where(present, inside / union, 0.0), ~present)
    return Scores(inside, np.where((count > 0) | present, union, 0), iou, count > 0, present, count)


def random_tallies(rng, seeds=2, pictures=30, skill=0.5, effect=0.0):
    """Each picture with two no-target expressions and two with one target of 10 pixels; right with the probability
    `skill` plus the effect of the picture (a number, or one for each of them)."""
    found = np.zeros((seeds, pictures, 3, len(COLUMNS)))
    for s in range(seeds):
        right = rng.random((pictures, 2, 2)) < np.reshape(skill + effect, (-1, 1, 1))
        for scenario in (0, 1):
            hits = right[:, scenario].sum(1)
            for name in ("right", "iou"):
                found[s, :, scenario, AT[name]] = hits
            found[s, :, scenario, AT["samples"]] = 2
        found[s, :, 1, AT["intersection"]], found[s, :, 1, AT["union"]] = 10 * hits, 20
    return found


def test_metrics_from_sums_are_those_of_the_evaluation():
    rng = np.random.default_rng(0)
    scores = random_scores(rng, 200)
    meter = GRISMetrics(PROTOCOLS["rela"])
    meter.update(scores)
    expected = meter.compute()
    sums = tally(rng.integers(0, 40, 200), scores)
    for name, value in metrics_of(sums.sum(0)).items():
        assert value == pytest.approx(expected[name], rel=1e-12)


def test_pictures_come_in_ascending_order_and_keep_their_expressions():
    """A single target found by half for picture 9, a no-target rejected for picture 4."""
    scores = Scores(*map(np.array, ([1, 0], [2, 0], [0.5, 1.0], [True, False], [True, False], [1, 0])))
    four, nine = tally(np.array([9, 4]), scores)
    assert {name: four[0, at] for name, at in AT.items() if four[0, at]} == {"iou": 1, "samples": 1, "right": 1}
    expected = {"iou": 0.5, "samples": 1, "intersection": 1, "union": 2, "right": 1}
    assert {name: nine[1, at] for name, at in AT.items() if nine[1, at]} == expected
    assert not four[1:].any()
    assert not nine[[0, 2]].any()


def naive_interval(system, reference, metric, draws, seed):
    """The same random numbers as the package, but every resample written out: seeds and pictures one by one."""
    numerator, denominator, scenarios = METRICS[metric]
    rng = np.random.default_rng(seed)
    pictures = system.shape[1]
    counts = rng.multinomial(pictures, np.full(pictures, 1 / pictures), size=draws)
    seeds = [rng.integers(len(each), size=(len(each), draws)) for each in (system, reference)]
    gains = []
    for draw in range(draws):
        drawn = [p for p in range(pictures) for _ in range(counts[draw, p])]
        means = []
        for each, chosen in zip((system, reference), seeds):
            values = []
            for s in chosen[:, draw]:
                above = sum(each[s, p, c, AT[numerator]] for p in drawn for c in scenarios)
                values.append(100 * above / sum(each[s, p, c, AT[denominator]] for p in drawn for c in scenarios))
            means.append(sum(values) / len(values))
        gains.append(means[0] - means[1])
    return tuple(np.percentile(gains, [2.5, 97.5]))


@pytest.mark.parametrize("metric", ["gIoU", "cIoU", "N-acc", "Pr@0.7"])
@pytest.mark.parametrize("seeds", [(1, 1), (3, 2)])
def test_interval_equals_a_naive_loop_over_drawn_pictures_and_seeds(metric, seeds):
    rng = np.random.default_rng(1)
    system, reference = (random_tallies(rng, n, 12, skill) for n, skill in zip(seeds, (0.7, 0.4)))
    found = bootstrap_difference(system, reference, metric, draws=50, seed=3)
    assert (found.low, found.high) == pytest.approx(naive_interval(system, reference, metric, 50, 3))


def test_interval_of_a_mean_has_the_width_of_its_standard_error():
    one = random_tallies(np.random.default_rng(2), 1, 400)
    found = interval(one, "gIoU", draws=4000)
    per_picture = 100 * one[0, :, :, AT["iou"]].sum(1) / 4
    assert found.value == pytest.approx(per_picture.mean())
    assert (found.high - found.low) / 3.92 == pytest.approx(per_picture.std() / np.sqrt(400), rel=0.1)


def coverage(method, rounds, seeds, spread, pictures=60, **options):
    """How often the interval holds the true difference of gIoU, 10 points: the share, and the mean width.

    Trainings differ by `spread` (standard deviation of their skill), and pictures are easy or hard for everybody.
    """
    rng, hits, width = np.random.default_rng(3), 0, 0.0
    for _ in range(rounds):
        easy = rng.uniform(-0.15, 0.15, pictures)
        systems = [
            np.concatenate(
                [random_tallies(rng, 1, pictures, skill + rng.normal(0, spread), easy) for _ in range(seeds)]
            )
            for skill in (0.55, 0.45)
        ]
        found = method(*systems, "gIoU", draws=200, **options)
        hits += found.low <= 10 <= found.high
        width += (found.high - found.low) / rounds
    return hits / rounds, width


def test_the_bootstrap_covers_the_truth_where_pictures_alone_vary():
    share, width = coverage(bootstrap_difference, 200, seeds=1, spread=0.0)
    assert 0.90 <= share <= 0.99
    assert width == pytest.approx(3.92 * 100 * np.sqrt(2 * 0.25 / (4 * 60)), rel=0.2)  # of two binomial shares


def test_the_bootstrap_is_too_narrow_for_three_seeds_that_differ():
    """What its description says; an interval that did not resample the seeds would cover far less."""
    share, _ = coverage(bootstrap_difference, 200, seeds=3, spread=0.06, pictures=300)
    assert 0.78 <= share <= 0.89


@pytest.mark.parametrize(("spread", "pictures"), [(0.0, 60), (0.03, 60), (0.06, 60), (0.06, 300)])
def test_welchs_interval_covers_the_truth_with_three_seeds(spread, pictures):
    """About 95 %, whatever the spread between trainings; the standard error of 400 rounds is 1.1 %."""
    share, _ = coverage(welch_difference, 400, 3, spread, pictures)
    assert 0.93 <= share <= 0.985


def test_welchs_interval_is_welchs_where_pictures_do_not_vary():
    """Every picture alike: only the trainings are left, and scipy knows their interval."""
    from scipy.stats import ttest_ind

    groups = [np.array([0.2, 0.3, 0.5, 0.4]), np.array([0.1, 0.15, 0.3])]
    systems = []
    for values in groups:
        sums = np.zeros((len(values), 20, 3, len(COLUMNS)))
        sums[:, :, 0, AT["samples"]] = 1
        sums[:, :, 0, AT["iou"]] = values[:, None]
        systems.append(sums)
    found = welch_difference(*systems, "gIoU", level=0.9)
    expected = ttest_ind(100 * groups[0], 100 * groups[1], equal_var=False).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_welchs_interval_of_the_same_trainings_pairs_the_seeds():
    """Seeds far apart, one rule better by the same amount for each: their spread cancels."""
    apart = np.concatenate([random_tallies(np.random.default_rng(8), 1, 200, skill) for skill in (0.2, 0.5, 0.8)])
    better = apart.copy()
    better[:, :, 0, AT["iou"]] += 0.4  # of four expressions: ten points for every picture
    together = welch_difference(better, apart, "gIoU", same_trainings=True)
    assert (together.low, together.value, together.high) == pytest.approx((10, 10, 10))
    assert welch_difference(better, apart, "gIoU").low < 0


def test_welchs_interval_needs_a_spread():
    one, two = random_tallies(np.random.default_rng(1), 1), random_tallies(np.random.default_rng(2), 2)
    for pair in ((one, two), (two, one)):
        with pytest.raises(InputError, match="single seed has no spread"):
            welch_difference(*pair, "gIoU")
    with pytest.raises(InputError, match="same number of seeds"):
        welch_difference(random_tallies(np.random.default_rng(1), 3), two, "gIoU", same_trainings=True)


def test_a_system_does_not_differ_from_itself():
    one = random_tallies(np.random.default_rng(4), 1)
    found = bootstrap_difference(one, one, "N-acc")
    assert (found.value, found.low, found.high) == (0, 0, 0)
    assert not found.excludes_zero
    two = np.concatenate([one, one])
    found = welch_difference(two, two, "N-acc")
    assert (found.value, found.low, found.high) == pytest.approx((0, 0, 0), abs=1e-5)
    test = sign_test(one, one, "N-acc")
    assert (test.wins, test.losses, test.ties, test.p) == (0, 0, 30, 1.0)


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("method", METHODS)
def test_seeds_that_differ_widen_the_interval_whichever_system_has_them(method, place):
    rng = np.random.default_rng(5)
    same = random_tallies(rng, 3, 200, 0.5)
    apart = np.concatenate([random_tallies(rng, 1, 200, skill) for skill in (0.2, 0.5, 0.8)])
    other = random_tallies(rng, 3, 200, 0.5)
    narrow, wide = (method(*((each, other) if place == 0 else (other, each)), "gIoU") for each in (same, apart))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


@pytest.mark.parametrize("method", METHODS)
def test_pictures_that_differ_widen_the_interval(method):
    """The same means, once from pictures that are half right and once from pictures that are all right or all wrong."""
    half = np.zeros((2, 100, 3, len(COLUMNS)))
    half[:, :, 0, AT["samples"]], half[:, :, 0, AT["iou"]] = 2, 1
    split = half.copy()
    split[:, ::2, 0, AT["iou"]], split[:, 1::2, 0, AT["iou"]] = 0, 2
    narrow, wide = (method(each, half, "gIoU") for each in (half, split))
    assert narrow.high == pytest.approx(narrow.low)
    assert wide.high - wide.low == pytest.approx(3.92 * 100 * 0.5 / np.sqrt(100), rel=0.15)


def test_pictures_are_drawn_together_for_both_systems():
    """Pictures far apart, one system better by the same amount on each: what the pictures do cancels."""
    rng = np.random.default_rng(9)
    one = random_tallies(rng, 1, 100, 0.5, np.linspace(-0.5, 0.5, 100))
    better = one.copy()
    better[:, :, 0, AT["iou"]] += 0.4
    found = bootstrap_difference(better, one, "gIoU")
    assert (found.low, found.high) == pytest.approx((10, 10))


def test_the_same_trainings_under_two_rules_share_their_seeds():
    """Seeds far apart, one rule better by the same amount for each: only drawn together their spread cancels."""
    apart = np.concatenate([random_tallies(np.random.default_rng(8), 1, 200, skill) for skill in (0.2, 0.5, 0.8)])
    better = apart.copy()
    better[:, :, 0, AT["iou"]] += 0.4
    together = bootstrap_difference(better, apart, "gIoU", same_trainings=True)
    assert (together.low, together.value, together.high) == pytest.approx((10, 10, 10))
    alone = bootstrap_difference(better, apart, "gIoU")
    assert alone.low < 0 < alone.high


def test_resamples_without_any_sample_of_a_metric_are_left_out():
    """One of three pictures has a no-target expression: 8 of 27 resamples have none."""
    system = random_tallies(np.random.default_rng(6), 1, 3)
    system[:, 1:, 0] = 0
    found = bootstrap_difference(system, system, "N-acc", draws=200)
    assert (found.low, found.high) == (0, 0)
    assert np.isfinite(interval(system, "N-acc", draws=200).low)
    system[:, :, 0] = 0
    assert np.isnan(interval(system, "N-acc", draws=20).low)


@given(st.integers(0, 10**6), st.sampled_from(list(METRICS)))
@settings(max_examples=25, deadline=None)
def test_exchanging_the_systems_turns_the_sign(seed, metric):
    rng = np.random.default_rng(seed)
    for seeds, method in zip((1, 2), METHODS):
        one, other = random_tallies(rng, seeds, 15, 0.6), random_tallies(rng, seeds, 15, 0.5)
        options = {"draws": 40, "same_trainings": method is bootstrap_difference}
        there, back = method(one, other, metric, **options), method(other, one, metric, **options)
        mirrored = (-back.value, -back.high, -back.low)
        assert (there.value, there.low, there.high) == pytest.approx(mirrored, nan_ok=True)
    assert sign_test(one, other, metric).wins == sign_test(other, one, metric).losses


def test_sign_test_by_hand():
    """Six pictures better, one worse, two the same: p = 2 (C(7, 6) + C(7, 7)) / 2^7."""
    system, reference = np.zeros((1, 9, 3, len(COLUMNS))), np.zeros((1, 9, 3, len(COLUMNS)))
    system[:, :, 1, AT["samples"]] = reference[:, :, 1, AT["samples"]] = 1
    system[0, :6, 1, AT["iou"]], reference[0, 6, 1, AT["iou"]] = 1, 1
    found = sign_test(system, reference, "gIoU")
    assert (found.wins, found.losses, found.ties) == (6, 1, 2)
    assert found.p == pytest.approx(2 * (7 + 1) / 2**7)


def test_sums_that_differ_by_rounding_are_a_tie():
    """0.1 + 0.2 is not 0.3 in floating point."""
    system, reference = np.zeros((2, 1, 3, len(COLUMNS))), np.zeros((2, 1, 3, len(COLUMNS)))
    system[:, 0, 1, AT["samples"]] = reference[:, 0, 1, AT["samples"]] = 1
    system[:, 0, 1, AT["iou"]], reference[:, 0, 1, AT["iou"]] = (0.1, 0.2), (0.3, 0.0)
    assert sign_test(system, reference, "gIoU").ties == 1


def test_pictures_without_a_value_are_left_out():
    system, reference = random_tallies(np.random.default_rng(6), 1, 5), random_tallies(np.random.default_rng(7), 1, 5)
    system[:, 0, 0] = reference[:, 0, 0] = 0
    found = sign_test(system, reference, "N-acc")
    assert found.wins + found.losses + found.ties == 4


@pytest.mark.parametrize(
    ("seeds", "pictures", "metric", "sentence"),
    [
        (2, 4, "gIoU", "3 pictures, the other on 4"),
        (0, 3, "gIoU", "no trained seed"),
        (2, 3, "mIoU", "no interval for 'mIoU'"),
    ],
)
def test_what_cannot_be_compared_is_refused(seeds, pictures, metric, sentence):
    system, reference = np.ones((2, 3, 3, len(COLUMNS))), np.ones((seeds, pictures, 3, len(COLUMNS)))
    for test in (bootstrap_difference, welch_difference, sign_test):
        with pytest.raises(InputError, match=sentence):
            test(system, reference, metric)
