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


def grouped(together, rows=23, pictures=6, batch=8):
    image_ids = np.sort(np.random.default_rng(0).integers(0, pictures, rows))
    plan = TrainingPlan(np.arange(rows), np.ones(rows, int), image_ids, batch, 0, AugmentConfig(0, 0), together)
    return plan, image_ids


def test_expressions_of_a_picture_stand_together():
    plan, image_ids = grouped(4)
    seen = set()
    for step in range(6):
        rows = [recipe.row for recipe in plan.recipes(step)]
        seen |= set(rows)
        for start in (0, 4):
            assert len({image_ids[row] for row in rows[start : start + 4]}) == 1
    assert seen == set(range(23))


def test_no_expression_is_left_out_of_an_epoch_and_few_come_twice():
    plan, image_ids = grouped(4)
    order = plan._order(0)
    counts = np.bincount(order, minlength=23)
    assert counts.min() == 1
    assert len(order) == sum(4 * -(-int(n) // 4) for n in np.bincount(image_ids) if n)


def test_processes_share_whole_pictures():
    plan, image_ids = grouped(4)
    shares = [next(iter(StepSampler(plan, start=1, stop=2, rank=rank, world=2))) for rank in range(2)]
    for share in shares:
        assert len({image_ids[slot.recipe.row] for slot in share}) == 1
    assert sorted(slot.recipe.row for share in shares for slot in share) == sorted(r.row for r in plan.recipes(1))


def test_one_by_one_is_the_plan_without_groups():
    rows, counts, images = np.arange(50) * 2, np.arange(50) % 3, np.arange(50)
    alone = TrainingPlan(rows, counts, images, 12, 3, AugmentConfig(0.3, 0.3), together=1)
    assert alone.recipes(4) == build().recipes(4)


def test_a_batch_that_cuts_a_picture_is_refused():
    with pytest.raises(
        InputError,
        match=r"of whole groups of 3 \(train.expressions_per_picture\): set train.batch to a multiple of 3\.",
    ):
        grouped(3)
