import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from grisq import checkpoint
from grisq.config import ModelConfig, override, to_dict
from grisq.evaluation.evaluator import Evaluator
from grisq.models.grisq import GRISQ
from grisq.runtime.errors import InputError
from grisq.training import history
from grisq.training.history import read_history
from grisq.training.trainer import Trainer, train


def weights(run):
    return load_file(run / "last" / "model.safetensors")


def assert_same_run(one, other):
    for name, tensor in weights(one).items():
        assert torch.equal(tensor, weights(other)[name]), name

    def losses(run):
        return [{k: v for k, v in r.items() if k != "samples_per_second"} for r in read_history(run)]

    assert losses(one)[-1] == losses(other)[-1]


def test_three_steps_and_three_more_equal_six_bit_for_bit(small, mini, tmp_path):
    train(small, mini, tmp_path / "whole", device="cpu", progress=False)
    train(small, mini, tmp_path / "parts", device="cpu", progress=False, stop_at=3)
    assert len(read_history(tmp_path / "parts", "eval")) == 1
    train(small, mini, tmp_path / "parts", device="cpu", progress=False)
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


SCRIPT = """
import json, sys
from pathlib import Path
from grisq.config import Preset, from_dict
from grisq.data import grefcoco
from grisq.training.trainer import train
preset = from_dict(Preset, json.loads(Path(sys.argv[1]).read_text()))
train(preset, grefcoco.load(Path(sys.argv[2])), Path(sys.argv[3]), device="cpu", progress=False)
"""


def test_a_killed_run_resumes_bit_for_bit(small, mini, mini_root, tmp_path):
    small = replace(small, train=replace(small.train, steps=12, checkpoint_every=1, eval_every=100))
    (tmp_path / "preset.json").write_text(json.dumps(to_dict(small)), encoding="utf-8")
    run = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path / "preset.json"), str(mini_root), str(run)])
    try:
        for _ in range(1200):  # until some checkpoint is there, wherever training is by then
            if (run / "last" / "training.pt").is_file() or process.poll() is not None:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    finally:
        process.wait()
    train(small, mini, run, device="cpu", progress=False)
    train(small, mini, tmp_path / "whole", device="cpu", progress=False)
    assert_same_run(run, tmp_path / "whole")


@pytest.mark.parametrize("accumulate", [1, 2, 4])
def test_accumulation_gives_the_same_step_as_one_batch(small, mini, tmp_path, accumulate):
    """Plain gradient descent without clipping moves every weight by lr times the gradient: its scale shows.

    Adam and clipping would hide a loss that is not divided by the number of parts.
    """
    still = replace(small.model, text=replace(small.model.text, dropout=0.0))
    config = replace(small.train, steps=1, clip=None, accumulate=accumulate)
    small = replace(small, model=still, train=config)
    moved = {}
    for name, preset in (("parts", small), ("one", replace(small, train=replace(config, accumulate=1)))):
        trainer = Trainer(preset, mini, tmp_path / name, device="cpu", progress=False)
        trainer.optimizer = torch.optim.SGD(trainer.model.parameters(), lr=1.0)
        trainer.optimizer.param_groups[0]["base_lr"] = 1.0
        before = {key: value.clone() for key, value in trainer.model.named_parameters()}
        trainer.run()
        moved[name] = {key: (value - before[key]).detach() for key, value in trainer.model.named_parameters()}
    largest = max(float(value.abs().max()) for value in moved["one"].values())
    for key, value in moved["one"].items():
        torch.testing.assert_close(moved["parts"][key], value, atol=1e-4 * largest, rtol=1e-3, msg=key)


def test_training_lowers_the_loss(small, mini, tmp_path):
    longer = replace(small, train=replace(small.train, steps=60, batch=8, eval_every=100, checkpoint_every=100))
    train(longer, mini, tmp_path / "run", device="cpu", progress=False)
    records = read_history(tmp_path / "run", "train")
    assert records[-1]["loss"] < 0.8 * records[0]["loss"]


def test_a_finished_run_is_left_as_it_is(small, mini, tmp_path):
    run = tmp_path / "run"
    train(small, mini, run, device="cpu", progress=False)
    before = (run / "last" / "model.safetensors").stat().st_mtime_ns
    train(small, mini, run, device="cpu", progress=False)
    assert (run / "last" / "model.safetensors").stat().st_mtime_ns == before


def test_a_train_step_does_not_wait_for_the_gradient_norm(small, mini, tmp_path):
    """On a GPU, reading a number makes the CPU wait: the norm stays a tensor until it is logged."""
    trainer = Trainer(small, mini, tmp_path / "run", device="cpu", progress=False, stop_at=1)
    trainer.run()
    assert isinstance(trainer.gradient_norm, torch.Tensor)
    assert read_history(tmp_path / "run", "train")[0]["gradient_norm"] == float(trainer.gradient_norm)


def test_other_settings_in_the_same_folder_are_refused_and_fresh_starts_again(small, mini, tmp_path):
    run = tmp_path / "run"
    train(small, mini, run, device="cpu", progress=False, stop_at=2)
    other = replace(small, train=replace(small.train, lr=5e-4))
    with pytest.raises(InputError, match=r"holds a run with train\.lr = 0\.001, not 0\.0005"):
        train(other, mini, run, device="cpu", progress=False)
    train(other, mini, run, device="cpu", progress=False, stop_at=2, fresh=True)
    assert checkpoint.load(run / "last").about["preset"]["train"]["lr"] == 5e-4


def test_a_run_older_than_a_setting_had_its_default(small, mini, tmp_path):
    run = tmp_path / "run"
    train(small, mini, run, device="cpu", progress=False, stop_at=2)
    asked = json.loads((run / "run.json").read_text(encoding="utf-8"))
    del asked["preset"]["model"]["query_level"]
    (run / "run.json").write_text(json.dumps(asked), encoding="utf-8")
    other = replace(small, model=replace(small.model, query_level=2))
    with pytest.raises(InputError, match=r"holds a run with model\.query_level = 4, not 2"):
        train(other, mini, run, device="cpu", progress=False)
    train(small, mini, run, device="cpu", progress=False, stop_at=4)
    assert checkpoint.load(run / "last").about["step"] == 4


def test_a_batch_that_cannot_be_cut_leaves_no_run_behind(small, mini, tmp_path):
    with pytest.raises(InputError, match="cannot be cut into 3 equal parts"):
        train(replace(small, train=replace(small.train, accumulate=3)), mini, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
    train(small, mini, tmp_path / "run", stop_at=1, device="cpu", progress=False)


@pytest.mark.parametrize(
    ("model", "changes", "sentence"),
    [
        ({"system": "lisa"}, {"expressions_per_picture": 3}, "of whole groups of 3 .* to a multiple of 3"),
        ({"system": "vlt"}, {"accumulate": "batch"}, "VLT learns from parts of at least 2 samples, and these have 1"),
        ({"system": "mattnet", "mattnet.categories": 2}, {}, "categories, and model.mattnet.categories is 2"),
        ({"system": "mattnet", "mattnet.annotated": True}, {}, "annotated is a diagnostic of evaluation"),
        ({"object_categories": 99, "object_colors": 1}, {}, "colors, and model.object_colors is 1: set it to"),
    ],
)
def test_what_a_system_cannot_learn_from_leaves_the_old_run_as_it_was(
    small, small_systems, mini, tmp_path, model, changes, sentence
):
    run = tmp_path / "run"
    train(small, mini, run, device="cpu", progress=False, stop_at=1)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    changes = {name: small.train.batch if value == "batch" else value for name, value in changes.items()}
    own = {name: value for name, value in model.items() if "." not in name}
    other = replace(small, model=replace(small.model, **small_systems | own), train=replace(small.train, **changes))
    other = override(other, {f"model.{name}": value for name, value in model.items() if "." in name})
    with pytest.raises(InputError, match=sentence):
        train(other, mini, run, device="cpu", progress=False, fresh=True)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_pixel_weights_reach_the_loss(small, mini, tmp_path):
    """The first step's loss, before any update, is that of the same model: twice the weights, twice the loss."""
    pixel = []
    for name, weights in (("plain", (1.0, 1.0)), ("double", (2.0, 2.0))):
        changed = replace(small, train=replace(small.train, pixel_weights=weights))
        train(changed, mini, tmp_path / name, device="cpu", progress=False, stop_at=1)
        pixel.append(read_history(tmp_path / name, "train")[0]["pixel"])
    assert pixel[1] == pytest.approx(2 * pixel[0], rel=1e-5)


def test_a_checkpoint_says_what_trained_it(small, mini, tmp_path):
    train(small, mini, tmp_path / "run", device="cpu", progress=False, stop_at=1)
    assert checkpoint.load(tmp_path / "run").about["provenance"]["packages"]["torch"] == torch.__version__


def test_a_full_disk_keeps_the_last_good_checkpoint(small, mini, tmp_path, monkeypatch):
    run = tmp_path / "run"
    train(small, mini, run, device="cpu", progress=False, stop_at=2)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(InputError, match="disk is full"):
        train(small, mini, run, device="cpu", progress=False)
    monkeypatch.undo()
    assert checkpoint.load(run / "last").about["step"] == 2
    train(small, mini, run, device="cpu", progress=False)
    assert checkpoint.load(run / "last").about["step"] == 6


def test_weights_can_start_from_another_run(small, mini, tmp_path):
    train(small, mini, tmp_path / "first", device="cpu", progress=False)
    slow = replace(small, train=replace(small.train, lr=0.0, lr_backbone=0.0, steps=1))
    train(slow, mini, tmp_path / "second", device="cpu", progress=False, init=tmp_path / "first" / "last")
    for name, tensor in weights(tmp_path / "first").items():
        assert torch.equal(tensor, weights(tmp_path / "second")[name])


def test_a_checkpoint_of_another_configuration_is_refused(model_config, small, mini, tmp_path):
    train(small, mini, tmp_path / "run", device="cpu", progress=False, stop_at=1)
    other = GRISQ(replace(model_config, channels=24))
    with pytest.raises(InputError, match="belongs to another configuration"):
        checkpoint.load_weights(other, tmp_path / "run" / "last" / checkpoint.WEIGHTS)


def test_a_folder_without_and_with_a_broken_checkpoint(small, mini, tmp_path):
    with pytest.raises(InputError, match="holds no checkpoint"):
        checkpoint.load(tmp_path)
    train(small, mini, tmp_path / "run", device="cpu", progress=False, stop_at=1)
    path = tmp_path / "run" / "last" / checkpoint.WEIGHTS
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="copy the checkpoint again"):
        checkpoint.load(tmp_path / "run")


def test_the_last_checkpoint_is_used_unless_best_is_named(small, mini, tmp_path):
    held = replace(small, train=replace(small.train, holdout=0.2, eval_every=3))
    run = tmp_path / "run"
    train(held, mini, run, device="cpu", progress=False, stop_at=4)
    assert checkpoint.load(run / "best").about["step"] == 3
    assert checkpoint.find(run) == run / "last"
    assert checkpoint.load(run).about["step"] == 4
    shutil.rmtree(run / "last")
    with pytest.raises(InputError, match=rf"no last checkpoint, only {run / 'best'}"):
        checkpoint.find(run)
    assert checkpoint.find(run / "best") == run / "best"


def test_a_folder_with_weights_of_something_else_is_one_sentence(small, mini, tmp_path):
    """A BERT folder has files of the same names."""
    train(small, mini, tmp_path / "run", device="cpu", progress=False, stop_at=1)
    config = tmp_path / "run" / "last" / checkpoint.CONFIG
    for text in ('{"hidden_size": 768}', "[1]", '{"model": 3, "about": {}}'):
        config.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=r"config\.json was not written by grisq"):
            checkpoint.load(tmp_path / "run")


def test_model_config_survives_the_checkpoint(small, mini, tmp_path):
    train(small, mini, tmp_path / "run", device="cpu", progress=False, stop_at=1)
    loaded = checkpoint.load(tmp_path / "run")
    assert isinstance(loaded.model.config, ModelConfig)
    assert loaded.model.config == small.model


def test_the_speed_leaves_out_checkpoints_and_evaluations(small, mini, tmp_path, monkeypatch):
    """Every step takes a second of a clock that only steps, checkpoints and evaluations move."""
    now = [0.0]
    monkeypatch.setattr(history.time, "perf_counter", lambda: now[0])

    def slower(owner, name, seconds):
        original = getattr(owner, name)

        def call(*arguments, **options):
            now[0] += seconds
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, call)

    slower(Trainer, "_take_step", 1.0)
    slower(checkpoint, "save", 50.0)
    slower(Evaluator, "run", 100.0)
    config = replace(small.train, steps=20, eval_every=4, checkpoint_every=3, holdout=0.2)
    train(replace(small, train=config), mini, tmp_path / "run", device="cpu", progress=False)
    speeds = [record["samples_per_second"] for record in read_history(tmp_path / "run", "train")]
    assert speeds == pytest.approx([config.batch, config.batch])


@pytest.mark.parametrize(("workers", "share"), [(0, 6 * 2**20), (1, 6 * 2**20), (3, 2 * 2**20)])
def test_the_cache_is_shared_out_among_the_data_workers(small, mini, tmp_path, workers, share):
    preset = replace(small, train=replace(small.train, cache_mb=6, workers=workers))
    trainer = Trainer(preset, mini, tmp_path / "run", device="cpu", progress=False)
    assert trainer.reader.cache_bytes == share
    assert trainer._evaluator.reader.cache_bytes == (0 if workers else share)
    assert trainer._evaluator is trainer._evaluator


def test_a_cache_changes_no_loss_and_no_evaluation(small, mini, tmp_path):
    records = []
    for cache_mb in (0, 64):
        preset = replace(small, train=replace(small.train, cache_mb=cache_mb))
        train(preset, mini, tmp_path / str(cache_mb), device="cpu", progress=False)
        lines = read_history(tmp_path / str(cache_mb))
        records.append([{name: value for name, value in line.items() if "second" not in name} for line in lines])
    assert records[0] == records[1]
