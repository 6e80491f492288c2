"""Runs under other rules about presence, against loops over single expressions."""

import numpy as np
import pytest

from grisq.evaluation.outcomes import Samples
from grisq.experiments import comparison
from grisq.experiments.selection import collect
from grisq.runtime.errors import InputError
from grisq.runtime.paths import RESULTS


@pytest.fixture(scope="module")
def results(make_result):
    how = {"lower": {"iou": 0.5}, "higher": {"iou": 0.7, "noticed": 0.9, "denied": 0.2}, "bare": {"iou": 0.5}}
    head = {"lower": True, "higher": True, "bare": False}
    return {
        (name, seed): make_result(name, seed, has_head=head[name], **how[name]) for name in how for seed in range(2)
    }


def naive_giou(samples: Samples, *, true_presence=False, perfect_masks=False) -> float:
    """Expression by expression, as Sec. 4.1 says it; without a head the 50-pixel rule."""
    values = []
    for number, count in enumerate(samples.target_count):
        predicted, annotated, both = (
            column[number] for column in (samples.predicted, samples.annotated, samples.intersection)
        )
        present = predicted >= 50 if samples.presence is None else samples.presence[number] >= 0.5
        if true_presence:
            present = count > 0
        if count == 0:
            values.append(0.0 if present else 1.0)
        elif not present:
            values.append(0.0)
        else:
            values.append(1.0 if perfect_masks else both / (predicted + annotated - both))
    return 100 * float(np.mean(values))


@pytest.mark.parametrize("name", ["lower", "higher", "bare"])
@pytest.mark.parametrize(
    ("rule", "how"),
    [("", {}), ("@head", {}), ("@truth", {"true_presence": True}), ("@masks", {"perfect_masks": True})],
)
def test_means_are_those_of_a_loop(results, name, rule, how):
    wanted = np.mean([naive_giou(results[name, seed].samples["val"], **how) for seed in range(2)])
    assert comparison.means(results, f"{name}{rule}")["gIoU"] == pytest.approx(wanted)


def test_perfect_masks_keep_the_decisions_of_a_model_without_head():
    samples = Samples([0, 1, 2], [0, 0, 1], [1, 1, 0], [49, 50, 80], [900, 900, 0], [10, 10, 0], None, None)
    perfect = comparison.with_perfect_masks(samples)
    assert [each >= 0.5 for each in perfect.presence] == [False, True, True]
    assert perfect.intersection == perfect.predicted == [900, 900, 0]
    assert samples.predicted == [49, 50, 80]
    assert naive_giou(perfect) == pytest.approx(100 / 3)


def test_a_difference_is_that_of_the_means(results):
    wanted = np.subtract(
        *([naive_giou(results[name, seed].samples["val"]) for seed in range(2)] for name in ("higher", "lower"))
    ).mean()
    found = comparison.compare(results, "higher", "lower", "gIoU")
    assert found.value == pytest.approx(wanted)
    assert found.low < wanted < found.high


def test_the_explained_part_of_a_gap_is_that_of_the_means(results):
    own, true = (
        np.subtract(
            *(
                [naive_giou(results[name, seed].samples["val"], true_presence=truth) for seed in range(2)]
                for name in ("higher", "lower")
            )
        ).mean()
        for truth in (False, True)
    )
    part, margin = comparison.explained_by_presence(results, "higher", "lower", "gIoU")
    assert part.value == pytest.approx(own - true)
    assert margin.value == pytest.approx(own - 2 * true)
    assert part.low < part.value < part.high


def test_the_interval_of_the_explained_part_is_that_of_naive_draws():
    """Pictures drawn with replacement, the same for both; seeds of each by themselves, under both rules alike."""
    stored = collect(RESULTS, "tiny")
    rng, names, giou = np.random.default_rng(3), ("ours", "rela"), {}
    for name in names:
        for rule in ("head", "truth"):
            sums = comparison.tallies(stored, f"{name}@{rule}")
            giou[name, rule] = sums
    pictures = giou["ours", "head"].shape[1]
    drawn = []
    for _ in range(600):
        chosen, gains = rng.integers(pictures, size=pictures), []
        for name in names:
            seeds = rng.integers(3, size=3)
            own, true = (
                np.mean([comparison.metrics_of(giou[name, rule][seed, chosen].sum(0))["gIoU"] for seed in seeds])
                for rule in ("head", "truth")
            )
            gains.append(own - true)
        drawn.append(gains[0] - gains[1])
    part, _ = comparison.explained_by_presence(stored, *names, "gIoU")
    np.testing.assert_allclose(np.percentile(drawn, [2.5, 97.5]), [part.low, part.high], atol=0.6)


def test_bad_requests_are_one_sentence(results):
    with pytest.raises(InputError, match="no presence rule 'oracle': use head, pixels, truth or masks"):
        comparison.tallies(results, "lower@oracle")
    with pytest.raises(InputError, match="no result of 'missing'"):
        comparison.tallies(results, "missing")
    with pytest.raises(InputError, match="'lower' have no split 'testA': use val"):
        comparison.tallies(results, "lower", "testA")
    with pytest.raises(InputError, match="gap in cIoU cannot be divided"):
        comparison.explained_by_presence(results, "higher", "lower", "cIoU")
