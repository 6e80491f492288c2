"""The folder of encoders: a model starts from it, and its card says what it is."""

import json

import pytest
import torch
from safetensors.torch import load_file

from grisq.config import override, preset
from grisq.models.registry import build_model
from grisq.pretraining.encoders import NAMES, file_of, make_encoders
from grisq.pretraining.schedule import PretrainConfig
from grisq.runtime.errors import InputError
from grisq.runtime.paths import ENCODERS

SMALL = {
    "model.image_size": 64,
    "model.swin.embed_dim": 16,
    "model.swin.pretrained": None,
    "model.text.hidden": 24,
    "model.text.intermediate": 32,
    "model.text.vocabulary": 300,
    "model.text.pretrained": None,
}


def test_a_model_starts_from_the_encoders_that_were_made(mini, tmp_path, monkeypatch):
    monkeypatch.setattr("grisq.pretraining.text.HELD_OUT", 20)
    config = override(preset("tiny"), SMALL)
    schedule = PretrainConfig(steps=2, batch=4, lr=1e-3, weight_decay=0.01)
    arguments = {"vision": schedule, "text": schedule, "data": mini, "progress": False}
    out = make_encoders(config, tmp_path / "encoders", tmp_path / "work", only=("swin", "bert"), **arguments)
    weights = load_file(out / "swin.safetensors")
    chosen = {"model.swin.pretrained": str(out / "swin.safetensors"), "model.text.pretrained": str(out / "bert")}
    vocabulary = {"model.text.vocabulary": json.loads((out / "bert/config.json").read_text())["vocab_size"]}
    model = build_model(override(config, chosen | vocabulary).model)
    assert len(model.load_pretrained()) == 2
    loaded = model.multimodal_encoder.patch_embed.proj.weight
    assert torch.equal(loaded, weights["patch_embed.proj.weight"].float())
    card = (out / "README.md").read_text()
    accuracy = json.loads((out / "measured.json").read_text())["encoders"]["swin"]["accuracy"]
    assert f"{accuracy['colors']:.1%}" in card


def test_lisa_starts_from_parts_that_learned_on_together(mini, tmp_path, monkeypatch):
    monkeypatch.setattr("grisq.pretraining.next_words.HELD_OUT", 20)
    config = override(preset("tiny"), {"model.system": "lisa", "model.image_size": 64})
    schedule = PretrainConfig(steps=2, batch=4, lr=1e-3, weight_decay=0.01)
    out, arguments = tmp_path / "encoders", {"vision": schedule, "text": schedule, "composed": schedule}
    arguments |= {"data": mini, "device": "cpu", "progress": False}
    with pytest.raises(InputError, match="'llava' learns on from 'clip-vit', which is not in"):
        make_encoders(config, out, tmp_path / "work", only=["llava"], **arguments)
    only = ["llava", "sam-clicks", "sam", "clip-vit", "llama"]  # parts are made first, wherever they stand
    make_encoders(config, out, tmp_path / "work", only=only, **arguments)
    chosen = {
        "model.lisa.aligned": str(out / "llava.safetensors"),
        "model.lisa.sam.pretrained": str(out / "sam-clicks.safetensors"),
        "model.text.vocabulary": json.loads((out / "llama/config.json").read_text())["vocab_size"],
    }
    model = build_model(override(config, chosen).model)
    assert len(model.load_pretrained()) == 2
    frozen = load_file(out / "sam.safetensors")["patch_embed.projection.weight"]
    assert torch.equal(model.decoder.sam.vision_encoder.patch_embed.projection.weight, frozen.float())
    card = (out / "README.md").read_text()
    assert all(f"| `{name}.safetensors` |" in card for name in ("sam", "sam-clicks", "llava"))


def test_the_bundled_encoders_fit_the_preset_and_are_small():
    sizes = {name: _bytes(ENCODERS / file_of(name)) for name in NAMES}
    assert sizes["swin"] + sizes["bert"] <= 4 * 2**20
    assert all(0 < size <= 2.5 * 2**20 for size in sizes.values())
    assert len(build_model(preset("tiny").model).load_pretrained()) == 2


def _bytes(path):
    return sum(each.stat().st_size for each in (path.rglob("*") if path.is_dir() else [path]) if each.is_file())
