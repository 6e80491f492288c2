"""A finished run as a result: its objects and its counterfactual pairs."""

import json
import shutil
from dataclasses import replace

import pytest

from grisq.config import Preset, TrainConfig
from grisq.data import grefcoco
from grisq.evaluation import counterfactual
from grisq.experiments.measure import measure
from grisq.experiments.registry import find_experiment
from grisq.training.trainer import train


def _key(data, row):
    expression = data.expression(row)
    return {"ref_id": expression.ref_id, "sent_id": expression.sent_id}


@pytest.fixture(scope="module")
def folders(mini_root, mini, tmp_path_factory):
    """The small set, and beside it the same pictures with pairs of val and of testA."""
    folder = tmp_path_factory.mktemp("sets")
    data = grefcoco.load(shutil.copytree(mini_root, folder / "mini"))
    pairs = []
    for split in ("val", "testA"):
        rows = mini.rows(split)
        target = mini.target_counts[rows] > 0
        pairs += [(int(one), int(other), split) for one, other in zip(rows[target][:2], rows[~target][:2])]
    stored = [{"original": _key(mini, one), "edited": _key(mini, other), "edit": edit} for one, other, edit in pairs]
    beside = shutil.copytree(mini_root, folder / "mini-counterfactual")
    (beside / "pairs.json").write_text(json.dumps({"pairs": stored}), encoding="utf-8")
    return data, pairs


def test_a_result_holds_objects_and_pairs(folders, model_config, tmp_path):
    data, pairs = folders
    train_config = TrainConfig(batch=4, steps=2, lr=1e-3, lr_backbone=1e-3, eval_every=2, eval_samples=4, workers=0)
    preset = Preset(name="test", data=None, model=model_config, train=replace(train_config, checkpoint_every=2))
    train(preset, data, tmp_path / "run", seed=0, device="cpu", progress=False)
    result = measure(find_experiment("ours"), tmp_path / "run", data, device="cpu", progress=False)
    for split in ("val", "testA"):
        samples = result.samples[split]
        objects = zip(samples.target_count, samples.instance_pixels, samples.instance_covered, strict=True)
        for (count, pixels, covered), annotated, both in zip(objects, samples.annotated, samples.intersection):
            assert len(pixels) == len(covered) == count
            assert max(pixels, default=0) <= annotated <= sum(pixels)  # their union
            assert max(covered, default=0) <= both <= sum(covered)
    presence = {row: value for each in result.samples.values() for row, value in zip(each.row, each.presence)}
    found = result.counterfactual
    assert found.edit == [edit for *_, edit in pairs]
    assert found.original == pytest.approx([presence[one] for one, *_ in pairs], abs=1e-4)
    assert found.edited == pytest.approx([presence[other] for _, other, _ in pairs], abs=1e-4)
    assert found.data == data.content_hash
    assert counterfactual.cells(found)["all"].pairs == len(pairs)
