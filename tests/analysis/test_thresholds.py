import numpy as np
import pytest

from grisq.analysis.thresholds import at_own_threshold, giou_at, giou_at_own_threshold, n_acc_at, presence_auroc
from grisq.evaluation.metrics import ScoreSums
from grisq.evaluation.outcomes import Samples
from grisq.evaluation.protocols import PROTOCOLS
from grisq.runtime.errors import InputError


def made_up(presence, target_count, share=0.6):
    """Masks of 1000 pixels, of which that share is right where there is a target; two expressions a picture."""
    n, count = len(presence), np.array(target_count)
    return Samples(
        row=list(range(n)),
        image=(np.arange(n) // 2).tolist(),
        target_count=count.tolist(),
        predicted=[1000] * n,
        annotated=(1000 * (count > 0)).tolist(),
        intersection=(int(1000 * share) * (count > 0)).tolist(),
        presence=None if presence[0] is None else [float(value) for value in presence],
        plurality=None,
    )


@pytest.fixture
def late():
    """Ranks well, but gives everything 0.6 or more: targets above 0.8, no-targets below."""
    rng = np.random.default_rng(0)
    count = rng.integers(0, 2, 400)
    return made_up(np.where(count, rng.uniform(0.8, 1, 400), rng.uniform(0.6, 0.8, 400)), count)


def test_at_one_half_it_is_the_evaluations_giou(late):
    meter = ScoreSums(PROTOCOLS["rela"])
    meter.update(late.scores())
    assert giou_at(late, 0.5) == pytest.approx(meter.compute()["gIoU"])


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.61, 1.0])
def test_at_any_threshold_it_is_a_loop_over_expressions(threshold):
    """Presence equal to the threshold counts as present."""
    rng = np.random.default_rng(1)
    samples = made_up(rng.integers(0, 101, 80) / 100, rng.integers(0, 3, 80))
    samples.presence[:3] = [threshold] * 3
    samples.target_count[:3], samples.annotated[0], samples.intersection[0] = [0, 1, 2], 0, 0
    ious = []
    for i in range(80):
        present = samples.presence[i] >= threshold
        union = samples.predicted[i] + samples.annotated[i] - samples.intersection[i]
        iou = samples.intersection[i] / union if present else 0.0
        ious.append(iou if samples.target_count[i] > 0 else float(not present))
    assert giou_at(samples, threshold) == pytest.approx(100 * np.mean(ious))
    keep = np.arange(80) < 7
    assert giou_at(samples, threshold, keep) == pytest.approx(100 * np.mean(ious[:7]))
    assert samples.scores("truth", threshold).predicted_present.tolist() == [n > 0 for n in samples.target_count]


def test_its_own_threshold_finds_what_one_half_hides(late):
    share = np.mean(np.array(late.target_count) > 0)
    iou = 600 / 1400
    assert giou_at(late, 0.5) == pytest.approx(100 * share * iou)
    found = giou_at_own_threshold(late)
    assert found.giou == pytest.approx(100 * (share * iou + 1 - share), abs=1)
    assert all(0.75 <= threshold <= 0.85 for threshold in found.chosen)


def test_a_threshold_is_not_chosen_on_the_pictures_that_it_judges():
    """Presence without meaning: chosen on the same pictures it would gain by chance, on others it does not."""
    gains = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        samples = made_up(rng.random(60), rng.integers(0, 2, 60), share=1.0)
        best_in_hindsight = max(giou_at(samples, threshold) for threshold in np.linspace(0, 1, 101))
        gains.append((giou_at_own_threshold(samples).giou, best_in_hindsight))
    own, hindsight = np.mean(gains, axis=0)
    assert own == pytest.approx(50, abs=4)
    assert hindsight > own + 3


def with_sizes(rng, n=300):
    """No presence head; masks of no-targets are smaller than those of most targets."""
    count = rng.integers(0, 3, n)
    samples = made_up([None] * n, count)
    samples.predicted = np.where(count > 0, rng.integers(800, 2000, n), rng.integers(0, 1200, n)).tolist()
    samples.intersection = np.where(count > 0, np.minimum(700, samples.predicted), 0).tolist()
    return samples


def loop(samples, score, threshold, keep):
    """gIoU, N-acc and T-acc of the expressions of a list, one by one."""
    ious, right = [], {False: [], True: []}
    for i in keep:
        present, target = score[i] >= threshold, samples.target_count[i] > 0
        union = samples.predicted[i] + samples.annotated[i] - samples.intersection[i]
        ious.append((samples.intersection[i] / union if present else 0.0) if target else float(not present))
        right[target].append(present == target)
    return 100 * np.mean(ious), 100 * np.mean(right[False]), 100 * np.mean(right[True])


@pytest.mark.parametrize("by", ["presence", "mask size"])
def test_both_halves_are_judged_by_the_other_ones_threshold(late, by):
    """Written out: the reported metrics are those of the chosen thresholds, each on the half that did not choose it."""
    samples = late if by == "presence" else with_sizes(np.random.default_rng(3))
    score = samples.presence if by == "presence" else np.array(samples.predicted) / 480**2
    found = at_own_threshold(samples, by)
    judged = [found.chosen[0] if image % 2 else found.chosen[1] for image in samples.image]  # chosen on the even ones
    wanted = loop(samples, np.array(score) - judged, 0.0, range(len(judged)))
    assert (found.giou, found.n_acc, found.t_acc) == pytest.approx(wanted)


def test_no_size_is_better_on_the_half_that_chooses():
    samples = with_sizes(np.random.default_rng(4))
    share = np.array(samples.predicted) / 480**2
    for side, chosen in enumerate(at_own_threshold(samples, "mask size").chosen):
        half = [i for i, image in enumerate(samples.image) if image % 2 == side]
        best = max(loop(samples, share, threshold, half)[0] for threshold in [*share[half], 2.0])
        assert loop(samples, share, chosen, half)[0] == pytest.approx(best)


def test_the_highest_n_acc_that_keeps_t_acc():
    samples = with_sizes(np.random.default_rng(5))
    share = np.array(samples.predicted) / 480**2
    found = at_own_threshold(samples, "mask size", least_t_acc=95)
    for side, chosen in enumerate(found.chosen):
        half = [i for i, image in enumerate(samples.image) if image % 2 == side]
        _, n_acc, t_acc = loop(samples, share, chosen, half)
        possible = [loop(samples, share, threshold, half) for threshold in [*share[half], 2.0]]
        assert t_acc >= 95
        assert n_acc == pytest.approx(max(n for _, n, t in possible if t >= 95))
    assert found.t_acc > at_own_threshold(samples, "mask size").t_acc


def test_n_acc_at_the_t_acc_of_any_threshold_is_the_evaluations():
    """Ties, too: of thresholds with one T-acc the one with the highest N-acc counts."""
    rng = np.random.default_rng(6)
    count = rng.integers(0, 3, 200)
    samples = made_up((rng.integers(0, 30, 200) + 20 * (count > 0)) / 50, count)
    best = {}
    for threshold in [*samples.presence, 2.0]:
        _, n_acc, t_acc = loop(samples, samples.presence, threshold, range(200))
        best[t_acc] = max(n_acc, best.get(t_acc, 0.0))
    assert n_acc_at(samples, np.array([*best])) == pytest.approx(np.array([*best.values()]))
    low, high = sorted(best)[3:5]
    assert n_acc_at(samples, (low + high) / 2) == pytest.approx((best[low] + best[high]) / 2)


def test_another_threshold_does_not_change_n_acc_at_a_t_acc(late):
    readier = made_up(np.array(late.presence) ** 4, late.target_count)  # says "nothing" more readily, knows no more
    assert readier.scores().predicted_present.sum() < late.scores().predicted_present.sum()
    assert n_acc_at(readier, 95.0) == pytest.approx(n_acc_at(late, 95.0))


def test_the_area_counts_pairs_in_order(late):
    assert presence_auroc(late) == 1.0
    assert presence_auroc(late, by_mask=True) == 0.5  # all masks have the same size
    few = made_up([0.9, 0.2, 0.5, 0.5], [1, 1, 0, 0])
    assert presence_auroc(few) == 0.5  # of four pairs two are in order


def test_without_a_head_there_is_no_threshold():
    silent = made_up([None] * 4, [0, 1, 0, 1])
    with pytest.raises(InputError, match="no presence head"):
        giou_at(silent, 0.5)
    with pytest.raises(InputError, match="no presence head"):
        at_own_threshold(silent)
    with pytest.raises(InputError, match="no presence head"):
        n_acc_at(silent, 95.0)
    assert presence_auroc(silent) == 0.5


def test_an_area_needs_both():
    with pytest.raises(InputError, match="is empty"):
        presence_auroc(made_up([0.2, 0.9], [1, 2]))
    with pytest.raises(InputError, match="give a whole split"):
        n_acc_at(made_up([0.2, 0.9], [1, 2]), 95.0)
