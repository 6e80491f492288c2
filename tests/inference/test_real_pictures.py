"""The whole path on real photographs with real polygons, crowds and sizes, where they are at hand."""

from dataclasses import replace

import numpy as np
import pytest

from grisq.config import preset
from grisq.data import grefcoco
from grisq.data.synthetic.from_coco import expressions_from_coco
from grisq.evaluation.checkpoints import evaluate_checkpoint
from grisq.inference.segmenter import Segmenter
from grisq.runtime.paths import ROOT
from grisq.training.trainer import train

COCO = ROOT.parent / "shared" / "coco-open"
pytestmark = pytest.mark.skipif(
    not COCO.is_dir(), reason="needs the folder of open COCO photographs beside the checkout"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    out = tmp_path_factory.mktemp("coco") / "set"
    return grefcoco.load(expressions_from_coco(COCO / "instances.json", COCO / "images", out, progress=False))


def test_expressions_train_evaluate_predict(data, tmp_path):
    tiny = preset("tiny")
    short = replace(tiny.train, steps=3, batch=4, eval_samples=8, warmup=0)
    run = tmp_path / "run"
    train(replace(tiny, train=short), data, run, device="cpu", progress=False)
    report = evaluate_checkpoint(run, data.root, splits=["val"], protocols=["rela", "original", "gsva"])
    for metrics in report["results"]["val"]["protocols"].values():
        assert 0 <= metrics["gIoU"] <= 100
    row = int(data.rows("val")[0])
    expression = data.expression(row)
    prediction = Segmenter.from_pretrained(run, device="cpu")(data.image_path(expression.image_id), expression.text)
    info = data.image(expression.image_id)
    assert prediction.mask.shape == (info.height, info.width)


def test_masks_are_the_annotated_ones_and_never_crowds(data):
    crowds = {a.ann_id for image in set(data.image_ids.tolist()) for a in data.annotations_of(image) if a.iscrowd}
    assert crowds
    for row in range(0, len(data), 7):
        expression = data.expression(row)
        assert not crowds & set(expression.ann_ids)
        areas = [a.area for a in data.annotations_of(expression.image_id) if a.ann_id in expression.ann_ids]
        assert data.mask(row).sum() <= 1.1 * sum(areas) + 20
        assert bool(data.mask(row).any()) == (expression.target_count > 0)


def test_all_kinds_are_there(data):
    assert set(np.minimum(data.target_counts, 2).tolist()) == {0, 1, 2}
