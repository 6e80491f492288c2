"""Counterfactual pairs: the words are true of one picture and mean nothing in the other, and nothing else differs."""

import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from typer.testing import CliRunner

from grisq.cli.data import app
from grisq.data import grefcoco
from grisq.data.check import check
from grisq.data.layout import IMAGES, INSTANCES, REFS
from grisq.data.scenarios import NO_TARGET
from grisq.data.synthetic import edits, sprites
from grisq.data.synthetic.compositor import Layer, flatten, object_actor
from grisq.data.synthetic.counterfactual import generate_counterfactual
from grisq.data.synthetic.drawing import Drawing, annotate, draw, image_record, scene_in
from grisq.data.synthetic.edits import edit_against
from grisq.data.synthetic.expression_sampler import Description
from grisq.data.synthetic.generate import generate, plan
from grisq.data.synthetic.grammar import Every, Extreme, One, parse_tree
from grisq.data.synthetic.noun_phrases import Noun
from grisq.data.synthetic.scene import read_scenes
from grisq.data.synthetic.specs import SplitSpec, SyntheticSpec
from grisq.runtime.errors import InputError

SPEC = SyntheticSpec(
    "test", (SplitSpec("train", 1, 3, 0.0, 0.0), SplitSpec("val", 50, 200, 0.1, 0.4)), sides=(64, 96), objects=(2, 6)
)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return generate(SPEC, tmp_path_factory.mktemp("base") / "set", workers=1, progress=False)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return generate_counterfactual(SPEC, tmp_path_factory.mktemp("pairs") / "set", workers=1, progress=False)


def read(root, place):
    return json.loads((root / place).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def pairs(root):
    return read(root, "pairs.json")["pairs"]


@pytest.fixture(scope="module")
def edited():
    """Every edit of the set once more, with the layers: (drawing, edited picture)."""
    found = []
    for task in plan(SPEC)[1:]:
        drawing = draw(task, SPEC)
        for index, description in enumerate(drawing.descriptions):
            if description.targets:
                other = edit_against(description, drawing, 7, np.random.default_rng([task.image_id, index]))
                if other is not None:
                    found.append((drawing, other))
    return found


def test_the_words_fit_the_original_and_mean_nothing_in_the_edited_picture(root, pairs):
    scenes, refs = read_scenes(root), {ref["ref_id"]: ref for ref in read(root, REFS)}
    for pair in pairs:
        first, second = (refs[pair[half]["ref_id"]] for half in ("original", "edited"))
        assert parse_tree(first["tree"]).meaning(scenes[first["image_id"]]) == set(first["ann_id"])
        assert not first["no_target"]
        assert first["tree"] == second["tree"]
        assert parse_tree(second["tree"]).meaning(scenes[second["image_id"]]) == set()  # clear, not None
        assert (second["no_target"], second["ann_id"], second["category_id"]) == (True, [-1], [-1])
        assert second["kind"] in ("near", "far")
        for half, ref in (("original", first), ("edited", second)):
            (sentence,) = (s for s in ref["sentences"] if s["sent_id"] == pair[half]["sent_id"])
            assert sentence["sent"] == pair["sentence"]
            assert ref["image_id"] == pair[half]["image_id"]


def test_every_expression_with_a_target_has_a_pair_or_is_counted(root, pairs):
    refs = read(root, REFS)
    paired = [pair[half]["sent_id"] for pair in pairs for half in ("original", "edited")]
    assert sorted(paired) == sorted(i for ref in refs for i in ref["sent_ids"])
    assert {ref["split"] for ref in refs} == {"val"}
    meant = sum(label != NO_TARGET for task in plan(SPEC)[1:] for label in task.scenarios)
    assert len(pairs) + sum(read(root, "pairs.json")["left_out"].values()) == meant
    assert len(pairs) > 0.8 * meant


def test_the_original_halves_are_those_of_the_synthetic_set(base, root):
    for place, name in ((INSTANCES, "annotations"), (INSTANCES, "images")):
        known = {record["id"]: record for record in read(base, place)[name]}
        halves = [record for record in read(root, place)[name] if record["id"] in known]
        assert halves
        assert all(record == known[record["id"]] for record in halves)
    known = {(ref["image_id"], json.dumps(ref["tree"])): ref for ref in read(base, REFS)}
    for ref in read(root, REFS):
        if not ref["no_target"]:
            other = known[ref["image_id"], json.dumps(ref["tree"])]
            assert [s["sent"] for s in ref["sentences"]] == [s["sent"] for s in other["sentences"]]
            assert (root / IMAGES / ref["file_name"]).read_bytes() == (base / IMAGES / ref["file_name"]).read_bytes()


def footprint(picture, layer):
    """All pixels that a layer touches, with its antialiased border."""
    found = np.zeros(picture.pixels.shape[:2], bool)
    h, w = layer.rgba.shape[:2]
    found[layer.top : layer.top + h, layer.left : layer.left + w] = layer.rgba[..., 3] > 0
    return found


def places(other):
    """Places of the objects of an edited picture among those of the original one."""
    return [record["id"] % 100 for record in other.annotations]


def test_pixels_and_masks_differ_only_where_a_changed_object_was_or_is(edited):
    for drawing, other in edited:
        old, new = drawing.picture, other.picture
        touched = np.zeros(old.pixels.shape[:2], bool)
        for place in other.changed:
            touched |= footprint(old, old.layers[place])
        for place, layer in zip(places(other), new.layers):
            if place in other.changed:
                touched |= footprint(new, layer)
        assert np.array_equal(old.pixels[~touched], new.pixels[~touched])
        assert not np.array_equal(old.pixels, new.pixels)
        for place, mask in zip(places(other), new.masks):
            assert np.array_equal(old.masks[place][~touched], mask[~touched])


def test_masks_are_those_of_a_naive_painter(edited):
    for _, other in edited:
        owner = np.full(other.picture.pixels.shape[:2], -1)
        for index, layer in enumerate(other.picture.layers):
            for y, x in np.argwhere(layer.rgba[..., 3] >= 128):
                owner[layer.top + y, layer.left + x] = index
        for index, record in enumerate(other.annotations):
            assert np.array_equal(coco_mask.decode(record["segmentation"]) == 1, owner == index)
            ys, xs = np.nonzero(owner == index)
            assert record["bbox"] == [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
            assert record["area"] == len(xs) >= 40


def test_pixels_are_those_of_a_naive_painter(edited):
    for _, other in edited[:4]:
        expected = other.picture.backdrop.copy()
        for layer in other.picture.layers:
            for y, x in np.ndindex(layer.rgba.shape[:2]):
                *color, alpha = (np.float32(value) for value in layer.rgba[y, x])
                share = alpha / np.float32(255)
                for channel in range(3):
                    below = np.float32(expected[layer.top + y, layer.left + x, channel])
                    bright = min(color[channel] * np.float32(layer.brightness), np.float32(255))
                    expected[layer.top + y, layer.left + x, channel] = int(below * (1 - share) + bright * share)
        assert np.array_equal(other.picture.pixels, expected)


def test_each_edit_changes_what_it_says_and_nothing_else(edited):
    for drawing, other in edited:
        before, after = drawing.picture.layers, dict(zip(places(other), other.picture.layers))
        assert set(range(len(before))) - set(after) == (set(other.changed) if other.kind == "removed" else set())
        for place, layer in after.items():
            old, new = before[place].actor, layer.actor
            if place not in other.changed:
                assert layer is before[place]
            elif other.kind == "moved":
                assert new is old
                assert layer.rgba is before[place].rgba
                assert (layer.left, layer.top) != (before[place].left, before[place].top)
            elif other.kind == "recolored":
                assert new.color != old.color
                assert (new.category, new.variant) == (old.category, old.variant)
                assert np.array_equal(layer.rgba[..., 3], before[place].rgba[..., 3])
                assert (layer.left, layer.top) == (before[place].left, before[place].top)
            else:
                assert (new.category, new.variant) != (old.category, old.variant)
                assert new.color == old.color or old.color is None
                size = max(layer.rgba.shape), max(before[place].rgba.shape)
                assert size[0] == size[1]


def test_all_kinds_of_edits_and_clauses_occur_and_one_object_is_mostly_enough(pairs):
    assert {pair["edit"] for pair in pairs} == set(edits.KINDS)
    assert {pair["clause"] for pair in pairs} <= set(edits.CLAUSES)
    assert {"noun", "color", "count", "place", "every part"} <= {pair["clause"] for pair in pairs}
    clauses = Counter((pair["edit"], pair["clause"]) for pair in pairs)
    assert all(clause in ("color", "landmark") for edit, clause in clauses if edit == "recolored")
    assert all(clause in ("place", "relation") for edit, clause in clauses if edit == "moved")
    assert np.mean([len(pair["changed"]) == 1 for pair in pairs if pair["clause"] != "every part"]) > 0.6


def drawing_of(*placed):
    """A picture of objects as (category, color, left, top), each about 24 pixels large, on a gray backdrop."""
    categories = {category.name: category for category in sprites.CATEGORIES}
    layers = []
    for name, color, left, top in placed:
        actor = object_actor(categories[name], categories[name].sprites[0], color)
        layers.append(Layer(actor, np.asarray(actor.image.resize((24, 24))), left, top, mirrored=False))
    picture = flatten(np.full((96, 96, 3), 120, np.uint8), layers)
    annotations = annotate(picture, 1)
    return Drawing(picture, scene_in(picture, annotations), image_record(picture, 1), annotations, [], [])


CATS = (("cat", "red", 4, 10), ("cat", "blue", 60, 40))


@pytest.mark.parametrize("seed", range(8))
def test_another_cat_left_over_would_take_the_words(seed):
    """Without the left one of two cats, people could take the other one for it: both must go."""
    drawing = drawing_of(*CATS, ("car", "red", 30, 70))
    tree = Extreme(Noun("cat"), "left")
    other = edit_against(Description(tree, (100,), "extreme"), drawing, 2, np.random.default_rng(seed))
    assert other.changed == (0, 1)
    assert tree.meaning(other.scene) == set()


@pytest.mark.parametrize("seed", range(8))
def test_a_picture_is_never_emptied(seed):
    for tree, targets in ((One(Noun("cat")), (100,)), (Every(Noun("cat")), (100, 101))):
        drawing = drawing_of(*CATS[: len(targets)])
        other = edit_against(Description(tree, targets, "every"), drawing, 2, np.random.default_rng(seed))
        assert other.kind == "replaced"


def test_what_was_hidden_is_seen():
    """The horse lies in front of the car; where it is taken away, the whole car shows."""
    drawing = drawing_of(("car", "red", 30, 30), ("horse", "blue", 40, 28))
    whole = np.count_nonzero(drawing.picture.layers[0].rgba[..., 3] >= 128)
    assert drawing.annotations[0]["area"] < whole
    description = Description(One(Noun("horse")), (101,), "one")
    found = [edit_against(description, drawing, 2, np.random.default_rng(seed)) for seed in range(20)]
    removed = [other for other in found if other is not None and other.kind == "removed"]
    assert removed
    assert all(other.annotations[0]["area"] == whole for other in removed)
    assert all(other.annotations[0]["id"] == 200 for other in removed)


def test_the_same_bytes_each_time(root, tmp_path):
    again = generate_counterfactual(SPEC, tmp_path / "again", workers=1, progress=False)
    files = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert all((root / path).read_bytes() == (again / path).read_bytes() for path in files)


def test_it_is_a_sound_set_like_any_other(root, pairs):
    found = check(root, progress=False)
    assert found.whole
    assert found.remarks.lines() == []
    data = grefcoco.load(root)
    counts = data.target_counts[data.rows("val")]
    assert len(counts) == 2 * len(pairs)
    assert np.count_nonzero(counts == 0) == len(pairs)
    for image in read(root, INSTANCES)["images"]:
        with Image.open(root / IMAGES / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"])


def test_a_finished_set_is_not_made_again_and_another_not_overwritten(root, base, tmp_path):
    before = (root / "pairs.json").stat().st_mtime_ns
    assert generate_counterfactual(SPEC, root, progress=False) == root
    assert (root / "pairs.json").stat().st_mtime_ns == before
    with pytest.raises(InputError, match="already holds"):
        generate_counterfactual(SPEC, base, progress=False)
    without = SyntheticSpec("train-only", SPEC.splits[:1])
    with pytest.raises(InputError, match="no val split"):
        generate_counterfactual(without, tmp_path / "none", progress=False)


def test_the_card_counts_the_pairs(root, pairs):
    card = (root / "README.md").read_text(encoding="utf-8")
    for edit, count in Counter(pair["edit"] for pair in pairs).items():
        assert f"| {edit} | {count} |" in card
    assert "CC BY 4.0" in card
    assert f"| val | {2 * len(pairs)} |" in card


def test_the_command_makes_it_by_name(tmp_path):
    done = CliRunner().invoke(app, ["counterfactual", "mini", "-o", str(tmp_path / "a")])
    assert done.stdout.splitlines()[-1] == f"The set is in {tmp_path / 'a'}"
    assert read(tmp_path / "a", "pairs.json")["pairs"]
    done = CliRunner().invoke(app, ["synthetic", "mini-counterfactual", "-o", str(tmp_path / "a")])
    assert done.exit_code == 0  # the same set, which is there
    done = CliRunner().invoke(app, ["counterfactual", "large"])
    assert isinstance(done.exception, InputError)
