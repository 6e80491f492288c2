"""A data set of many small pictures and expressions of every kind, without picture files: scoring needs none."""

import numpy as np
import pytest

from grisq.data import grefcoco, grefcoco_writer, layout, masks

PICTURES, OBJECTS = 40, 4


def outline(rng, height, width):
    """A rectangle as polygon, or a blot as run lengths."""
    top, left = rng.integers(0, height - 4), rng.integers(0, width - 4)
    bottom, right = rng.integers(top + 2, height), rng.integers(left + 2, width)
    if rng.random() < 0.7:
        return [[float(v) for v in (left, top, right, top, right, bottom, left, bottom)]]
    mask = np.zeros((height, width), dtype=bool)
    mask[top:bottom, left:right] = rng.random((bottom - top, right - left)) < 0.8
    mask[top, left] = True
    return masks.encode(mask)


@pytest.fixture(scope="session")
def many_root(tmp_path_factory):
    """Annotations of 40 pictures with 8 expressions each: two without target, two with one, four with several."""
    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("many")
    images, annotations, refs = [], [], []
    for image_id in range(1, PICTURES + 1):
        height, width = rng.integers(16, 60, 2).tolist()
        images.append({"id": image_id, "file_name": f"{image_id}.jpg", "width": width, "height": height})
        ids = [10 * image_id + i for i in range(OBJECTS)]
        for ann_id in ids:
            shape = outline(rng, height, width)
            annotations.append(
                {
                    "id": ann_id,
                    "image_id": image_id,
                    "category_id": 1,
                    "iscrowd": 0,
                    "segmentation": shape,
                    "bbox": [0, 0, 1, 1],
                    "area": 1.0,
                }
            )
        for targets in ([-1], ids[:1], ids[1:3], ids):
            refs.append(
                {
                    "image_id": image_id,
                    "split": ("val", "testA")[image_id % 4 == 0],
                    "ann_id": targets,
                    "category_id": [1],
                    "no_target": targets == [-1],
                    "sentences": [{"raw": f"{len(targets)} {word}", "sent": word, "tokens": []} for word in ("a", "b")],
                }
            )
    categories = [{"id": 1, "name": "thing", "supercategory": "thing"}]
    grefcoco_writer.write(root, refs, {"images": images, "annotations": annotations, "categories": categories})
    (root / layout.IMAGES).mkdir(parents=True)
    return root


@pytest.fixture(scope="session")
def many(many_root):
    """The same, read."""
    return grefcoco.load(many_root)


def shifted(mask, rng):
    """A prediction: the annotated mask moved, another one, or none."""
    kind = rng.integers(4)
    if kind == 0:
        return np.zeros_like(mask)
    if kind == 1:
        return rng.random(mask.shape) < 0.3
    return np.roll(mask, rng.integers(-3, 4, 2).tolist(), (0, 1))


@pytest.fixture
def predict(many):
    """Predictions for some rows, from a seed: dicts as a file holds them."""

    def make(seed, rows=None, *, scores=True, by_row=False):
        rng, found = np.random.default_rng(seed), []
        for row in many.rows("val") if rows is None else rows:
            expression = many.expression(int(row))
            mask = shifted(many.mask(int(row)), rng)
            named = {"row": int(row)} if by_row else {"ref_id": expression.ref_id, "sent_id": expression.sent_id}
            score = {"score": round(float(rng.random()), 3)} if scores else {}
            found.append({**named, "segmentation": masks.encode(mask) if mask.any() else None, **score})
        return found

    return make
