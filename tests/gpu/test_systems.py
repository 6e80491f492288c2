"""The six systems that do not stand on Swin and BERT: on the GPU against the CPU, and trained there."""

import copy
from dataclasses import replace

import pytest
import torch

import grisq
from grisq.config import Preset, TrainConfig
from grisq.data.sample import Batch, Collate
from grisq.models.registry import build_model

NAMES = ("mattnet", "lts", "vlt", "cris", "lisa", "gsva")


@pytest.fixture(params=NAMES)
def config(request, model_config, small_systems):
    return replace(model_config, system=request.param, **small_systems)


@pytest.fixture(scope="module")
def batch(mini, reader):
    with_objects = replace(reader, with_instances=True)
    return Collate(reader.tokenizer.pad_id)([with_objects.read(int(row)) for row in mini.rows("train")[:8]])


def outcome(model: torch.nn.Module, batch: Batch, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    import parity

    return parity.outcome(model, batch, device)


def test_the_device_agrees_with_the_cpu(config, batch, device):
    """In values and gradients, in float32."""
    import parity

    model = build_model(config)
    logits, gradient = outcome(copy.deepcopy(model), batch, "cpu")
    there, there_gradient = outcome(model, batch, device)
    assert parity.distance(there, logits) < 1e-4
    assert parity.distance(there_gradient, gradient) < 5e-3


def test_it_trains_in_the_precision_of_the_card(config, mini, tmp_path, device):
    steps = {"steps": 6, "eval_every": 3, "eval_samples": 8, "checkpoint_every": 3}
    train = TrainConfig(batch=8, lr=1e-3, lr_backbone=1e-3, clip=1.0, workers=0, **steps)
    preset = Preset(name="test", data=None, model=config, train=train)
    last = grisq.train(preset, mini, tmp_path / "run", device="auto" if device == "cuda" else "cpu", progress=False)
    report = grisq.evaluate(last, mini.root, splits=["val"], device=device, progress=False)
    assert 0 <= report["results"]["val"]["protocols"]["rela"]["gIoU"] <= 100
