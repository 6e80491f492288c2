import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grisq.analysis.significance import contrast, difference, interval, interval_of_shares
from grisq.evaluation.intervals import Difference, tally
from grisq.evaluation.metrics import MCC, METRICS, ScoreSums, metrics_of
from grisq.evaluation.outcomes import COLUMNS
from grisq.evaluation.protocols import PROTOCOLS, Scores
from grisq.runtime.errors import InputError

AT = {name: place for place, name in enumerate(COLUMNS)}


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
    meter = ScoreSums(PROTOCOLS["rela"])
    meter.update(scores)
    expected = meter.compute()
    sums = tally(rng.integers(0, 40, 200), scores)
    for name, value in metrics_of(sums.sum(0)).items():
        assert value == pytest.approx(expected[name], rel=1e-12)


def test_the_interval_of_matthews_correlation_has_the_width_of_resampled_pictures():
    """Equal seeds leave the pictures alone: their spread is that of scikit-learn's MCC over drawn pictures."""
    from sklearn.metrics import matthews_corrcoef

    rng, pictures = np.random.default_rng(7), 150
    truth = np.tile([False, True], (pictures, 1))
    said = np.where(rng.random((pictures, 2)) < 0.75, truth, ~truth)
    sums = np.zeros((3, pictures, 3, len(COLUMNS)))
    sums[:, :, :2, AT["samples"]], sums[:, :, :2, AT["right"]] = 1, said == truth
    found = interval(sums, MCC, draws=4000)
    drawn = [rng.integers(0, pictures, pictures) for _ in range(1000)]
    spread = np.std([100 * matthews_corrcoef(truth[each].ravel(), said[each].ravel()) for each in drawn])
    assert found.value == pytest.approx(100 * matthews_corrcoef(truth.ravel(), said.ravel()))
    assert (found.high - found.low) / 3.95 == pytest.approx(spread, rel=0.1)


def test_a_correlation_below_zero_has_its_whole_interval():
    """Seeds that are wrong nearly always: an interval cut at 0 would leave out its own value."""
    rng = np.random.default_rng(3)
    found = interval(random_tallies(rng, 3, 200, 0.2), MCC)
    assert -100 < found.low < found.value < found.high < 0
    worst = interval(np.concatenate([random_tallies(rng, 1, 200, skill) for skill in (0.0, 0.05, 0.2)]), MCC)
    assert worst.low == -100


def test_pictures_come_in_ascending_order_and_keep_their_expressions():
    """A single target found by half for picture 9, a no-target rejected for picture 4."""
    scores = Scores(*map(np.array, ([1, 0], [2, 0], [0.5, 1.0], [True, False], [True, False], [1, 0])))
    four, nine = tally(np.array([9, 4]), scores)
    assert {name: four[0, at] for name, at in AT.items() if four[0, at]} == {"iou": 1, "samples": 1, "right": 1}
    expected = {"iou": 0.5, "samples": 1, "intersection": 1, "union": 2, "right": 1, "iou>=0.5": 1}
    assert {name: nine[1, at] for name, at in AT.items() if nine[1, at]} == expected
    assert not four[1:].any()
    assert not nine[[0, 2]].any()


def test_interval_of_a_mean_has_the_width_of_its_standard_error():
    """Seeds that are equal leave the pictures alone, and their standard error is known."""
    one = random_tallies(np.random.default_rng(2), 1, 400)
    found = interval(np.concatenate([one, one, one]), "gIoU", draws=4000)
    per_picture = 100 * one[0, :, :, AT["iou"]].sum(1) / 4
    assert found.value == pytest.approx(per_picture.mean())
    assert (found.high - found.low) / 3.92 == pytest.approx(per_picture.std() / np.sqrt(400), rel=0.1)


def coverage(rounds, seeds, spread, pictures=60, **options):
    """How often the interval holds the true difference of gIoU, 10 points.

    Trainings differ by `spread` (standard deviation of their skill), and pictures are easy or hard for everybody.
    """
    rng, hits = np.random.default_rng(3), 0
    for _ in range(rounds):
        easy = rng.uniform(-0.15, 0.15, pictures)
        systems = [
            np.concatenate(
                [random_tallies(rng, 1, pictures, skill + rng.normal(0, spread), easy) for _ in range(seeds)]
            )
            for skill in (0.55, 0.45)
        ]
        found = difference(*systems, "gIoU", draws=200, **options)
        hits += found.low <= 10 <= found.high
    return hits / rounds


@pytest.mark.parametrize(("spread", "pictures"), [(0.0, 60), (0.03, 60), (0.06, 60), (0.06, 300)])
def test_the_interval_covers_the_truth_with_three_seeds(spread, pictures):
    """About 95 %, whatever the spread between trainings; the standard error of 400 rounds is 1.1 %."""
    assert 0.93 <= coverage(400, 3, spread, pictures) <= 0.985


# Standard deviations between the seeds of two systems, in points: alike, and as unlike as stored runs are.
SPREADS = {"alike": (3, 3), "the first spreads": (6, 0.5), "the second spreads": (0.5, 6)}
FROM_PICTURES = 0.8  # standard deviation of a difference


def made_up(rng, seeds, between_seeds, of_picture):
    """Seeds of a system whose expected gIoU is 50: each has its own level, each picture its own difficulty (P,)."""
    sums = np.zeros((seeds, len(of_picture), 3, len(COLUMNS)))
    sums[:, :, 0, AT["samples"]] = 1
    levels = 50 + rng.normal(0, between_seeds, (seeds, 1))
    sums[:, :, 0, AT["iou"]] = (levels + of_picture) / 100
    return sums


@pytest.mark.parametrize("seeds", [(3, 3), (5, 5), (5, 3)])
@pytest.mark.parametrize("spread", SPREADS)
def test_the_interval_covers_the_truth_whichever_system_spreads(spread, seeds):
    """Both systems are equally good. The standard error of 400 rounds is 1.1 %."""
    first, second = SPREADS[spread]
    rng, rounds, pictures, hits = np.random.default_rng(1), 400, 50, 0
    for _ in range(rounds):
        shared = rng.normal(0, 20, pictures)  # cancels: the pictures are the same for both
        own = rng.normal(0, FROM_PICTURES * np.sqrt(pictures), pictures)
        found = difference(
            made_up(rng, seeds[0], first, shared + own),
            made_up(rng, seeds[1], second, shared),
            "gIoU",
            draws=150,
        )
        hits += not found.excludes_zero
    assert (0.925 if spread == "alike" else 0.89) <= hits / rounds <= 0.975


def test_the_interval_of_a_level_covers_it():
    rng, rounds, hits = np.random.default_rng(2), 400, 0
    for _ in range(rounds):
        found = interval(made_up(rng, 3, 1.5, rng.normal(0, 10, 60)), "gIoU", draws=150)
        hits += found.low <= 50 <= found.high
    assert 0.92 <= hits / rounds <= 0.975


@pytest.mark.parametrize(("between_seeds", "share"), [(0.0, 0.9), (0.02, 0.9), (0.0, 1.0), (0.005, 0.985)])
def test_the_interval_of_stored_shares_covers_the_truth(between_seeds, share):
    """All seeds answer the same 300 samples; a sample that is hard is hard for all of them."""
    rng, rounds, samples, hits = np.random.default_rng(4), 1000, 300, 0
    for _ in range(rounds):
        hard = rng.random(samples)
        skills = np.clip(share + rng.normal(0, between_seeds, 5), 0, 1)
        found = interval_of_shares([100 * np.mean(hard < skill) for skill in skills], samples)
        hits += found.low <= 100 * share <= found.high
    assert hits / rounds >= 0.925


def test_the_interval_of_stored_shares_stays_within_percent():
    found = interval_of_shares([100.0, 100.0, 100.0], 200)
    assert 97 < found.low < 99  # two failures of 204 are added, so no certainty
    assert found.high == 100
    assert not interval_of_shares([99.0], 200).has_interval


def test_the_interval_is_welchs_where_pictures_do_not_vary():
    """Every picture alike: only the trainings are left, and scipy knows their interval."""
    from scipy.stats import ttest_ind

    groups = [np.array([0.2, 0.3, 0.5, 0.4]), np.array([0.1, 0.15, 0.3])]
    systems = [constant(values) for values in groups]
    found = difference(*systems, "gIoU", level=0.9)
    expected = ttest_ind(100 * groups[0], 100 * groups[1], equal_var=False).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def constant(values, pictures=20):
    """Seeds with these gIoU (as shares) on every picture."""
    sums = np.zeros((len(values), pictures, 3, len(COLUMNS)))
    sums[:, :, 0, AT["samples"]] = 1
    sums[:, :, 0, AT["iou"]] = np.asarray(values)[:, None]
    return sums


def test_a_contrast_of_four_systems_by_hand():
    """Interaction in a 2 x 2: (d - b) - (c - a), variances of all four added, Satterthwaite's degrees of freedom."""
    from scipy.stats import t

    groups = [np.array(each) for each in ([0.1, 0.2, 0.3], [0.3, 0.35], [0.2, 0.3, 0.2], [0.6, 0.7, 0.65])]
    weights = [1, -1, -1, 1]
    found = contrast([constant(each) for each in groups], weights, "gIoU")
    value = 100 * sum(w * each.mean() for w, each in zip(weights, groups))
    variances = [1e4 * each.var(ddof=1) / len(each) for each in groups]
    freedom = sum(variances) ** 2 / sum(v**2 / (len(each) - 1) for v, each in zip(variances, groups))
    half = t.ppf(0.975, freedom) * sum(variances) ** 0.5
    assert (found.low, found.value, found.high) == pytest.approx((value - half, value, value + half))


def test_a_contrast_of_averages_lies_between_those_of_its_parts():
    """Main effect of a 2 x 2: the mean of two differences, and no wider than the wider of them."""
    rng = np.random.default_rng(0)
    systems = [random_tallies(rng, 3, 200, skill) for skill in (0.4, 0.5, 0.6, 0.8)]
    main = contrast(systems, (-0.5, 0.5, -0.5, 0.5), "gIoU")
    parts = [difference(systems[1], systems[0], "gIoU"), difference(systems[3], systems[2], "gIoU")]
    assert main.value == pytest.approx(np.mean([each.value for each in parts]))
    assert main.high - main.low < max(each.high - each.low for each in parts)


def test_the_same_trainings_under_two_rules_pair_their_seeds():
    """Seeds far apart, one rule better by the same amount for each: their spread cancels."""
    apart = np.concatenate([random_tallies(np.random.default_rng(8), 1, 200, skill) for skill in (0.2, 0.5, 0.8)])
    better = apart.copy()
    better[:, :, 0, AT["iou"]] += 0.4  # of four expressions: ten points for every picture
    together = difference(better, apart, "gIoU", same_trainings=True)
    assert (together.low, together.value, together.high) == pytest.approx((10, 10, 10))
    assert difference(better, apart, "gIoU").low < 0


def test_one_seed_has_no_interval():
    one, two = random_tallies(np.random.default_rng(1), 1), random_tallies(np.random.default_rng(2), 2)
    for pair in ((one, two), (two, one), (one, one)):
        found = difference(*pair, "gIoU")
        assert not found.has_interval
        assert not found.excludes_zero
        assert np.isfinite(found.value)
    assert not interval(one, "gIoU").has_interval
    assert Difference(4.72, np.nan, np.nan).describe() == "+4.7 (no interval)"
    assert Difference(4.72, 1.0, 8.0).describe() == "+4.7 (+1.0 to +8.0)"


def test_a_system_does_not_differ_from_itself():
    two = random_tallies(np.random.default_rng(4), 2)
    found = difference(two, two, "N-acc", same_trainings=True)
    assert (found.value, found.low, found.high) == (0, 0, 0)
    assert not found.excludes_zero


@pytest.mark.parametrize("place", [0, 1])
def test_seeds_that_differ_widen_the_interval_whichever_system_has_them(place):
    rng = np.random.default_rng(5)
    same = random_tallies(rng, 3, 200, 0.5)
    apart = np.concatenate([random_tallies(rng, 1, 200, skill) for skill in (0.2, 0.5, 0.8)])
    other = random_tallies(rng, 3, 200, 0.5)
    narrow, wide = (difference(*((each, other) if place == 0 else (other, each)), "gIoU") for each in (same, apart))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_pictures_that_differ_widen_the_interval():
    """The same means, once from pictures that are half right and once from pictures that are all right or all wrong."""
    half = np.zeros((2, 100, 3, len(COLUMNS)))
    half[:, :, 0, AT["samples"]], half[:, :, 0, AT["iou"]] = 2, 1
    split = half.copy()
    split[:, ::2, 0, AT["iou"]], split[:, 1::2, 0, AT["iou"]] = 0, 2
    narrow, wide = (difference(each, half, "gIoU") for each in (half, split))
    assert narrow.high == pytest.approx(narrow.low)
    assert wide.high - wide.low == pytest.approx(3.97 * 100 * 0.5 / np.sqrt(100), rel=0.15)


def test_pictures_are_drawn_together_for_both_systems():
    """Pictures far apart, one system better by the same amount on each: what the pictures do cancels."""
    rng = np.random.default_rng(9)
    one = random_tallies(rng, 1, 100, 0.5, np.linspace(-0.5, 0.5, 100))
    one = np.concatenate([one, one])
    better = one.copy()
    better[:, :, 0, AT["iou"]] += 0.4
    found = difference(better, one, "gIoU")
    assert (found.low, found.high) == pytest.approx((10, 10), abs=1e-5)


def test_resamples_without_any_sample_of_a_metric_are_left_out():
    """One of three pictures has a no-target expression: 8 of 27 resamples have none."""
    system = random_tallies(np.random.default_rng(6), 2, 3)
    system[:, 1:, 0] = 0
    assert np.isfinite(interval(system, "N-acc", draws=200).low)
    system[:, :, 0] = 0
    assert not interval(system, "N-acc", draws=20).has_interval


@given(st.integers(0, 10**6), st.sampled_from([*METRICS, MCC]), st.booleans())
@settings(max_examples=25, deadline=None)
def test_exchanging_the_systems_turns_the_sign(seed, metric, same):
    rng = np.random.default_rng(seed)
    one, other = random_tallies(rng, 2, 15, 0.6), random_tallies(rng, 2, 15, 0.5)
    there, back = (difference(*pair, metric, draws=40, same_trainings=same) for pair in ((one, other), (other, one)))
    mirrored = (-back.value, -back.high, -back.low)
    assert (there.value, there.low, there.high) == pytest.approx(mirrored, nan_ok=True)


@pytest.mark.parametrize(
    ("seeds", "pictures", "metric", "sentence"),
    [
        (2, 4, "gIoU", "on 3 pictures, the other on 4"),
        (0, 3, "gIoU", "no trained seed"),
        (2, 3, "mIoU", "no interval for 'mIoU'"),
        (3, 3, "gIoU", "same number of seeds"),
    ],
)
def test_what_cannot_be_compared_is_refused(seeds, pictures, metric, sentence):
    system, reference = np.ones((2, 3, 3, len(COLUMNS))), np.ones((seeds, pictures, 3, len(COLUMNS)))
    with pytest.raises(InputError, match=sentence):
        difference(system, reference, metric, same_trainings=True)
