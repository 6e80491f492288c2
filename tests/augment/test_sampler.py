import numpy as np
import pytest

from grisq.augment.recipes import Mosaic, NoTarget, Plain
from grisq.augment.sampler import StepSampler, TrainingPlan
from grisq.config import AugmentConfig
from grisq.runtime.errors import InputError


def build(batch=12, seed=3, tau=0.3, rows=50):
    counts = np.arange(rows) % 3
    return TrainingPlan(np.arange(rows) * 2, counts, np.arange(rows), batch, seed, AugmentConfig(tau, tau))


def test_a_step_is_a_function_of_seed_and_step_alone():
    forward, backward = build(), build()
    there = [forward.recipes(step) for step in range(12)]
    back = [backward.recipes(step) for step in reversed(range(12))]
    assert there == back[::-1]
    assert build(seed=4).recipes(0) != there[0]
    assert there[0] != there[1]


def test_every_epoch_shows_every_row_once():
    plan = build(batch=10, tau=0.0)
    for epoch in range(3):
        seen = [recipe.row for step in range(5 * epoch, 5 * epoch + 5) for recipe in plan.recipes(step)]
        assert sorted(seen) == list(range(0, 100, 2))


@pytest.mark.parametrize(("world", "accumulate"), [(1, 2), (2, 1), (2, 3), (4, 1), (6, 2)])
def test_processes_and_accumulation_change_nothing_in_the_plan(world, accumulate):
    plan = build()
    shares = [
        list(StepSampler(plan, start=2, stop=5, rank=rank, world=world, accumulate=accumulate)) for rank in range(world)
    ]
    for index, step in enumerate(range(2, 5)):
        parts = [share[index * accumulate + turn] for share in shares for turn in range(accumulate)]
        together = [slot.recipe for part in parts for slot in part]
        assert sorted(together, key=repr) == sorted(plan.recipes(step), key=repr)
        assert {len(part) for part in parts} == {12 // (world * accumulate)}


def test_a_resumed_sampler_goes_on_where_the_first_stopped():
    plan = build()
    whole = list(StepSampler(plan, start=0, stop=6))
    assert whole[3:] == list(StepSampler(build(), start=3, stop=6))
    assert len(StepSampler(plan, start=3, stop=6, accumulate=2)) == 6


def test_plurality_weights_make_the_mean_over_the_labeled_samples_of_the_global_batch():
    plan = build()
    recipes = plan.recipes(0)
    labeled = sum(
        isinstance(r, Mosaic) or (isinstance(r, Plain) and plan.target_counts[r.row // 2] > 0) for r in recipes
    )
    assert 0 < labeled < 12
    slots = [slot for part in StepSampler(plan, start=0, stop=1, accumulate=3) for slot in part]
    # Averaging three parts' sums of weight x loss must weigh every labeled sample 1 / labeled.
    assert slots[0].plurality_weight / 3 == pytest.approx(1 / labeled)
    assert any(isinstance(slot.recipe, NoTarget) for slot in slots)


def test_a_batch_that_cannot_be_cut_evenly_is_refused():
    with pytest.raises(InputError, match="multiple of 5"):
        StepSampler(build(), start=0, stop=1, world=5)


def test_an_empty_split_is_refused():
    with pytest.raises(InputError, match="no expressions"):
        build(rows=0)
