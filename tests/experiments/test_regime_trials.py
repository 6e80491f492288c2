"""The trials behind the regime: stored numbers that fit together, and a page that quotes them and the preset."""

import json
import re

import pytest

from grisq import config
from grisq.course.regime import encoder_table, trials_table
from grisq.data.synthetic.specs import SHARES, SPECS
from grisq.evaluation.markdown import markdown
from grisq.experiments.regime_trials import TRIALS, TRUE_PRESENCE, read_trials
from grisq.runtime.errors import InputError
from grisq.runtime.files import read_json
from grisq.runtime.paths import ENCODERS, ROOT

PAGE = ROOT / "docs" / "regime.md"


def test_stored_metrics_fit_together():
    """Under the true presence every no-target expression has IoU 1; a denied target can only cost."""
    val = SHARES["val"]
    single = 1 - val.no_target - val.multi
    for trial in (*read_trials(), *read_trials("encoders")):
        found = trial.metrics
        masks = single * found["IoU single"] + val.multi * found["IoU multi"]
        assert found[TRUE_PRESENCE] == pytest.approx(100 * val.no_target + masks, abs=0.02)
        assert found["gIoU"] <= val.no_target * found["N-acc"] + masks + 0.02
        if found["T-acc"] == 100:
            assert found["gIoU"] == pytest.approx(val.no_target * found["N-acc"] + masks, abs=0.02)


def test_what_is_broken_is_named(tmp_path):
    stored = read_json(TRIALS)
    path = tmp_path / "trials.json"
    path.write_text(json.dumps({"regime": [stored["regime"][0], stored["regime"][1] | {"steps": "many"}]}), "utf-8")
    with pytest.raises(InputError, match=r"trial 2 cannot be read.*steps"):
        read_trials(path=path)
    path.write_text(json.dumps({"regime": [stored["regime"][0] | {"row": "oars"}]}), "utf-8")
    with pytest.raises(InputError, match="no experiment 'oars'"):
        read_trials(path=path)
    with pytest.raises(InputError, match='no list "encoders"'):
        read_trials("encoders", path)


def test_the_page_quotes_the_trials_and_the_preset():
    text = PAGE.read_text(encoding="utf-8")
    assert markdown(trials_table(read_trials())) in text
    assert markdown(encoder_table(read_trials("encoders"))) in text
    tiny, paper = config.preset("tiny"), config.preset("paper")
    measured, train = read_json(ENCODERS / "measured.json"), SPECS["tiny"].splits[0]
    facts = {
        "picture": [f"{each.model.image_size} px" for each in (paper, tiny)],
        "positions of stride 32": [
            f"{each.model.image_size // 32}×{each.model.image_size // 32}" for each in (paper, tiny)
        ],
        "steps × batch": [f"{each.train.steps:,} × {each.train.batch}" for each in (paper, tiny)],
        "samples": [f"{each.train.steps * each.train.batch:,}" for each in (paper, tiny)],
        "rate of new parameters": [f"{each.train.lr:g}" for each in (paper, tiny)],
        "rate of the encoders": [f"{each.train.lr_backbone:g}" for each in (paper, tiny)],
        "warm-up": ["none", f"{tiny.train.warmup} steps"],
        "clipping": ["none", f"at a norm of {tiny.train.clip:g}"],
        "τ_no": [f"{each.augment.tau_no:g}" for each in (paper, tiny)],
        "τ_multi": [f"{each.augment.tau_multi:g}" for each in (paper, tiny)],
    }
    for name, values in facts.items():
        line = re.search(rf"^\| {re.escape(name)} \|(.*)$", text, re.MULTILINE)
        assert [cell.strip() for cell in line[1].split("|")[:2]] == values, name
    assert f"{train.pictures:,} train pictures with {train.expressions:,} expressions" in text
    for schedule in (measured["encoders"][name]["schedule"] for name in ("swin", "bert")):
        assert f"{schedule['steps']:,} steps" in text
    assert f"{measured['encoders']['swin']['accuracy']['classes']:.1%}" in text


def test_trials_of_encoders_differ_in_encoders_alone():
    settings = {
        (each.row, each.steps, each.batch, each.lr, each.lr_backbone, each.tau_no, each.data, each.seed)
        for each in read_trials("encoders")
    }
    tiny = config.preset("tiny").train
    assert settings == {
        ("baseline", tiny.steps * 2 // 3, tiny.batch, tiny.lr, tiny.lr_backbone, 0.0, "tiny, format 3", 0)
    }
    pairs = [(each.encoder, each.bert) for each in read_trials("encoders")]
    assert len(set(pairs)) == len(pairs)
