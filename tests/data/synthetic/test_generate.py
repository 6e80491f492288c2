"""The synthetic set on disk: exact shares, exact meanings, the same bytes each time, whole or not there."""

import hashlib
import json
import re
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from grisq.data.scenarios import MULTI_TARGET, NO_TARGET, SINGLE_TARGET
from grisq.data.synthetic import generate as module
from grisq.data.synthetic.expression_trees import heads
from grisq.data.synthetic.generate import generate, plan
from grisq.data.synthetic.grammar import parse_tree
from grisq.data.synthetic.scene import read_scenes
from grisq.data.synthetic.specs import SPECS, SplitSpec, SyntheticSpec
from grisq.runtime.errors import InputError

SMALL_SPEC = SyntheticSpec("test", (SplitSpec("train", 10, 40, 0.2, 0.3),), sides=(64, 80), objects=(2, 4))


@pytest.fixture(scope="module")
def mini(tmp_path_factory):
    return generate(SPECS["mini"], tmp_path_factory.mktemp("synthetic") / "mini", workers=1, progress=False)


@pytest.fixture(scope="module")
def refs(mini):
    return json.loads((mini / "grefcoco" / "grefs(unc).json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def instances(mini):
    return json.loads((mini / "grefcoco" / "instances.json").read_text(encoding="utf-8"))


def test_evaluating_each_tree_on_the_annotations_gives_exactly_its_targets(mini, refs):
    scenes = read_scenes(mini)
    for ref in refs:
        targets = set() if ref["no_target"] else set(ref["ann_id"])
        assert parse_tree(ref["tree"]).meaning(scenes[ref["image_id"]]) == targets


def test_refs_are_grefcoco_records(refs, instances):
    category_of = {a["id"]: a["category_id"] for a in instances["annotations"]}
    image_of = {a["id"]: a["image_id"] for a in instances["annotations"]}
    names = {image["id"]: image["file_name"] for image in instances["images"]}
    for ref in refs:
        assert ref["file_name"] == names[ref["image_id"]]
        assert ref["sent_ids"] == [s["sent_id"] for s in ref["sentences"]]
        assert all(s["tokens"] == s["sent"].split() for s in ref["sentences"])
        if ref["no_target"]:
            assert (ref["ann_id"], ref["category_id"]) == ([-1], [-1])
            assert ref["kind"] in ("near", "far")
        else:
            assert {image_of[i] for i in ref["ann_id"]} == {ref["image_id"]}
            assert ref["category_id"] == [category_of[i] for i in ref["ann_id"]]
    assert [ref["ref_id"] for ref in refs] == list(range(1, len(refs) + 1))
    assert [i for ref in refs for i in ref["sent_ids"]] == list(range(1, 1 + sum(len(r["sentences"]) for r in refs)))


def test_annotations_are_the_visible_pixels(mini, instances):
    """Area and box recomputed from the decoded masks; no two masks of a picture share a pixel."""
    sizes = {image["id"]: (image["height"], image["width"]) for image in instances["images"]}
    covered = {image: np.zeros(size, int) for image, size in sizes.items()}
    for record in instances["annotations"]:
        mask = coco_mask.decode(record["segmentation"]).astype(bool)
        covered[record["image_id"]] += mask
        rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
        box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
        assert record["bbox"] == box
        assert record["area"] == mask.sum()
        assert record["iscrowd"] == 0
    assert all(count.max() == 1 for count in covered.values())
    for image in instances["images"]:
        with Image.open(mini / "images" / "train2014" / image["file_name"]) as picture:
            assert (picture.height, picture.width) == sizes[image["id"]]


def test_the_picture_shows_the_colors_that_are_annotated(mini, instances):
    """Inside a plain thing's mask most pixels are nearest to its annotated color: pictures fit annotations."""
    from grisq.data.synthetic.sprites import PALETTE

    names = list(PALETTE)
    palette = np.array(list(PALETTE.values()))
    files = {image["id"]: image["file_name"] for image in instances["images"]}
    plain = {c["id"] for c in instances["categories"] if c["name"] in ("apple", "elephant", "couch", "handbag")}
    checked = 0
    for record in instances["annotations"]:
        if record["category_id"] in plain and "colour" in record["attributes"]:
            pixels = np.asarray(Image.open(mini / "images" / "train2014" / files[record["image_id"]])).astype(int)
            inside = pixels[coco_mask.decode(record["segmentation"]).astype(bool)]
            nearest = np.abs(inside[:, None] - palette).sum(-1).argmin(1)
            assert names[np.bincount(nearest).argmax()] == record["attributes"]["colour"]
            checked += 1
    assert checked > 5


@pytest.mark.parametrize("name", SPECS)
def test_shares_of_the_splits_are_the_papers_within_half_a_point(name):
    papers = {"train": (9.14, 25.53), "val": (41, 30), "testA": (23.2, 46), "testB": (29.1, 35.8)}
    labels = Counter((task.split.name, label) for task in plan(SPECS[name]) for label in task.scenarios)
    for split in SPECS[name].splits:
        none, multi, single = (labels[split.name, label] for label in (NO_TARGET, MULTI_TARGET, SINGLE_TARGET))
        assert none + multi + single == split.expressions
        tolerance = max(0.5, 50 / split.expressions)  # one expression cannot be halved
        assert 100 * none / split.expressions == pytest.approx(papers[split.name][0], abs=tolerance)
        assert 100 * multi / split.expressions == pytest.approx(papers[split.name][1], abs=tolerance)
    tasks = plan(SPECS[name])
    assert [task.image_id for task in tasks] == list(range(1, len(tasks) + 1))
    assert max(len(task.scenarios) for task in tasks) <= 5


def test_what_is_written_has_the_planned_shares(refs):
    written = Counter()
    for ref in refs:
        label = NO_TARGET if ref["no_target"] else SINGLE_TARGET if len(ref["ann_id"]) == 1 else MULTI_TARGET
        written[ref["split"], label] += len(ref["sentences"])
    assert written == Counter((task.split.name, label) for task in plan(SPECS["mini"]) for label in task.scenarios)


def test_test_a_is_about_people_and_test_b_about_everything_else(refs, instances):
    people = {a["image_id"] for a in instances["annotations"] if a["category_id"] == 1}
    human = {"person", "man", "woman", "boy", "girl", "kid"}
    for ref in refs:
        if ref["split"] == "testA":
            assert set(ref["category_id"]) <= {1, -1}
            assert heads(parse_tree(ref["tree"])) <= human
        if ref["split"] == "testB":
            assert ref["image_id"] not in people


def test_sentences_are_as_terse_as_refcocos(refs):
    lengths = [len(s["tokens"]) for ref in refs for s in ref["sentences"]]
    assert 3 < np.mean(lengths) < 5
    articles = [bool(re.search(r"\bthe\b", s["sent"])) for ref in refs for s in ref["sentences"]]
    assert 0.15 < np.mean(articles) < 0.7


def test_annotations_are_the_same_bytes_on_every_machine(mini):
    """Recorded once; if this fails on purpose, raise generate.FORMAT and record the new digest."""
    digest = hashlib.sha256()
    for name in ("grefs(unc).json", "instances.json"):
        digest.update((mini / "grefcoco" / name).read_bytes())
    assert digest.hexdigest() == "266099b3491c067482b8b85feac4c13119e14feba1ec29077616d8f08a2cc2af"


def test_several_workers_write_the_same_set(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MIN_PICTURES_FOR_WORKERS", 0)
    roots = [generate(SMALL_SPEC, tmp_path / str(n), workers=n, progress=False) for n in (1, 2)]
    files = [sorted(p.relative_to(root) for p in root.rglob("*") if p.is_file()) for root in roots]
    assert files[0] == files[1]
    assert len(files[0]) == 10 + 4
    for path in files[0]:
        assert (roots[0] / path).read_bytes() == (roots[1] / path).read_bytes()


def test_another_seed_gives_another_set(tmp_path):
    from dataclasses import replace

    first, second = (generate(replace(SMALL_SPEC, seed=s), tmp_path / str(s), progress=False) for s in (1, 2))
    assert read_scenes(first) != read_scenes(second)


def test_an_interrupted_set_never_looks_finished(tmp_path, monkeypatch):
    done = []

    def interrupted(task, spec, folder):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(original(task, spec, folder))
        return done[-1]

    original = module.make
    monkeypatch.setattr(module, "make", interrupted)
    with pytest.raises(KeyboardInterrupt):
        generate(SMALL_SPEC, tmp_path / "set", workers=1, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_a_finished_set_is_not_made_again_and_another_not_overwritten(mini, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "make", None)
    before = (mini / "spec.json").stat().st_mtime_ns
    assert generate(SPECS["mini"], mini, progress=False) == mini
    assert (mini / "spec.json").stat().st_mtime_ns == before
    with pytest.raises(InputError, match="already holds"):
        generate(SMALL_SPEC, mini, progress=False)
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="already holds"):
        generate(SMALL_SPEC, tmp_path, progress=False)


@pytest.mark.parametrize("seed", [0, 7])
def test_a_process_that_made_the_same_set_faster_is_no_error(tmp_path, monkeypatch, seed):
    other = generate(replace(SMALL_SPEC, seed=seed), tmp_path / "other", workers=1, progress=False)
    made = module.make_all

    def overtaken(*args, **options):
        other.rename(tmp_path / "set")
        return made(*args, **options)

    monkeypatch.setattr(module, "make_all", overtaken)
    with nullcontext() if seed == SMALL_SPEC.seed else pytest.raises(InputError, match="already holds"):
        assert generate(SMALL_SPEC, tmp_path / "set", workers=1, progress=False) == tmp_path / "set"
    assert [each.name for each in tmp_path.iterdir()] == ["set"]
    assert json.loads((tmp_path / "set" / "spec.json").read_text(encoding="utf-8"))["seed"] == seed


def test_the_card_states_seed_counts_and_credits(mini):
    card = (mini / "README.md").read_text(encoding="utf-8")
    for needed in ("seed 0", "| train | 96 |", "CC BY 4.0", "Twemoji", "danielbuechele", "CC BY 2.0", "CC0"):
        assert needed in card
