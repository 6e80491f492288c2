import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grisq.augment.multi_target import choose_mosaic
from grisq.augment.no_target import choose_donors
from grisq.augment.plan import expected_shares, plan_batch, shares_after
from grisq.augment.recipes import Mosaic, NoTarget, Plain
from grisq.config import AugmentConfig


@st.composite
def batches(draw):
    size = draw(st.integers(1, 24))
    counts = np.array(draw(st.lists(st.integers(0, 3), min_size=size, max_size=size)))
    images = np.array(draw(st.lists(st.integers(0, 5), min_size=size, max_size=size)))
    taus = draw(st.tuples(st.sampled_from([0.0, 0.3, 1.0]), st.sampled_from([0.0, 0.5, 1.0])))
    return np.arange(100, 100 + size), counts, images, AugmentConfig(*taus), draw(st.integers(0, 10_000))


@given(batches())
@settings(max_examples=300, deadline=None)
def test_every_plan_keeps_the_rules_of_section_3_3(batch):
    rows, counts, images, augment, seed = batch
    recipes = plan_batch(rows, counts, images, augment, np.random.default_rng(seed))
    assert len(recipes) == len(rows)
    count = dict(zip(rows.tolist(), counts.tolist()))
    image = dict(zip(rows.tolist(), images.tolist()))
    swapped = {recipe.image for recipe in recipes if isinstance(recipe, NoTarget)}
    mosaics = [(slot, recipe) for slot, recipe in enumerate(recipes) if isinstance(recipe, Mosaic)]
    for slot, recipe in enumerate(recipes):
        if isinstance(recipe, Plain):
            assert recipe.row == rows[slot]
        elif isinstance(recipe, NoTarget):
            assert recipe.image == rows[slot]
            assert count[recipe.image] == count[recipe.text_from] == 1
            assert image[recipe.image] != image[recipe.text_from]
    assert len(mosaics) <= 1
    for slot, mosaic in mosaics:
        cells, members = zip(*mosaic.cells)
        assert 2 <= len(cells) <= 4
        assert list(cells) == sorted(set(cells))
        assert set(cells) <= {0, 1, 2, 3}
        assert all(count[row] == 1 for row in members)
        assert not swapped & set(members)  # no-target first, mosaics among the remaining singles
        assert rows[slot] in members  # it replaces one of the chosen
        assert len(set(members)) == len(members)


@given(batches())
@settings(max_examples=50, deadline=None)
def test_same_seed_same_plan(batch):
    rows, counts, images, augment, seed = batch
    one, other = (plan_batch(rows, counts, images, augment, np.random.default_rng(seed)) for _ in range(2))
    assert one == other


def test_zero_probabilities_leave_the_batch_alone():
    rows = np.arange(20)
    recipes = plan_batch(rows, np.ones(20, int), rows, AugmentConfig(0, 0), np.random.default_rng(0))
    assert recipes == [Plain(row) for row in range(20)]


def test_without_another_picture_there_is_no_donor():
    singles = np.arange(5)
    assert choose_donors(singles, np.zeros(5, int), 1.0, np.random.default_rng(0)) == {}


def test_donors_are_uniform_over_other_pictures():
    images = np.array([0, 0, 1, 2, 3])
    rng = np.random.default_rng(0)
    drawn = [choose_donors(np.arange(5), images, 1.0, rng)[0] for _ in range(6000)]
    shares = np.bincount(drawn, minlength=5) / len(drawn)
    assert shares[:2].tolist() == [0, 0]
    np.testing.assert_allclose(shares[2:], 1 / 3, atol=0.03)


def test_one_chosen_sample_makes_no_mosaic():
    assert choose_mosaic(np.array([7]), 1.0, np.random.default_rng(0)) is None


def test_of_more_than_four_four_are_kept_in_random_cells():
    rng = np.random.default_rng(0)
    firsts, replaced = [], []
    for _ in range(3000):
        slot, cells = choose_mosaic(np.arange(8), 1.0, rng)
        assert len(cells) == 4
        firsts.append(cells[0][1])
        replaced.append(slot)
    np.testing.assert_allclose(np.bincount(firsts, minlength=8) / 3000, 1 / 8, atol=0.03)
    np.testing.assert_allclose(np.bincount(replaced, minlength=8) / 3000, 1 / 8, atol=0.03)


@pytest.mark.parametrize(("batch", "mosaic", "no_target"), [(48, 0.379, 1.38), (24, 0.139, 0.69), (12, 0.041, 0.35)])
def test_closed_form_gives_the_known_strengths(batch, mosaic, no_target):
    """Figures for a single share of 57.6 % and both probabilities 0.05. They ignore that a slot made no-target
    cannot join the mosaic, which the closed form here does not; hence the tolerance of two points."""
    expected = expected_shares(0.576, batch, AugmentConfig())
    assert expected["no_target"] == pytest.approx(no_target, abs=0.01)
    assert expected["mosaic"] == pytest.approx(mosaic, abs=0.02)


@pytest.mark.parametrize("batch", [12, 48])
def test_simulation_agrees_with_the_closed_form(batch):
    rng, augment = np.random.default_rng(1), AugmentConfig()
    no_target = mosaic = 0
    rounds = 4000
    for _ in range(rounds):
        counts = (rng.random(batch) < 0.576).astype(int)
        recipes = plan_batch(np.arange(batch), counts, np.arange(batch), augment, rng)
        no_target += sum(isinstance(recipe, NoTarget) for recipe in recipes)
        mosaic += any(isinstance(recipe, Mosaic) for recipe in recipes)
    expected = expected_shares(0.576, batch, augment)
    assert no_target / rounds == pytest.approx(expected["no_target"], rel=0.06)
    assert mosaic / rounds == pytest.approx(expected["mosaic"], abs=0.025)


def test_shares_after_augmentation_are_the_known_ones():
    """gRefCOCO's train split with the paper's probabilities and batch: 9.1 -> 12.0 and 33.2 -> 34.0 percent."""
    before = {"no-target": 0.0914, "single-target": 0.5762, "multi-target": 0.3324}
    after = shares_after(before, 48, AugmentConfig(0.05, 0.05))
    assert after["no-target"] == pytest.approx(0.120, abs=5e-4)
    assert after["multi-target"] == pytest.approx(0.340, abs=5e-4)
    assert sum(after.values()) == pytest.approx(1)
    assert shares_after(before, 48, AugmentConfig(0, 0)) == pytest.approx(before)
