"""The choice of a learning rate, on results made up by hand and on those that are stored."""

import pytest

from grisq.experiments import selection, tuning
from grisq.experiments.registry import RATES, TUNED, for_tuning
from grisq.runtime.paths import RESULTS


def test_the_score_is_the_mean_over_vals_shares():
    metrics = {"N-acc": 50.0, "IoU single": 30.0, "IoU multi": 60.0}
    assert tuning.score(metrics) == pytest.approx(0.41 * 50 + 0.29 * 30 + 0.30 * 60)


def test_the_rates_of_the_registry_are_those_that_the_stored_trials_choose():
    stored = selection.collect(RESULTS, "tiny")
    found = tuning.trials(stored)
    assert {(each.system, each.lr) for each in found} == {(s, lr) for s in TUNED["tiny"] for lr in RATES}
    assert len(found) == len(for_tuning())
    assert tuning.choose(stored) == dict(TUNED["tiny"])
