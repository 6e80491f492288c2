"""Training, resuming, evaluation and prediction on the GPU."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

import grisq
from grisq import checkpoint
from grisq.config import Preset, TrainConfig
from grisq.runtime.device import resolve_device, resolve_precision
from grisq.runtime.errors import InputError
from grisq.runtime.paths import ROOT


def short_preset() -> Preset:
    import parity

    steps = {"steps": 6, "eval_every": 3, "eval_samples": 8, "checkpoint_every": 2}
    train = TrainConfig(batch=8, lr=1e-3, lr_backbone=1e-3, clip=1.0, workers=2, **steps)
    return Preset(name="test", data=None, model=replace(parity.CONFIG, image_size=64), train=train)


def test_a_training_resumes_and_its_checkpoint_is_read_on_a_cpu(mini, tmp_path, device):
    options = {"device": "auto" if device == "cuda" else "cpu", "progress": False}
    grisq.train(short_preset(), mini, tmp_path / "whole", **options)
    grisq.train(short_preset(), mini, tmp_path / "parts", stop_at=3, **options)
    grisq.train(short_preset(), mini, tmp_path / "parts", **options)
    ends = [load_file(tmp_path / name / "last" / "model.safetensors") for name in ("whole", "parts")]
    one, other = (torch.cat([t.float().flatten() for t in end.values() if t.is_floating_point()]) for end in ends)
    assert (one - other).norm() / other.norm() < (1e-2 if device == "cuda" else 1e-9)  # a GPU's sums are unordered
    loaded = checkpoint.load(tmp_path / "whole" / "last", "cpu")
    row = int(mini.rows("val")[0])
    segmenter = grisq.Segmenter(loaded.model, loaded.tokenizer, device="cpu")
    prediction = segmenter(mini.image_path(mini.expression(row).image_id), "a red dog")
    assert 0 <= prediction.presence <= 1


def test_the_bundled_model_predicts_the_same(mini, device):
    rows = [int(row) for row in mini.rows("train")[:12]]
    jobs = [(mini.image_path(mini.expression(row).image_id), mini.expression(row).text) for row in rows]
    here = list(grisq.Segmenter.from_pretrained(device="cpu").many(jobs))
    there = list(grisq.Segmenter.from_pretrained(device=device, precision="fp32").many(jobs))
    for one, other in zip(here, there):
        assert abs(one.presence - other.presence) < 1e-3
        assert (one.raw_mask != other.raw_mask).mean() < 2e-3
    half = list(grisq.Segmenter.from_pretrained(device=device, precision="bf16").many(jobs))
    assert sum(a.present == b.present for a, b in zip(here, half)) >= len(jobs) - 1


def test_an_evaluation_gives_the_numbers_of_the_cpu(mini, device):
    options = {"splits": ["val"], "precision": "fp32", "progress": False}
    here, there = (
        grisq.evaluate(ROOT / "data" / "models" / "tiny", mini.root, device=name, **options)["results"]["val"][
            "protocols"
        ]["rela"]
        for name in ("cpu", device)
    )
    assert here["gIoU"] == pytest.approx(there["gIoU"], abs=0.5)
    assert here["N-acc"] == there["N-acc"]


@pytest.mark.cuda
def test_a_gpu_that_is_not_there_is_refused_in_one_sentence():
    with pytest.raises(InputError, match="cuda:0"):
        resolve_device("cuda:9")


@pytest.mark.cuda
def test_the_automatic_precision_is_one_that_the_card_computes_in():
    native = torch.cuda.get_device_capability() >= (8, 0)
    assert resolve_precision("auto", torch.device("cuda")) == ("bf16" if native else "fp32")
