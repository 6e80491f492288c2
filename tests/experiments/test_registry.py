import pytest

from grisq.config import PRESETS, preset
from grisq.experiments.registry import EXPERIMENTS, find_experiment, for_tables
from grisq.runtime.errors import InputError


@pytest.mark.parametrize("name", PRESETS)
def test_every_experiment_fits_every_preset(name):
    for experiment in EXPERIMENTS.values():
        experiment.configure(preset(name))


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
    assert set(for_tables()) == {
        "baseline", "query", "plurality", "no-target", "ours", "lavt", "rela", "rela-augmented"
    }  # fmt: skip


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(InputError, match="baseline, query"):
        find_experiment("table2")
