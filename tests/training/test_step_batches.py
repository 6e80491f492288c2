"""Data workers: forked or spawned they give the same batches, and their errors are one sentence."""

import multiprocessing
import os
import pickle
import shutil
import signal
from dataclasses import replace

import pytest
import torch

from grisq import checkpoint
from grisq.data import grefcoco
from grisq.data.loader import ended_workers_explained
from grisq.data.sample import SampleReader
from grisq.evaluation.evaluator import Evaluator
from grisq.runtime.errors import InputError
from grisq.training.loader import step_batches
from grisq.training.trainer import Trainer, train

OPTIONS = {"device": "cpu", "progress": False}


@pytest.fixture
def half_a_jpeg(mini_root, tmp_path):
    """Every picture of train is cut in half; the data set and one of the paths."""
    root = shutil.copytree(mini_root, tmp_path / "set")
    data = grefcoco.load(root)
    paths = {data.image_path(int(image)) for image in data.image_ids[data.rows("train")]}
    for path in paths:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return data, paths


@pytest.mark.parametrize("workers", [0, 1])
def test_half_a_picture_is_one_sentence(small, half_a_jpeg, tmp_path, workers):
    data, paths = half_a_jpeg
    preset = replace(small, train=replace(small.train, workers=workers))
    with pytest.raises(InputError) as error:
        train(preset, data, tmp_path / "run", **OPTIONS)
    sentence = str(error.value)
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert any(sentence.startswith(f"{path} cannot be read as a picture") for path in paths)


def test_half_a_picture_of_val_costs_no_training(small, mini_root, tmp_path):
    root = shutil.copytree(mini_root, tmp_path / "set")
    data = grefcoco.load(root)
    for image in set(data.image_ids[data.rows("val")].tolist()):
        path = data.image_path(image)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    preset = replace(small, train=replace(small.train, workers=1, checkpoint_every=100))
    with pytest.raises(InputError, match=r"^\S+ cannot be read as a picture") as error:
        train(preset, data, tmp_path / "run", **OPTIONS)
    assert "\n" not in str(error.value)
    assert checkpoint.load(tmp_path / "run").about["step"] == small.train.eval_every


def test_other_errors_are_left_as_they_are():
    for error in (InputError("short"), RuntimeError("shape mismatch"), KeyError("x")):
        with pytest.raises(type(error)) as caught, ended_workers_explained():
            raise error
        assert caught.value is error


class Dying(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_is_killed_is_one_sentence():
    with pytest.raises(InputError, match=r"^A data worker was ended from outside .*train\.workers"):
        drain(torch.utils.data.DataLoader(Dying(), num_workers=1))


def killed(reader, row):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_of_an_evaluation_is_one_sentence_too(small, mini, tmp_path, monkeypatch):
    trainer = Trainer(small, mini, tmp_path / "run", **OPTIONS)
    evaluator = Evaluator(trainer.model, trainer.reader, workers=1, progress=False)
    monkeypatch.setattr(SampleReader, "read", killed)
    with pytest.raises(InputError, match=r"^A data worker was ended from outside .*--workers of grisq eval"):
        evaluator.run(mini.rows("val")[:4])


def drain(loader):
    with ended_workers_explained():
        list(loader)


def test_spawned_workers_give_the_batches_of_this_process(small, mini, tmp_path):
    """Windows and macOS spawn; Python 3.14 no longer forks."""
    trainer = Trainer(small, mini, tmp_path / "run", **OPTIONS)

    def first(workers):
        preset = replace(small, train=replace(small.train, workers=workers))
        return next(step_batches(preset, trainer.reader, trainer.rows, trainer.accelerator, seed=0, start=0, stop=1))

    here, before = first(0), multiprocessing.get_start_method()
    multiprocessing.set_start_method("spawn", force=True)
    try:
        there = first(1)
    finally:
        multiprocessing.set_start_method(before, force=True)
    for name in ("images", "masks", "tokens", "plurality_weight"):
        assert torch.equal(getattr(here, name), getattr(there, name)), name
    assert [sample.text for sample in here.samples] == [sample.text for sample in there.samples]


def test_the_data_set_of_the_workers_is_small_to_pickle(small, mini, tmp_path):
    trainer = Trainer(small, mini, tmp_path / "run", **OPTIONS)
    assert pickle.loads(pickle.dumps(trainer.reader)).read(0).text == trainer.reader.read(0).text
