"""Every trunk learns the pretext, and gives its weights to the systems that have it."""

import pytest
import torch
from safetensors.torch import save_file

from grisq.config import override, preset
from grisq.models.registry import build_model
from grisq.pretraining.labels import Names
from grisq.pretraining.trunks import TRUNKS, build_trunk, weights_of
from grisq.pretraining.vision import PretextModel

NAMES = Names(("dog", "cat"), ("red", "blue", "green"))
SETTING = {
    "swin": "model.swin.pretrained",
    "darknet": "model.{}.trunk.pretrained",
    "resnet": "model.{}.trunk.pretrained",
    "clip-resnet": "model.{}.trunk.pretrained",
    "clip-vit": "model.lisa.vision_tower.pretrained",
}


@pytest.mark.parametrize("name", TRUNKS)
@pytest.mark.parametrize("pretext", ["dense", "image"])
def test_every_trunk_says_what_stands_where(name, pretext):
    model = PretextModel(build_trunk(name, preset("tiny")), NAMES, pretext)
    valid = torch.ones(2, 128, 128, dtype=torch.bool)
    valid[:, 90:] = False
    classes, colors = model(torch.randn(2, 3, 128, 128), valid)
    where = (2, 32, 32) if pretext == "dense" else (2,)
    assert (classes.shape, colors.shape) == ((*where, 3), (*where, 3))


@pytest.mark.parametrize("name", sorted(set(TRUNKS) - {"sam"}))  # no system starts from SAM's encoder alone
def test_a_system_starts_from_the_weights(name, tmp_path):
    trunk = build_trunk(name, preset("tiny"))
    weights = {key: value.clone().contiguous() for key, value in weights_of(trunk).items()}
    save_file(weights, tmp_path / "trunk.safetensors")
    system = TRUNKS[name]
    chosen = {"model.system": system, "model.text.pretrained": None}
    if system == "lisa":  # which has SAM too
        chosen |= {"model.lisa.aligned": None, "model.lisa.vision_tower.pretrained": None}
        chosen |= {"model.lisa.sam.pretrained": None}
    chosen[SETTING[name].format(system)] = str(tmp_path / "trunk.safetensors")
    model = build_model(override(preset("tiny"), chosen).model)
    assert len(model.load_pretrained()) == 1
    loaded = model.state_dict()
    for key, value in weights.items():
        key = key.removeprefix("layers.") if name == "swin" else key  # timm's layers are the encoder's stages
        assert any(k.endswith(key) and torch.equal(v, value) for k, v in loaded.items() if v.shape == value.shape), key


def test_the_rates_know_which_parts_were_pretrained():
    chosen = {"model.system": "cris", "model.cris.trunk.pretrained": "somewhere", "model.text.pretrained": None}
    model = build_model(override(preset("tiny"), chosen).model)
    assert model.backbones == {"trunk.": "somewhere", "text_encoder.": None}
