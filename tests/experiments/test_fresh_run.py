"""Where a fresh run lies among stored seeds: by hand, and by simulation."""

from types import SimpleNamespace

import numpy as np
import pytest

from grisq.config import override, preset, to_dict
from grisq.experiments import fresh_run
from grisq.experiments.fresh_run import METRICS, place_among_seeds, prediction_interval, train_fresh_run
from grisq.runtime.distributed import available_cores
from grisq.runtime.errors import InputError


@pytest.fixture
def make_run(make_result):
    def make(seed, **metrics):
        result = make_result("ours", seed, iou=0.5)
        values = dict.fromkeys(METRICS, 50.0) | {name.replace("_", "-"): value for name, value in metrics.items()}
        result.results = {"val": {"protocols": {"rela": values}}}
        return result

    return make


@pytest.mark.parametrize("n", [2, 3, 5])
def test_of_a_hundred_further_draws_ninety_five_fall_inside(n):
    rng = np.random.default_rng(n)
    draws = rng.normal(40, 3, size=(8000, n + 1))
    ends = np.array([prediction_interval(stored) for stored in draws[:, :n]])
    inside = (ends[:, 0] <= draws[:, n]) & (draws[:, n] <= ends[:, 1])
    assert inside.mean() == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 8000))


def test_three_seeds_by_hand(make_run):
    """40, 42, 44: mean 42, s = 2, t(2) = 4.3027, half = 4.3027 * 2 * sqrt(4/3) = 9.937; seed 0 is left out."""
    stored = [make_run(seed, gIoU=value, N_acc=99.0 + seed / 3) for seed, value in enumerate((30.0, 40.0, 42.0, 44.0))]
    places = {each.metric: each for each in place_among_seeds(make_run(0, gIoU=32.5, N_acc=99.0), stored)}
    giou = places["gIoU"]
    assert (giou.fresh, giou.same_seed, giou.seeds) == (32.5, 30.0, 3)
    assert (giou.mean, giou.smallest, giou.largest) == (42.0, 40.0, 44.0)
    assert (giou.low, giou.high) == (pytest.approx(32.063, abs=1e-3), pytest.approx(51.937, abs=1e-3))
    assert giou.inside
    assert places["N-acc"].high == 100  # no accuracy is higher
    assert places["cIoU"].inside  # all seeds are equal
    outside = place_among_seeds(make_run(0, gIoU=32.0), stored)[0]
    assert not outside.inside


def test_one_seed_has_no_interval_and_other_runs_are_refused(make_run):
    (first, *_) = place_among_seeds(make_run(0), [make_run(1)])
    assert not first.has_interval
    assert not first.inside
    assert np.isnan(first.same_seed)
    with pytest.raises(InputError, match="no stored run of ours with another seed"):
        place_among_seeds(make_run(0), [make_run(0)])
    other = make_run(1)
    other.data = "other"
    with pytest.raises(InputError, match="has the data 'other'"):
        place_among_seeds(make_run(0), [other])
    faster = make_run(1)
    faster.settings = to_dict(override(preset("tiny"), {"train.lr": 0.1}))
    with pytest.raises(InputError, match=r"another train\.lr than the fresh one"):
        place_among_seeds(make_run(0), [faster])


def test_the_queue_gets_one_run_and_its_result_is_read(make_run, tmp_path, monkeypatch):
    """The queue itself is tested in test_queue.py; what it wrote is what comes back."""
    asked = {}

    def queue(names, preset, data, **options):
        asked.update(options, names=names)
        return [fresh_run.results.save(make_run(3), options["out"])]

    monkeypatch.setattr(fresh_run, "run_experiments", queue)
    found = train_fresh_run(SimpleNamespace(), SimpleNamespace(), seed=3, runs=tmp_path, progress=False)
    assert (found.experiment, found.seed) == ("ours", 3)
    assert (asked["names"], asked["seeds"], asked["runs"]) == (["ours"], [3], tmp_path)
    assert asked["out"] == tmp_path / "results"
    assert asked["threads"] == available_cores()  # it has the machine to itself
    train_fresh_run(SimpleNamespace(), SimpleNamespace(), seed=3, threads=1, runs=tmp_path, progress=False)
    assert asked["threads"] == 1
