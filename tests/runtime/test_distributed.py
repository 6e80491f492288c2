"""Two CPU processes do the work of one: the same losses, the same numbers, and a clear end when one of them dies."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest
import torch
from safetensors.torch import load_file
from torch.distributed import DistBackendError, DistNetworkError, DistStoreError

from grisq import checkpoint
from grisq.config import AugmentConfig, preset
from grisq.data import grefcoco
from grisq.evaluation.checkpoints import evaluate_checkpoint
from grisq.runtime.distributed import agree, available_cores, gather, lost_connections_explained, run_in_processes
from grisq.runtime.errors import InputError
from grisq.training.trainer import train

STEPS = 18
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def small(model_config):
    """A short training with both augmentations, an odd number of samples to evaluate, and frequent checkpoints."""
    short = replace(preset("tiny").train, batch=8, steps=STEPS, eval_every=9, eval_samples=15, checkpoint_every=3)
    return replace(preset("tiny"), model=model_config, train=short, augment=AugmentConfig(0.2, 0.3))


def settings(small):
    """The same preset as options of the command line."""
    from grisq.config import flat, to_dict

    wanted, default = flat(to_dict(small)), flat(to_dict(preset("tiny")))
    for name, value in wanted.items():
        if value != default[name]:
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            yield from ("--set", f"{name}={text}")


def command(name, *arguments):
    return [sys.executable, "-m", "grisq", name, "--device", "cpu", "--processes", "2", *map(str, arguments)]


def run(*arguments):
    done = subprocess.run(command(*arguments), capture_output=True, text=True, env=ENVIRONMENT, timeout=300)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def one(small, mini, tmp_path_factory):
    folder = tmp_path_factory.mktemp("one") / "run"
    train(small, mini, folder, device="cpu", progress=False)
    return folder


@pytest.fixture(scope="module")
def two(small, mini_root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("two") / "run"
    status, out, err = run("train", "--data", mini_root, "--run", folder, *settings(small))
    assert status == 0, err[-2000:]
    assert out.count("The trained model is in") == 1
    return folder


def records(folder, kind):
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    return [
        {k: v for k, v in line.items() if k not in ("kind", "samples_per_second")}
        for line in lines
        if line["kind"] == kind
    ]


def weights(folder):
    return load_file(folder / "last" / checkpoint.WEIGHTS)


def test_losses_weights_and_evaluations_are_those_of_one_process(one, two):
    ours, theirs = records(two, "train"), records(one, "train")
    assert len(ours) == len(theirs) == 2
    for mine, other in zip(ours, theirs):
        assert mine == pytest.approx(other, rel=1e-4, abs=1e-6)
    evaluated = records(two, "eval")
    assert [line["n_no_target"] + line["n_single"] + line["n_multi"] for line in evaluated] == [15, 15]
    # Others in a batch change the last digits, and so may turn a pixel.
    assert evaluated == [pytest.approx(line, rel=0.01, nan_ok=True) for line in records(one, "eval")]
    for name, value in weights(one).items():
        if re.search(r"\.fusions\.\d\.(query|key|value|out)\.bias", name):
            continue  # PWAM takes it away again: its gradient is rounding, and AdamW makes steps of that
        torch.testing.assert_close(weights(two)[name], value, rtol=1e-2, atol=1e-4, msg=name)


def test_evaluation_by_two_is_evaluation_by_one(two, mini_root, tmp_path):
    status, out, err = run("eval", two, "--data", mini_root, "--split", "val", "--out", tmp_path / "two.json")
    assert status == 0, err[-2000:]
    assert out.count("gIoU") == 1
    mine = json.loads((tmp_path / "two.json").read_text(encoding="utf-8"))["results"]["val"]["protocols"]["rela"]
    report = evaluate_checkpoint(two, mini_root, splits=["val"], device="cpu", progress=False)
    # Others in a batch change the last digits, and so may turn a pixel.
    assert mine == pytest.approx(report["results"]["val"]["protocols"]["rela"], rel=0.01)


@pytest.mark.slow
def test_a_killed_process_ends_the_run_which_resumes_from_its_last_checkpoint(small, two, mini_root, tmp_path):
    folder = tmp_path / "run"
    arguments = ("train", "--data", mini_root, "--run", folder, *settings(small))
    parent = subprocess.Popen(command(*arguments), stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    while not (folder / "last" / checkpoint.STATE).is_file():
        assert parent.poll() is None, parent.stderr.read()[-2000:]
        time.sleep(0.01)
    victim = next(child for child in psutil.Process(parent.pid).children(True) if child.environ().get("RANK") == "1")
    victim.send_signal(signal.SIGKILL)
    printed = parent.communicate(timeout=60)[1]
    assert parent.returncode == 2
    assert "Traceback" not in printed
    (line,) = [line for line in printed.splitlines() if line.startswith("grisq: ")]
    assert "Process 1 of 2 was ended by SIGKILL" in line
    assert "the same command resumes" in line
    assert checkpoint.load(folder / "last").about["step"] < STEPS
    assert run(*arguments)[0] == 0
    # The first record's losses are means since the resumed step, those of the last are over the same steps.
    assert records(folder, "train")[-1] == records(two, "train")[-1]
    assert all(torch.equal(value, weights(two)[name]) for name, value in weights(folder).items())


def test_an_error_of_one_process_is_one_sentence(small, mini_root, tmp_path):
    root = shutil.copytree(mini_root, tmp_path / "set")
    data = grefcoco.load(root)
    path = data.image_path(int(data.image_ids[data.rows("train")[0]]))
    path.write_text("no picture", encoding="utf-8")
    status, _, err = run(
        "train", "--data", root, "--run", tmp_path / "run", *settings(small), "--set", "train.batch=32"
    )
    assert status == 2
    assert "Traceback" not in err
    (line,) = [line for line in err.splitlines() if line.startswith("grisq: ")]
    assert f"{path} cannot be read as a picture" in line


def test_several_nodes_need_a_place_to_meet():
    with pytest.raises(InputError, match="--rendezvous"):
        run_in_processes(2, nodes=2)


LOST = [
    RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:1"),
    DistBackendError("a collective failed"),  # by type: nothing in their words says what they are
    DistNetworkError("timed out"),
    DistStoreError("timed out"),
]


@pytest.mark.parametrize("error", LOST, ids=lambda error: type(error).__name__)
def test_errors_of_lost_connections_are_one_sentence(monkeypatch, error):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match=r"Another process of this command has ended; resume"), explained():
        raise error
    monkeypatch.setenv("WORLD_SIZE", "1")
    with pytest.raises(type(error)) as caught, explained():
        raise error
    assert caught.value is error


def explained():
    return lost_connections_explained("resume")


def test_other_errors_are_left_as_they_are(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RuntimeError, match="shape"), explained():
        raise RuntimeError("shape mismatch")


def test_alone_a_process_agrees_with_itself(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert agree(lambda: 3) == 3
    assert gather("a") == ["a"]
    with pytest.raises(InputError, match="no"):
        agree(refuse)


def refuse():
    raise InputError("no")


def test_cores_are_those_that_this_process_may_use():
    assert 1 <= available_cores() <= (os.cpu_count() or 1)
