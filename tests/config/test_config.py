import json

import pytest

from grisq.config import PRESETS, Preset, from_dict, override, preset, to_dict
from grisq.runtime.errors import InputError


def test_paper_preset_is_section_4_2():
    paper = preset("paper")
    assert paper.model.image_size == 480
    assert (paper.model.blocks, paper.model.channels) == (6, 256)
    train = paper.train
    assert (train.batch, train.steps, train.poly_power, train.weight_decay) == (48, 150_000, 0.9, 0.01)
    assert (train.lr, train.lr_backbone) == (2.5e-5, 2.5e-6)
    assert (train.lambda_presence, train.lambda_plurality) == (0.1, 0.01)
    assert (train.pixel_weights, paper.model.query_level) == ((1.0, 1.0), 4)
    assert (paper.augment.tau_no, paper.augment.tau_multi) == (0.05, 0.05)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_json(name):
    stored = json.loads(json.dumps(to_dict(preset(name))))
    assert from_dict(Preset, stored) == preset(name)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("train.steps", "7", 7),
        ("model.plurality", "false", False),
        ("train.clip", "none", None),
        ("train.clip", "0.5", 0.5),
        ("model.swin.depths", "1,2,3,4", (1, 2, 3, 4)),
        ("train.pixel_weights", "0.9,1.1", (0.9, 1.1)),
        ("model.gate", "zero-last", "zero-last"),
        ("model.query_level", "2", 2),
        ("model.swin.pretrained", "/some/file", "/some/file"),
    ],
)
def test_settings_are_read_as_the_type_of_their_field(name, text, value):
    changed = override(preset("tiny"), {name: text})
    for part in name.split("."):
        changed = getattr(changed, part)
    assert changed == value


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("train.stepz", "7", "train.stepz"),
        ("model.gate", "open", "lavt, zero-last, dead, none"),
        ("train.steps", "many", "int"),
        ("train.pixel_weights", "0.9", "takes 2 numbers with a comma"),
        ("model.swin.depths", "1,two", "takes a few numbers with a comma"),
        ("model.query_level", "5", "2, 3, 4"),
        ("model.plurality", "perhaps", "bool"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_takes(name, text, said):
    with pytest.raises(InputError, match=said):
        override(preset("tiny"), {name: text})


def test_unknown_names_list_what_there_is():
    with pytest.raises(InputError, match="tiny, pretrained-tiny, small, paper"):
        preset("huge")
    with pytest.raises(InputError, match="no field 'color'"):
        from_dict(Preset, {"color": 1})
