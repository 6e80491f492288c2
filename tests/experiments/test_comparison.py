"""Runs under other rules about presence, against loops over single expressions."""

import numpy as np
import pytest

from grisq.evaluation.outcomes import Samples
from grisq.experiments import comparison
from grisq.runtime.errors import InputError


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


def test_a_level_is_the_mean_and_a_contrast_the_weighted_sum(results):
    means = {name: comparison.means(results, name)["gIoU"] for name in ("lower", "higher", "bare")}
    level = comparison.level_of(results, "lower", "gIoU")
    assert level.value == pytest.approx(means["lower"])
    assert level.low < level.value < level.high
    found = comparison.contrast_of(results, {"higher": 1, "lower": -0.5, "bare": -0.5}, "gIoU")
    assert found.value == pytest.approx(means["higher"] - (means["lower"] + means["bare"]) / 2)
    pair = comparison.contrast_of(results, {"higher": 1, "lower": -1}, "cIoU")
    assert pair == comparison.compare(results, "higher", "lower", "cIoU")


def test_one_training_under_two_rules_is_one_training(results):
    """As if they were independent, the spread of their seeds would be counted twice."""
    found = comparison.contrast_of(results, {"higher@truth": 1, "higher": -1}, "gIoU")
    assert found == comparison.compare(results, "higher@truth", "higher", "gIoU")
    with pytest.raises(InputError, match="different experiments, or one experiment under several rules"):
        comparison.contrast_of(results, {"higher@truth": 1, "higher": -1, "lower": 1}, "gIoU")


def naive_parts(samples: Samples) -> dict[str, float]:
    """What an expression adds to gIoU by its masks, and what the presence decision takes away again."""
    parts = {"no-target": 0.0, "targets": 0.0, "masks": 0.0}
    for number, count in enumerate(samples.target_count):
        both = samples.intersection[number]
        iou = both / max(1, samples.predicted[number] + samples.annotated[number] - both)
        present = samples.predicted[number] >= 50 if samples.presence is None else samples.presence[number] >= 0.5
        if count == 0:
            parts["no-target"] += 100 * (not present)
        else:
            parts["masks"] += 100 * iou
            parts["targets"] -= 0 if present else 100 * iou
    return {part: total / len(samples.target_count) for part, total in parts.items()}


def test_the_parts_of_a_gap_are_those_of_a_loop_and_add_up(results):
    gap = comparison.decompose_gap(results, "higher", "lower")
    naive = {
        name: [naive_parts(results[name, seed].samples["val"]) for seed in range(2)] for name in ("higher", "lower")
    }
    for part, name in (
        ("no-target", comparison.PRESENCE_NO_TARGET),
        ("targets", comparison.PRESENCE_TARGETS),
        ("masks", comparison.MASKS_PART),
    ):
        high, low = (np.mean([each[part] for each in naive[system]]) for system in ("higher", "lower"))
        assert gap[name].value == pytest.approx(high - low), part
        assert gap[name].low < gap[name].value < gap[name].high
    value = {name: each.value for name, each in gap.items()}
    presence = value[comparison.PRESENCE_NO_TARGET] + value[comparison.PRESENCE_TARGETS]
    assert value[comparison.PRESENCE] == pytest.approx(presence)
    assert value[comparison.GAP] == pytest.approx(presence + value[comparison.MASKS_PART])
    assert value[comparison.MARGIN] == pytest.approx(presence - value[comparison.MASKS_PART])
    assert gap[comparison.GAP] == comparison.compare(results, "higher", "lower", "gIoU")


def test_the_margin_of_a_gap_has_the_interval_of_its_own_seeds(stored):
    """Per seed: a - 2 a*; the spread of these numbers, not of a and a* apart, makes the interval."""
    margins = {}
    for name in ("ours", "rela"):
        own, truth = (
            comparison.metrics_of(comparison.tallies(stored, run).sum(1))["gIoU"] for run in (name, f"{name}@truth")
        )
        margins[name] = own - 2 * truth
    found = comparison.decompose_gap(stored, "ours", "rela")[comparison.MARGIN]
    assert found.value == pytest.approx(margins["ours"].mean() - margins["rela"].mean())
    from_seeds = np.sqrt(sum(each.var(ddof=1) / len(each) for each in margins.values()))
    assert (found.high - found.low) / 2 > 1.96 * from_seeds


def test_bad_requests_are_one_sentence(results):
    with pytest.raises(InputError, match="no presence rule 'oracle': use head, pixels, truth or masks"):
        comparison.tallies(results, "lower@oracle")
    with pytest.raises(InputError, match="no result of 'missing'"):
        comparison.tallies(results, "missing")
    with pytest.raises(InputError, match="'lower' have no split 'testA': use val"):
        comparison.tallies(results, "lower", "testA")
