"""The trained model that comes with the project: small, described, and worth looking at."""

from dataclasses import replace

import numpy as np
import pytest

from grisq import checkpoint
from grisq.config import Preset, from_dict, preset
from grisq.data.sample import SampleReader
from grisq.data.synthetic.generate import generate
from grisq.data.synthetic.specs import SPECS, find_spec
from grisq.evaluation.evaluator import Evaluator
from grisq.inference.segmenter import Segmenter
from grisq.runtime.files import read_json
from grisq.runtime.paths import BUNDLED_MODEL


def test_it_is_small_and_has_a_card():
    sizes = [path.stat().st_size for path in BUNDLED_MODEL.iterdir()]
    assert sum(sizes) <= 8_000_000
    card = (BUNDLED_MODEL / "README.md").read_text(encoding="utf-8")
    for part in ("trained on", "## Performance", "## Presence probability", "What it is not for", "make model"):
        assert part in card


def test_it_is_what_its_card_says():
    loaded = checkpoint.load(BUNDLED_MODEL)
    measured = read_json(BUNDLED_MODEL / "measured.json")
    assert measured["step"] == loaded.about["step"]
    assert measured["data"] != loaded.about["data"]  # measured on pictures that it was not trained on
    stored = from_dict(Preset, loaded.about["preset"])
    tiny = preset("tiny").model
    for config in (stored.model, loaded.model.config):  # the notebooks' numbers are about tiny
        assert replace(config, lavt=tiny.lavt, rela=tiny.rela) == tiny  # sizes of the other systems do not matter to it
    giou = measured["results"]["val"]["protocols"]["rela"]["gIoU"]
    assert f"| val | rela | {giou:.2f}".rstrip("0") in (BUNDLED_MODEL / "README.md").read_text(encoding="utf-8")


def test_its_training_pictures_are_of_another_seed():
    trained = from_dict(Preset, checkpoint.load(BUNDLED_MODEL).about["preset"])
    assert find_spec(trained.data).seed != SPECS["tiny"].seed


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """Pictures that nobody has seen: of a seed that no set of the project uses."""
    from grisq.data import grefcoco
    from grisq.data.synthetic.specs import paper_splits

    splits = paper_splits((1, 4), (60, 240), (1, 4))
    spec = replace(SPECS["tiny"], name="fresh", splits=splits, seed=77)
    return grefcoco.load(generate(spec, tmp_path_factory.mktemp("fresh") / "set", workers=1, progress=False))


def test_it_knows_what_the_notebooks_show(fresh):
    segmenter = Segmenter.from_pretrained(device="cpu")
    config = segmenter.model.config
    reader = SampleReader(fresh, segmenter.tokenizer, config.image_size, config.text.max_tokens)
    found = Evaluator(segmenter.model, reader, progress=False).run(fresh.rows("val"))
    metrics = found.metrics["rela"]
    assert metrics["gIoU"] > 38
    assert metrics["N-acc"] > 25
    assert metrics["T-acc"] > 85
    assert np.mean([found.accuracy[f"plurality {kind}"] for kind in ("single-target", "multi-target")]) > 95
