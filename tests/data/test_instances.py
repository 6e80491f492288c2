"""Objects of a picture on its canvas: boxes, categories, masks and which are meant."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from grisq.augment.recipes import Mosaic, NoTarget
from grisq.augment.render import RecipeDataset
from grisq.data import grefcoco
from grisq.data.instances import Instances, colors_of, stack
from grisq.data.sample import Collate


def with_objects(reader):
    return replace(reader, with_instances=True)


def test_objects_are_those_of_the_annotation(reader, mini):
    for row in mini.rows("train")[:12]:
        expression, sample = mini.expression(int(row)), with_objects(reader).read(int(row))
        annotated, objects = mini.annotations_of(expression.image_id), sample.instances
        assert objects.meant.sum() == expression.target_count
        categories, colors = sorted(mini.categories), colors_of(mini)
        assert [categories[i] for i in objects.categories] == [each.category_id for each in annotated]
        assert [colors[i] if i >= 0 else None for i in objects.colors] == [
            each.attributes.get("colour") for each in annotated
        ]
        scale = np.array(sample.letterbox.scale * 2)
        for box, each in zip(objects.boxes, annotated):
            x, y, width, height = each.bbox
            assert np.abs(box - np.array([x, y, x + width, y + height]) * scale).max() <= 2


@pytest.mark.parametrize(
    "broken",
    [
        {"segmentation": [1.0, 2.0, 3.0, 4.0]},
        {"segmentation": {"size": [40, 40], "counts": [1600]}},
        {"segmentation": [[1.0, 2.0, 3.0, 4.0]]},
        {"segmentation": None},
        {"category_id": 999},
    ],
)
def test_what_no_expression_means_may_be_broken(mini_root, mini, tmp_path, reader, broken):
    """The reader of a data set checks targets alone."""
    root = shutil.copytree(mini_root, tmp_path / "set", ignore=shutil.ignore_patterns(".grisq-cache"))
    path = root / "grefcoco" / "instances.json"
    whole = json.loads(path.read_text())
    targets = {ann for row in range(len(mini.expressions)) for ann in mini.expression(row).ann_ids}
    spare = next(each for each in whole["annotations"] if each["id"] not in targets)
    spare.update(broken)
    path.write_text(json.dumps(whole))
    data = grefcoco.load(root)
    row = next(int(r) for r in mini.rows("train") if mini.expression(int(r)).image_id == spare["image_id"])
    before = with_objects(reader).read(row).instances
    after = replace(reader, data=data, with_instances=True).read(row).instances
    assert len(after.boxes) == len(before.boxes) - 1


def test_the_union_of_those_meant_is_the_mask(reader, mini):
    for row in mini.rows("train")[:12]:
        sample = with_objects(reader).read(int(row))
        union = sample.instances.masks[sample.instances.meant].any(0)
        assert np.array_equal(union, sample.mask[2::4, 2::4])


def test_swapped_captions_mean_nobody_and_mosaics_join(reader, mini):
    rows = mini.rows("train")
    single = [int(row) for row in rows if mini.expression(int(row)).target_count == 1][:2]
    dataset = RecipeDataset(with_objects(reader), 40)
    assert not dataset.render(NoTarget(single[0], single[1])).instances.meant.any()
    mosaic = dataset.render(Mosaic(((0, single[0]), (3, single[1]))))
    assert mosaic.instances.meant.sum() == 2
    assert (mosaic.instances.boxes[-1] >= reader.side // 2 - 1).all()
    union = mosaic.instances.masks[mosaic.instances.meant].any(0)
    assert np.array_equal(union, mosaic.mask[2::4, 2::4])


def test_a_batch_is_filled_up(reader, mini):
    samples = [with_objects(reader).read(int(row)) for row in mini.rows("train")[:6]]
    objects = Collate(reader.tokenizer.pad_id)(samples).instances
    counts = [len(sample.instances.boxes) for sample in samples]
    assert objects.real.sum(1).tolist() == counts
    assert not objects.meant[~objects.real].any()
    assert objects.to("cpu").boxes.shape == (6, max(counts), 4)


def test_a_picture_without_objects_can_be_stacked():
    nothing = Instances(
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.int64),
        np.zeros(0, np.int64),
        np.zeros((0, 4, 4), bool),
        np.zeros(0, bool),
    )
    batch = stack([nothing, nothing])
    assert batch.real.shape == (2, 1)
    assert not batch.real.any()
    assert batch.masks.dtype == torch.bool


def test_samples_carry_no_objects_unless_asked(reader, mini):
    batch = Collate(reader.tokenizer.pad_id)([reader.read(int(mini.rows("train")[0]))])
    assert batch.instances is None
