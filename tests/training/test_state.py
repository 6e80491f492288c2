"""What a run keeps, what it restores, and what it refuses: every field, and nothing diverged ever kept."""

import errno
import json
import math
import os
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from grisq import checkpoint
from grisq.evaluation.evaluator import Evaluation, Evaluator
from grisq.runtime.errors import InputError
from grisq.training.history import read_history
from grisq.training.state import how_to_resume
from grisq.training.trainer import Trainer, train

OPTIONS = {"device": "cpu", "progress": False}


def with_train(preset, **changes):
    return replace(preset, train=replace(preset.train, **changes))


def scores(monkeypatch, *values):
    """Evaluations that give these values of gIoU, in order; returns the steps' list to look at."""
    left = list(values)

    def run(self, rows):
        return Evaluation({"rela": {"gIoU": left.pop(0)}}, {}, [])

    monkeypatch.setattr(Evaluator, "run", run)
    return left


def test_a_checkpoint_restores_every_field(small, mini, tmp_path, monkeypatch):
    preset = with_train(small, holdout=0.2)
    scores(monkeypatch, 61.0, 40.0)
    first = Trainer(preset, mini, tmp_path / "run", stop_at=4, **OPTIONS)
    first.run()
    second = Trainer(preset, mini, tmp_path / "run", **OPTIONS)
    assert second.step == first.step == second.saved_step == 4
    assert second.best == first.best == 61.0
    assert second.reader.tokenizer.encode("two red dogs", 20) == first.reader.tokenizer.encode("two red dogs", 20)
    for name, value in first.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[name], value), name
    ours, theirs = first.optimizer.state_dict(), second.optimizer.state_dict()
    assert ours["param_groups"] == theirs["param_groups"]
    assert ours["state"].keys() == theirs["state"].keys()
    for index, state in ours["state"].items():
        for name, value in state.items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(theirs["state"][index][name])), (index, name)


def test_a_worse_model_never_replaces_best_after_a_resume(small, mini, tmp_path, monkeypatch):
    preset = with_train(small, holdout=0.2, eval_every=2)
    scores(monkeypatch, 60.0, 50.0, 59.0)
    train(preset, mini, tmp_path / "run", stop_at=3, **OPTIONS)
    train(preset, mini, tmp_path / "run", **OPTIONS)
    assert [record["gIoU"] for record in read_history(tmp_path / "run", "eval")] == [60.0, 50.0, 59.0]
    about = checkpoint.load(tmp_path / "run" / "best").about
    assert (about["step"], about[checkpoint.HOLDOUT_SCORE]) == (2, 60.0)


def test_a_checkpoint_is_saved_before_the_evaluation_of_its_step(small, mini, tmp_path, monkeypatch):
    """An evaluation that fails costs nothing, and is made up for when the run is resumed."""
    preset = with_train(small, holdout=0.2, eval_every=2, checkpoint_every=100)
    whole = train(preset, mini, tmp_path / "whole", **OPTIONS).parent

    def broken(*_, **__):
        raise InputError("a picture is broken")

    with monkeypatch.context() as patch:
        patch.setattr(Evaluator, "run", broken)
        with pytest.raises(InputError, match="a picture is broken"):
            train(preset, mini, tmp_path / "run", **OPTIONS)
    assert checkpoint.load(tmp_path / "run").about["step"] == 2
    train(preset, mini, tmp_path / "run", **OPTIONS)
    assert read_history(tmp_path / "run", "eval") == read_history(whole, "eval")
    for name in ("last", "best"):
        one, other = (load_file(run / name / checkpoint.WEIGHTS) for run in (whole, tmp_path / "run"))
        assert all(torch.equal(value, other[key]) for key, value in one.items())


def test_the_last_evaluation_is_made_up_for_too(small, mini, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Evaluator, "run", lambda *_, **__: (_ for _ in ()).throw(InputError("killed")))
        with pytest.raises(InputError, match="killed"):
            train(with_train(small, eval_every=100), mini, tmp_path / "run", **OPTIONS)
    assert checkpoint.load(tmp_path / "run").about["step"] == 6
    train(with_train(small, eval_every=100), mini, tmp_path / "run", **OPTIONS)
    assert [record["step"] for record in read_history(tmp_path / "run", "eval")] == [6]


@pytest.mark.parametrize("checkpoint_every", [1, 2, 3])
@pytest.mark.parametrize("clip", [None, 1.0])
def test_a_diverged_run_keeps_its_last_finite_checkpoint(small, mini, tmp_path, checkpoint_every, clip):
    run = tmp_path / "run"
    wild = with_train(
        small, lr=1e18, lr_backbone=1e18, clip=clip, checkpoint_every=checkpoint_every, steps=9, eval_every=100
    )
    with pytest.raises(InputError, match=r"lower train\.lr") as error:
        train(wild, mini, run, **OPTIONS)
    if not (run / "last").exists():
        assert "there is no checkpoint yet" in str(error.value)
        return
    saved = checkpoint.load(run / "last").about["step"]
    assert f"{run / 'last'} is from step {saved}" in str(error.value)
    weights = load_file(run / "last" / checkpoint.WEIGHTS)
    assert all(value.isfinite().all() for value in weights.values())
    with pytest.raises(InputError, match=f"is from step {saved}"):
        train(wild, mini, run, **OPTIONS)


@pytest.mark.parametrize("checkpoint_every", [1, 2, 3])
@pytest.mark.parametrize("what", ["loss", "update"])
def test_a_step_that_makes_nan_overwrites_nothing(small, mini, tmp_path, monkeypatch, checkpoint_every, what):
    """The fifth step gives a loss that is not finite, or an update that is not after a finite loss."""
    preset = with_train(small, checkpoint_every=checkpoint_every, clip=None, eval_every=100)
    original = Trainer._take_step

    def step(self):
        original(self)
        if self.step == 5:
            if what == "loss":
                self.window.total = self.window.total * math.nan
            else:
                next(iter(self.model.parameters())).data[0] = math.nan

    monkeypatch.setattr(Trainer, "_take_step", step)
    good = 4 // checkpoint_every * checkpoint_every
    with pytest.raises(InputError, match=rf"step [56]: lower .* is from step {good}\.$"):
        train(preset, mini, tmp_path / "run", **OPTIONS)
    monkeypatch.undo()
    train(preset, mini, tmp_path / "run", **OPTIONS)
    train(preset, mini, tmp_path / "whole", **OPTIONS)
    one, other = (load_file(tmp_path / name / "last" / checkpoint.WEIGHTS) for name in ("run", "whole"))
    assert all(torch.equal(value, other[key]) for key, value in one.items())


def test_best_is_not_overwritten_by_a_diverged_model(small, mini, tmp_path, monkeypatch):
    preset = with_train(small, holdout=0.2, eval_every=1, checkpoint_every=100)
    scores(monkeypatch, 10.0, 20.0, 30.0)
    original = Trainer._take_step

    def step(self):
        original(self)
        if self.step == 2:
            next(iter(self.model.parameters())).data[0] = math.nan

    monkeypatch.setattr(Trainer, "_take_step", step)
    with pytest.raises(InputError, match=r"no longer finite at step 2.*is from step 1"):
        train(preset, mini, tmp_path / "run", **OPTIONS)
    assert checkpoint.load(tmp_path / "run" / "best").about["step"] == 1


@pytest.mark.parametrize(
    "changes",
    [{"workers": 1}, {"cache_mb": 1}, {"eval_every": 2}, {"eval_samples": 3}, {"checkpoint_every": 5}],
    ids=str,
)
def test_settings_that_change_nothing_do_not_stop_a_resume(small, mini, tmp_path, changes):
    train(small, mini, tmp_path / "whole", **OPTIONS)
    train(small, mini, tmp_path / "run", stop_at=3, **OPTIONS)
    train(with_train(small, **changes), mini, tmp_path / "run", **OPTIONS)
    one, other = (load_file(tmp_path / name / "last" / checkpoint.WEIGHTS) for name in ("run", "whole"))
    assert all(torch.equal(value, other[key]) for key, value in one.items())


@pytest.mark.parametrize(
    "changes",
    [{"lr": 1.0}, {"batch": 2}, {"clip": None}, {"accumulate": 2}, {"precision": "bf16"}, {"holdout": 0.2}],
    ids=str,
)
def test_settings_that_change_the_result_are_refused(small, mini, tmp_path, changes):
    train(small, mini, tmp_path / "run", stop_at=1, **OPTIONS)
    with pytest.raises(InputError, match=f"holds a run with train.{next(iter(changes))} ="):
        train(with_train(small, **changes), mini, tmp_path / "run", **OPTIONS)


def test_what_chooses_best_is_refused_where_there_is_a_best(small, mini, tmp_path):
    held = with_train(small, holdout=0.2)
    train(held, mini, tmp_path / "run", stop_at=1, **OPTIONS)
    for changes in ({"eval_every": 2}, {"eval_samples": 3}):
        with pytest.raises(InputError, match="holds a run with"):
            train(with_train(held, **changes), mini, tmp_path / "run", **OPTIONS)
    train(with_train(held, workers=1), mini, tmp_path / "run", stop_at=2, **OPTIONS)


def test_more_steps_start_from_the_run_with_init(small, mini, tmp_path):
    run = tmp_path / "run"
    train(small, mini, run, **OPTIONS)
    longer = with_train(small, steps=8)
    with pytest.raises(InputError, match=rf"for more steps start from it with --init {run}"):
        train(longer, mini, run, **OPTIONS)
    for other in (with_train(small, steps=4), with_train(longer, lr=0.5)):  # not what --init is for
        with pytest.raises(InputError, match="choose another folder"):
            train(other, mini, run, **OPTIONS)
    train(longer, mini, tmp_path / "more", init=run, stop_at=1, **OPTIONS)
    assert checkpoint.load(run).about["step"] == 6


def test_pretrained_weights_that_moved_do_not_stop_a_resume(small, mini, tmp_path):
    """They are in the checkpoint already; another model's name is refused."""
    run = tmp_path / "run"
    train(small, mini, run, stop_at=2, **OPTIONS)
    stored = json.loads((run / "run.json").read_text(encoding="utf-8"))
    stored["preset"]["model"]["text"]["pretrained"] = "/old/place/bert-base-uncased"
    (run / "run.json").write_text(json.dumps(stored), encoding="utf-8")

    def moved(name):
        return replace(small, model=replace(small.model, text=replace(small.model.text, pretrained=name)))

    train(moved("/new/place/bert-base-uncased"), mini, run, stop_at=3, **OPTIONS)
    assert checkpoint.load(run).about["step"] == 3
    for other in ("bert-large-uncased", None):
        with pytest.raises(InputError, match=r"text\.pretrained = /old/place/bert-base-uncased"):
            train(moved(other), mini, run, **OPTIONS)


def test_starting_afresh_never_deletes_what_it_starts_from_nor_before_all_is_known_to_be_good(small, mini, tmp_path):
    run = tmp_path / "run"
    train(small, mini, run, stop_at=2, **OPTIONS)
    for init in (run, run / "last"):
        with pytest.raises(InputError, match=r"lies in .* which starting afresh deletes"):
            train(small, mini, run, fresh=True, init=init, **OPTIONS)
    with pytest.raises(InputError, match="holds no checkpoint"):
        train(small, mini, run, fresh=True, init=tmp_path / "none", **OPTIONS)
    other = replace(small, model=replace(small.model, channels=24))
    with pytest.raises(InputError, match="belongs to another configuration"):
        train(other, mini, tmp_path / "other", fresh=True, init=run, **OPTIONS)
    assert checkpoint.load(run).about["step"] == 2


@pytest.mark.parametrize("absent", ["run.json", "last/training.pt"])
def test_a_model_that_cannot_be_resumed_is_not_overwritten(small, mini, tmp_path, absent):
    run = tmp_path / "run"
    train(small, mini, run, stop_at=2, **OPTIONS)
    (run / absent).unlink()
    with pytest.raises(InputError, match=rf"cannot be resumed from without {run / absent}: choose another folder"):
        train(small, mini, run, **OPTIONS)
    assert checkpoint.load(run).about["step"] == 2


def test_a_broken_state_is_one_sentence(small, mini, tmp_path):
    train(small, mini, tmp_path / "run", stop_at=2, **OPTIONS)
    path = tmp_path / "run" / "last" / checkpoint.STATE
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"training\.pt is broken: .*afresh.*--init \S+last\.$"):
        train(small, mini, tmp_path / "run", **OPTIONS)


def test_a_run_on_other_data_is_refused_without_a_hash(small, mini, mini_root, tmp_path):
    train(small, mini, tmp_path / "run", stop_at=1, **OPTIONS)
    stored = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    stored["data"] = "0" * 64
    (tmp_path / "run" / "run.json").write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(InputError, match="holds a run on other annotations than those given with --data") as error:
        train(small, mini, tmp_path / "run", **OPTIONS)
    assert "0000" not in str(error.value)


@pytest.mark.parametrize("taken", ["files", "file", "link"])
def test_fresh_deletes_nothing_but_runs(small, mini, tmp_path, taken):
    run, kept = tmp_path / "run", tmp_path / "data" / "thesis.txt"
    kept.parent.mkdir()
    kept.write_text("years of work", encoding="utf-8")
    if taken == "files":
        run = kept.parent
    elif taken == "file":
        run = kept
    else:
        run.symlink_to(kept.parent, target_is_directory=True)
    with pytest.raises(InputError, match="--fresh does not delete"):
        train(small, mini, run, fresh=True, **OPTIONS)
    assert kept.read_text(encoding="utf-8") == "years of work"


@pytest.mark.parametrize("before", ["missing", "empty", "run", "no run.json", "no checkpoint"])
def test_fresh_starts_again_in_place_of_a_run(small, mini, tmp_path, before):
    run = tmp_path / "run"
    if before == "empty":
        run.mkdir()
    elif before != "missing":
        train(small, mini, run, stop_at=2, **OPTIONS)
        if before == "no run.json":
            (run / "run.json").unlink()
        elif before == "no checkpoint":
            shutil.rmtree(run / "last")
    train(small, mini, run, fresh=True, stop_at=1, **OPTIONS)
    assert [record["step"] for record in read_history(run, "train")] == [1]


def test_a_run_that_cannot_be_deleted_is_one_sentence(small, mini, tmp_path, monkeypatch):
    run = tmp_path / "run"
    train(small, mini, run, stop_at=2, **OPTIONS)

    def refuse(path, *_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(run / "last"))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(InputError, match=rf"^{run / 'last'} cannot be deleted \(Permission denied\)"):
        train(small, mini, run, fresh=True, **OPTIONS)
    assert checkpoint.load(run).about["step"] == 2


def test_the_advice_after_a_stop_never_deletes_the_checkpoint(tmp_path):
    assert how_to_resume(tmp_path).startswith("the same command resumes")
    assert how_to_resume(tmp_path, fresh=True).startswith("the same command without --fresh resumes")
