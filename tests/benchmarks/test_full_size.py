"""The generator of the scale benchmark: a part of the set with all its irregularities, which the reader handles."""

import importlib.util
import json

import numpy as np
import pytest

from grisq.data import grefcoco
from grisq.data.check import check
from grisq.data.layout import INSTANCES, REFS
from grisq.data.statistics import EARLIER, PAPER
from grisq.runtime.paths import ROOT

SHARE = 0.004


@pytest.fixture(scope="module")
def full_size():
    spec = importlib.util.spec_from_file_location("full_size", ROOT / "benchmarks" / "full_size.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def root(full_size, tmp_path_factory):
    return full_size.write(tmp_path_factory.mktemp("full") / "set", share=SHARE, progress=False)


def test_the_full_set_has_the_papers_size(full_size):
    assert sum(full_size.IMAGES.values()) == PAPER["images"]
    totals = {split: sum(by_scenario) for split, by_scenario in full_size.EXPRESSIONS.items()}
    assert totals == {split: counts[0] for split, counts in EARLIER.splits.items()}
    assert sum(totals.values()) == PAPER["expressions"]


def test_the_reader_finds_the_targets_and_skips_irregular_refs(full_size, root):
    data = grefcoco.load(root)
    for split, by_scenario in full_size.EXPRESSIONS.items():
        counts = np.minimum(data.target_counts[data.rows(split)], 2)
        assert np.bincount(counts, minlength=3).tolist() == [round(SHARE * wanted) for wanted in by_scenario]
    assert data.skipped == {"refs without a sentence": 2, "refs whose targets are all crowd regions": 1}
    assert check(root, progress=False).whole


def test_the_files_hold_every_irregularity(root):
    refs = json.loads((root / REFS).read_text(encoding="utf-8"))
    annotations = json.loads((root / INSTANCES).read_text(encoding="utf-8"))["annotations"]
    assert any(ref["ann_id"] == [-1] for ref in refs)
    assert any(isinstance(ref["ann_id"], int) for ref in refs)
    assert any(ref["file_name"].count("_") == 3 for ref in refs)
    assert any(each["iscrowd"] and isinstance(each["segmentation"], dict) for each in annotations)
    sides = np.sqrt([each["bbox"][2] * each["bbox"][3] for each in annotations])
    assert 0.25 < np.mean(sides < 32) < 0.55  # COCO: four tenths small
    assert 0.1 < np.mean(sides > 96) < 0.4  # a quarter large


def test_masks_lie_in_their_boxes(root):
    data = grefcoco.load(root)
    for row in np.flatnonzero(data.target_counts == 1)[::50]:
        expression = data.expression(int(row))
        (annotation,) = [a for a in data.annotations_of(expression.image_id) if a.ann_id == expression.ann_ids[0]]
        x, y, width, height = annotation.bbox
        rows, columns = np.nonzero(data.mask(int(row)))
        assert rows.size
        assert x - 2 <= columns.min() <= columns.max() <= x + width + 2
        assert y - 2 <= rows.min() <= rows.max() <= y + height + 2
