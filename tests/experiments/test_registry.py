import dataclasses

import pytest
import torch

from grisq.augment.sampler import check_parts
from grisq.config import PRESETS, AugmentConfig, override, preset
from grisq.config.consistency import check_sizes
from grisq.config.systems import has_sizes
from grisq.experiments.registry import EXPERIMENTS, RATES, TUNED, describe_pair, find_experiment, for_tuning, label_of
from grisq.experiments.selection import runs_of
from grisq.models.base import count_parameters, parameters_by_part
from grisq.models.registry import SYSTEMS, build_model, build_on_meta
from grisq.runtime.errors import InputError

OTHERS = ("mattnet", "lts", "vlt", "cris", "lavt", "rela", "lisa", "gsva")  # systems of Table 1 but ours


@pytest.mark.parametrize("name", PRESETS)
def test_every_experiment_fits_every_preset(name):
    chosen = preset(name)
    for experiment in EXPERIMENTS.values():
        if has_sizes(name, experiment.system):
            configured = experiment.configure(chosen)
            check_sizes(configured.model)
            check_parts(configured.train.batch, 1, 1, configured.train.expressions_per_picture)
        else:
            with pytest.raises(InputError, match=f"The preset {name} has no sizes for {experiment.system}: choose"):
                experiment.configure(chosen)


@pytest.mark.parametrize("system", ["lisa", "gsva"])
def test_what_tiny_needs_is_asked_of_tiny_alone(system):
    tiny, paper = (find_experiment(system).configure(preset(name)).train for name in ("tiny", "paper"))
    assert (tiny.steps, tiny.batch) == (2 * preset("tiny").train.steps, 4 * preset("tiny").train.batch)
    assert (paper.steps, paper.batch) == (150_000, 48)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_knows_the_system_that_it_trains(name):
    experiment = find_experiment(name)
    assert experiment.system == experiment.configure(preset("tiny")).model.system


def test_ours_is_the_preset_as_it_is():
    assert find_experiment("ours").configure(preset("paper")) == preset("paper")


def test_rows_of_table_2_switch_one_thing_on_after_the_other():
    """The ticks of Table 2, with the paper's own probabilities."""
    switches = []
    for name in ("baseline", "query", "plurality", "no-target", "ours"):
        row = find_experiment(name).configure(preset("paper"))
        switches.append((row.model.target_query, row.model.plurality, row.augment.tau_no, row.augment.tau_multi))
    assert switches == [
        (False, False, 0, 0),
        (True, False, 0, 0),
        (True, True, 0, 0),
        (True, True, 0.05, 0),
        (True, True, 0.05, 0.05),
    ]


def test_relas_runs_have_its_losses_and_differ_in_augmentation_alone():
    plain, augmented = (find_experiment(name).configure(preset("paper")) for name in ("rela", "rela-augmented"))
    assert plain.model == augmented.model
    assert plain.train == augmented.train
    assert (plain.augment.tau_no, augmented.augment) == (0, preset("paper").augment)
    assert plain.train.pixel_weights == (0.9, 1.1)
    assert plain.train.presence_weights == (1.1, 0.9)  # absent first here, last in ReLA
    assert plain.train.loss_scale == 5


def test_a_run_is_for_a_table_or_has_a_question():
    for experiment in EXPERIMENTS.values():
        assert bool(experiment.shown_in) != bool(experiment.question)
    shown = {name for name, each in EXPERIMENTS.items() if each.shown_in}
    assert shown == {
        *("baseline", "query", "plurality", "no-target", "ours", "baseline-augmented", "query-augmented"),
        *OTHERS,
        *(f"{name}-augmented" for name in OTHERS),
    }


def test_augmentation_is_all_that_augmented_runs_add():
    for name in OTHERS:
        plain, augmented = (find_experiment(each).configure(preset("tiny")) for each in (name, f"{name}-augmented"))
        assert plain.augment == AugmentConfig(tau_no=0, tau_multi=0)
        assert dataclasses.replace(plain, augment=preset("tiny").augment) == augmented


def parameters(name):
    with torch.device("meta"):
        return count_parameters(build_model(find_experiment(name).configure(preset("tiny")).model))


def test_the_wide_pooled_head_is_as_large_as_the_query():
    assert parameters("baseline-wide") == pytest.approx(parameters("query"), rel=0.001)
    assert parameters("baseline") < 0.97 * parameters("query")


@pytest.mark.parametrize("name", ["lavt", "rela"])
def test_the_other_systems_are_as_large_as_ours(name):
    assert parameters(name) == pytest.approx(parameters("ours"), rel=0.06)


def test_every_system_is_tuned_over_the_same_rates_on_held_out_pictures():
    for system in SYSTEMS:
        configured = [find_experiment(name).configure(preset("tiny")) for name in for_tuning(system)]
        assert [each.train.lr for each in configured] == list(RATES)
        assert all(each.train.lr_backbone == each.train.lr / 4 and each.train.holdout == 0.1 for each in configured)
        whole = find_experiment("ours" if system == "grisq" else system).configure(preset("tiny")).train.steps
        assert {(each.train.steps, each.train.eval_every) for each in configured} == {(whole * 2 // 3,) * 2}
    assert len(for_tuning()) == len(SYSTEMS) * len(RATES)


def test_a_rate_is_chosen_after_two_thirds_of_a_presets_own_steps():
    for name in for_tuning("rela"):
        configured = find_experiment(name).configure(override(preset("tiny"), {"train.steps": 30}))
        assert (configured.train.steps, configured.train.eval_every) == (20, 20)


def test_a_tuned_rate_is_that_of_its_preset_alone():
    rela = find_experiment("rela")
    assert rela.configure(preset("tiny")).train.lr == TUNED["tiny"]["rela"]
    assert rela.configure(preset("paper")).train.lr == preset("paper").train.lr
    assert preset("tiny").train.lr == TUNED["tiny"]["grisq"]


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(InputError, match="baseline, query"):
        find_experiment("table2")


def test_runs_have_labels_of_their_own():
    """A ladder's "+ plurality" says nothing where it stands alone."""
    assert label_of("no-target") == "no-target augm."
    assert label_of("rela@truth") == "ReLA, true presence"
    assert label_of("blind-all") == "oracle outlines of all objects"
    assert not any(label_of(name).startswith("+") for name in EXPERIMENTS)
    assert describe_pair("ours", "rela") == "ours over ReLA"
    assert describe_pair("rela@truth", "rela@masks") == "ReLA: true presence over perfect masks"
    assert describe_pair("rela", "rela@pixels") == "ReLA: own presence over 50-pixel rule"


def test_stored_runs_have_the_parameters_of_their_models(stored):
    """All of them: tensors that belong to the model itself, too, such as ReLA's region queries."""
    for name in {name for name, _ in stored}:
        model = build_on_meta(find_experiment(name).configure(preset("tiny")).model)
        for result in runs_of(stored, name):
            assert result.parameters == parameters_by_part(model), name
            assert sum(result.parameters.values()) == count_parameters(model)
