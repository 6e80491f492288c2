"""Nothing in the process or its environment but the arguments decides how a training runs."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from grisq.training.accelerator import build_accelerator
from grisq.training.trainer import train

OPTIONS = {"device": "cpu", "progress": False, "stop_at": 2}


def weights(run):
    return load_file(run / "last" / "model.safetensors")


def test_trainings_of_both_precisions_follow_one_another(small, mini, tmp_path):
    """In a notebook that is one cell after another; the third is the first one again."""
    for name, precision in (("one", "fp32"), ("two", "bf16"), ("three", "fp32")):
        preset = replace(small, train=replace(small.train, precision=precision))
        train(preset, mini, tmp_path / name, **OPTIONS)
    one, two, three = (weights(tmp_path / name) for name in ("one", "two", "three"))
    assert all(torch.equal(value, three[name]) for name, value in one.items())
    assert not all(torch.equal(value, two[name]) for name, value in one.items())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_precision_is_the_one_asked_for(precision):
    assert build_accelerator(precision, "cpu").mixed_precision == {"fp32": "no", "bf16": "bf16"}[precision]


def test_a_launchers_accumulation_does_not_divide_the_loss_again(small, mini, tmp_path, monkeypatch):
    train(small, mini, tmp_path / "one", **OPTIONS)
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    assert build_accelerator("fp32", "cpu").gradient_accumulation_steps == 1
    train(small, mini, tmp_path / "two", **OPTIONS)
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert all(torch.equal(value, two[name]) for name, value in one.items())
