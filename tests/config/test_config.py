import json
import re

import pytest

from grisq.cli.main import app
from grisq.config import (
    PRESETS,
    LAVTConfig,
    ModelConfig,
    Preset,
    flat,
    from_dict,
    override,
    preset,
    settings_of,
    to_dict,
)
from grisq.runtime import paths
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
        ("model.plurality", "TRUE", True),
        ("train.clip", "none", None),
        ("train.clip", "0.5", 0.5),
        ("model.swin.depths", "1,2,3,4", (1, 2, 3, 4)),
        ("model.swin.depths", "(1, 2, 3, 4)", (1, 2, 3, 4)),
        ("model.swin.depths", [1, 2, 3, 4], (1, 2, 3, 4)),
        ("train.pixel_weights", "0.9,1.1", (0.9, 1.1)),
        ("model.gate", "zero-last", "zero-last"),
        ("model.gate", "none", "none"),
        ("model.query_level", "2", 2),
        ("model.swin.pretrained", "/some/file", "/some/file"),
        ("model.swin.pretrained", "none", None),
        ("model.lavt", LAVTConfig(hidden=7), LAVTConfig(hidden=7)),
    ],
)
def test_settings_are_read_as_the_type_of_their_field(name, text, value):
    changed = override(preset("tiny"), {name: text})
    for part in name.split("."):
        changed = getattr(changed, part)
    assert changed == value
    assert type(changed) is type(value)


WRONG = [
    ("train.steps", "many", "train.steps cannot be 'many': expected a whole number of at least 1."),
    ("train.steps", "1.5", "train.steps cannot be '1.5': expected a whole number of at least 1."),
    ("train.steps", 0, "train.steps cannot be 0: expected a whole number of at least 1."),
    ("train.steps", True, "train.steps cannot be True: expected a whole number of at least 1."),
    ("train.lr", "nan", "train.lr cannot be 'nan': expected a number of at least 0."),
    ("train.clip", "0", "train.clip cannot be '0': expected a number above 0 or none."),
    ("train.pixel_weights", "0.9", "train.pixel_weights cannot be '0.9': expected 2 numbers with commas between."),
    ("train.pixel_weights", "1,inf", "train.pixel_weights cannot be '1,inf': expected 2 numbers with commas between."),
    ("model.swin.depths", "1,two", "swin.depths cannot be '1,two': expected 4 whole numbers with commas between."),
    ("model.swin.depths", (1, 2), r"swin.depths cannot be (1, 2): expected 4 whole numbers with commas between."),
    ("model.gate", "open", "model.gate cannot be 'open': expected one of lavt, zero-last, dead, none."),
    ("model.query_level", "5", "model.query_level cannot be '5': expected one of 2, 3, 4."),
    ("model.plurality", "perhaps", "model.plurality cannot be 'perhaps': expected true or false."),
    ("model.image_size", "100", "image_size cannot be '100': expected a whole number divisible by 32 of at least 32."),
    ("augment.tau_no", "2", "augment.tau_no cannot be '2': expected a number of at least 0 and at most 1."),
    ("model.swin.pretrained", 3, "model.swin.pretrained cannot be 3: expected text or none."),
]


@pytest.mark.parametrize(("name", "value", "sentence"), WRONG)
def test_a_wrong_setting_is_named_with_what_it_takes(name, value, sentence):
    with pytest.raises(InputError, match=re.escape(sentence) + "$"):
        override(preset("tiny"), {name: value})


@pytest.mark.parametrize(("name", "value", "sentence"), [each for each in WRONG if not isinstance(each[1], str)])
def test_a_wrong_value_in_a_file_is_named_by_its_path(name, value, sentence):
    stored = to_dict(preset("tiny"))
    *groups, last = name.split(".")
    inner = stored
    for group in groups:
        inner = inner[group]
    inner[last] = value
    with pytest.raises(InputError, match=r"^run.json: preset\..*" + re.escape(sentence)):
        from_dict(Preset, stored, "run.json: preset")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("train.stepz", "no setting 'train.stepz': 'stepz' is not one of batch, expressions_per_picture, steps"),
        ("trian.steps", "'trian' is not one of name, data, model, augment, train"),
        ("train.steps.x", "'x' stands below a single value"),
        ("model.swin", "model.swin is a group: set one of model.swin.embed_dim, "),
        ("train.lambda_minimap", "it is called model.rela.lambda_minimap now"),
        ("model.smoothing", "it is always False"),
    ],
)
def test_an_unknown_setting_is_named(name, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        override(preset("tiny"), {name: "1"})


def test_unknown_names_list_what_there_is():
    with pytest.raises(InputError, match="tiny, pretrained-tiny, small, paper"):
        preset("huge")
    stored = to_dict(preset("tiny"))
    with pytest.raises(InputError, match=r"^configuration has no field 'color': it has name, data"):
        from_dict(Preset, stored | {"color": 1})
    with pytest.raises(InputError, match=r"^file\.model\.swin has no field 'color'"):
        from_dict(Preset, stored | {"model": {"swin": {"color": 1}}}, "file")
    with pytest.raises(InputError, match="lacks the field 'name'"):
        from_dict(Preset, {"data": None, "model": {}})
    with pytest.raises(InputError, match="model cannot be 3: it is a group"):
        from_dict(Preset, stored | {"model": 3})


def test_every_setting_has_a_meaning_and_one_name():
    listed = list(settings_of(preset("paper")))
    assert [each.name for each in listed if not each.meaning or not each.takes] == []
    assert [each.name for each in listed] == list(flat(to_dict(preset("paper"))))
    assert len({each.meaning for each in listed if "feed-forward" not in each.meaning}) > 50


def test_a_listed_value_can_be_set_as_it_is_printed():
    """What `grisq settings` prints is what `--set` takes."""
    from grisq.cli.settings import _as_typed

    for name in PRESETS:
        printed = {each.name: _as_typed(each.value) for each in settings_of(preset(name))}
        assert override(preset("paper"), printed) == preset(name)


# What a version with more settings stored.
OLD = {"model": {"mask_mlp_layers": 3, "smoothing": False, "presence_without_query": "pooled"}}


def old(model=OLD["model"], train=None):
    stored = json.loads(json.dumps(to_dict(preset("tiny"))))
    del stored["model"]["rela"]["lambda_minimap"]
    stored["model"] |= model
    stored["train"] |= train or {"lambda_minimap": 0.1}
    return stored


def test_settings_of_an_older_version_load():
    assert from_dict(Preset, old()) == preset("tiny")
    assert from_dict(ModelConfig, old()["model"]) == preset("tiny").model
    moved = from_dict(Preset, old(train={"lambda_minimap": 0.3}))
    assert moved.model.rela.lambda_minimap == 0.3
    assert override(preset("tiny"), {"model.rela.lambda_minimap": 0.3}) == moved


@pytest.mark.parametrize(
    ("name", "value"), [("smoothing", True), ("mask_mlp_layers", 2), ("presence_without_query", "none")]
)
def test_a_removed_setting_with_another_value_is_refused(name, value):
    for cls, stored in ((Preset, old(model={name: value})), (ModelConfig, old(model={name: value})["model"])):
        with pytest.raises(InputError, match=rf"stored setting model\.{name} is {value!r}"):
            from_dict(cls, stored)


def test_every_stored_result_and_the_bundled_model_load():
    stored = [path for path in sorted(paths.RESULTS.rglob("*-seed*.json")) if not path.name.startswith("blind-")]
    assert stored  # a reference row has no settings
    for path in stored:
        settings = json.loads(path.read_text(encoding="utf-8"))["settings"]
        assert from_dict(Preset, settings).name == path.parent.name
    bundled = json.loads((paths.BUNDLED_MODEL / "config.json").read_text(encoding="utf-8"))
    assert from_dict(Preset, bundled["about"]["preset"]).model == from_dict(ModelConfig, bundled["model"])


def test_the_command_lists_settings_of_a_preset(capsys):
    with pytest.raises(SystemExit) as end:
        app(["settings", "tiny"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "* train.steps = 2400\n    optimizer steps of the whole schedule (a whole number of at least 1)" in text
    assert "  train.poly_power = 0.9\n" in text
    with pytest.raises(SystemExit):
        app(["settings", "paper", "--json"])
    listed = json.loads(capsys.readouterr().out)
    assert {each["name"]: each["value"] for each in listed}["model.swin.depths"] == [2, 2, 18, 2]
    assert not any(each["differs_from_paper"] for each in listed)
