"""`score` against the published evaluators, and what it does with predictions that do not fit."""

import importlib.util
import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import matthews_corrcoef, roc_auc_score

from grisq.data import masks
from grisq.evaluation import score
from grisq.evaluation.scoring.score import measure, rules_of
from grisq.runtime.errors import InputError
from grisq.runtime.shard import Shard

spec = importlib.util.spec_from_file_location("published", Path(__file__).with_name("published.py"))
published = importlib.util.module_from_spec(spec)
spec.loader.exec_module(published)


MATCHED = "objects matched by a mask (IoU of at least 0.5)"
MATCHING = "masks matched by an object (IoU of at least 0.5)"


def cases(data, predictions, square=None, threshold=0.5):
    """What the published evaluators see: masks drawn at the compared size, by Pillow and by `masks.rasterize`."""
    found = []
    rows = {(data.expression(r).ref_id, data.expression(r).sent_id): r for r in range(len(data))}
    for each in predictions:
        row = each["row"] if "row" in each else rows[each["ref_id"], each["sent_id"]]
        expression = data.expression(row)
        info = data.image(expression.image_id)
        size = (info.height, info.width) if square is None else (square, square)
        prediction = np.zeros(size, dtype=bool)
        if each["segmentation"]:
            drawn = Image.fromarray(masks.decode(each["segmentation"]).astype(np.uint8))
            prediction = np.asarray(drawn.resize(size[::-1], Image.Resampling.NEAREST)) > 0
        target = masks.rasterize(
            data.segmentations(expression.ann_ids),
            info.height,
            info.width,
            scale=(size[1] / info.width, size[0] / info.height),
            out_height=size[0],
            out_width=size[1],
        )
        present = each["score"] >= threshold if "score" in each else bool(prediction.mean() >= 50 / 480**2)
        found.append((prediction, target, expression.target_count, present, expression.ref_id))
    return found


def values(report, protocol, split="val"):
    return {name: found.value for name, found in report.splits[split].protocols[protocol].metrics.items()}


EVALUATORS = {
    "rela": (published.rela, 480),
    "original": (published.rela, None),
    "gsva": (published.gsva, None),
    "refzom": (published.refzom, 480),
    "rrefcoco": (published.rrefcoco, None),
}


@pytest.mark.parametrize("seed", range(4))
def test_numbers_are_those_of_the_published_evaluators(many, predict, seed):
    """240 random expressions a seed, under five protocols."""
    predictions = predict(seed)
    report = score(predictions, many, protocols=[*EVALUATORS], progress=False)
    for protocol, (evaluator, square) in EVALUATORS.items():
        expected = evaluator(cases(many, predictions, square))
        assert {name: values(report, protocol)[name] for name in expected} == pytest.approx(expected), protocol


@pytest.mark.parametrize("protocol", ["rela", "gsva"])
def test_without_scores_the_mask_decides(many, predict, protocol):
    predictions = predict(7, scores=False)
    report = score(predictions, many, protocols=[protocol], progress=False)
    evaluator, square = EVALUATORS[protocol]
    seen = cases(many, predictions, square)
    without = [(p & present, t, n, present, ref) for p, t, n, present, ref in seen]  # a rejected mask is empty
    expected = evaluator(without)
    assert {name: values(report, protocol)[name] for name in expected} == pytest.approx(expected)
    assert "50-pixel rule" in report.splits["val"].protocols[protocol].rules
    assert report.splits["val"].presence is None


def test_the_threshold_and_who_decides_are_options(many, predict):
    predictions = predict(3)
    at = {t: values(score(predictions, many, threshold=t, progress=False), "rela") for t in (0.2, 0.8)}
    for threshold, found in at.items():
        expected = published.rela(cases(many, predictions, 480, threshold))
        assert {name: found[name] for name in expected} == pytest.approx(expected)
    by_mask = score(predictions, many, decided_by="mask_empty", progress=False)
    drawn = [(p, t, n, bool(p.any()), ref) for p, t, n, _, ref in cases(many, predictions, 480)]
    assert values(by_mask, "rela")["N-acc"] == pytest.approx(published.rela(drawn)["N-acc"])


def test_rrefcocos_own_precision_tests_a_running_sum(many, predict):
    """The published code's Pr@X is higher than any single expression earns; it is shown here and not copied."""
    predictions = predict(1)
    seen = cases(many, predictions)
    theirs = published.rrefcoco(seen, running_sum=True)
    ours = values(score(predictions, many, protocols=["rrefcoco"], progress=False), "rrefcoco")
    assert ours["Pr@0.7"] < theirs["Pr@0.7"]
    assert {name: ours[name] for name in ("mIoU", "oIoU", "r", "rIoU")} == pytest.approx(
        {name: theirs[name] for name in ("mIoU", "oIoU", "r", "rIoU")}
    )


def test_presence_recall_and_shares(many, predict):
    predictions = predict(5)
    found = score(predictions, many, shares=[0.25], progress=False).splits["val"]
    seen = cases(many, predictions, 480)
    has_target = [count > 0 for _, _, count, _, _ in seen]
    scores = [each["score"] for each in predictions]
    assert found.presence.auroc == pytest.approx(100 * roc_auc_score(has_target, scores))
    mcc = found.protocols["rela"].metrics["MCC"].value
    assert mcc == pytest.approx(100 * matthews_corrcoef(has_target, np.array(scores) >= 0.5))
    for place in (0, 37, 100):
        at = published.rela(cases(many, predictions, 480, found.presence.threshold[place]))
        curve = found.presence
        assert (curve.giou[place], curve.n_acc[place], curve.t_acc[place]) == pytest.approx(
            (at["gIoU"], at["N-acc"], at["T-acc"])
        )
    assert found.presence.best_giou == pytest.approx(max(found.presence.giou))
    metrics = {name: each.value for name, each in found.protocols["rela"].metrics.items()}
    assert found.giou_at_share["0.25"] == pytest.approx(0.25 * metrics["N-acc"] + 0.75 * metrics["IoU targeted"])
    # Objects covered to at least one half, of expressions with two targets, counted by hand.
    shares = []
    for each, (prediction, _, count, _, _) in zip(predictions, seen):
        if count == 2:
            row = next(r for r in range(len(many)) if many.expression(r).sent_id == each["sent_id"])
            expression, info = many.expression(row), many.image(many.expression(row).image_id)
            for segmentation in many.segmentations(expression.ann_ids):
                scale = (480 / info.width, 480 / info.height)
                drawn = masks.rasterize(
                    [segmentation], info.height, info.width, scale=scale, out_height=480, out_width=480
                )
                shares.append((drawn & prediction).sum() / drawn.sum() >= 0.5)
    assert found.recall["objects covered, 2 targets"] == pytest.approx(100 * np.mean(shares))


def test_counts_of_the_split_and_the_release_stand_beside_the_numbers(many, predict):
    report = score(predict(0), many, progress=False)
    assert report.splits["val"].counts == {
        "pictures": 30,
        "expressions": 240,
        "no-target": 60,
        "single-target": 60,
        "multi-target": 120,
    }
    assert report.data == many.refs_hash
    assert "none that is known" in report.release
    assert report.matching == {"expressions": 240, "missing": 0, "repeated": 0, "unknown": 0}


def test_the_order_of_predictions_and_how_they_are_named_do_not_matter(many, predict):
    straight = score(predict(2), many, progress=False)
    backward = score(predict(2, by_row=True)[::-1], many, progress=False)
    assert straight == backward


def test_several_processes_count_the_same(many, predict):
    assert score(predict(2), many, jobs=2, progress=False) == score(predict(2), many, progress=False)


def test_a_wrong_prediction_in_another_process_is_one_sentence(many, predict):
    broken = predict(2)
    broken[5]["segmentation"] = {"size": [3, 3], "counts": "0"}
    with pytest.raises(InputError, match=r"prediction 6: its run lengths are damaged"):
        score(broken, many, jobs=2, progress=False)


# What is missing, there twice, or about nothing.


def test_missing_predictions_are_refused_counted_or_left_out(many, predict):
    some = predict(0)[10:]
    with pytest.raises(InputError, match=r"10 of 240 expressions of val have no prediction, for example ref_id"):
        score(some, many, progress=False)
    nothing = score(some, many, missing="nothing", progress=False)
    whole = predict(0)
    for each in whole[:10]:
        each.update(segmentation=None, score=0.0)
    assert nothing.splits == score(whole, many, progress=False).splits
    assert nothing.matching["missing"] == 10
    skipped = score(some, many, missing="skip", progress=False)
    assert skipped.splits["val"].counts["expressions"] == 230
    assert skipped.matching["missing"] == 10


def test_several_predictions_of_an_expression_are_refused_or_decided(many, predict):
    first, second = predict(0), predict(1)
    both = [each for pair in zip(first, second) for each in pair]
    with pytest.raises(
        InputError, match=r"240 expressions have several predictions, for example prediction 2 \(ref_id"
    ):
        score(both, many, progress=False)
    assert score(both, many, repeated="first", progress=False).splits == score(first, many, progress=False).splits
    assert score(both, many, repeated="last", progress=False).splits == score(second, many, progress=False).splits
    merged = score(both, many, repeated="merge", progress=False)
    united = []
    for a, b in zip(first, second):
        parts = [masks.decode(each["segmentation"]) for each in (a, b) if each["segmentation"]]
        whole = masks.encode(np.any(parts, 0)) if parts else None
        united.append({**a, "segmentation": whole, "score": max(a["score"], b["score"])})
    assert merged.splits == score(united, many, progress=False).splits
    assert merged.matching["repeated"] == 240


def test_parts_that_do_not_follow_each_other_are_united_too(many, predict):
    apart = predict(0) + predict(1)
    together = [each for pair in zip(predict(0), predict(1)) for each in pair]
    assert (
        score(apart, many, repeated="merge", progress=False).splits
        == score(together, many, repeated="merge", progress=False).splits
    )


def test_instances_are_matched_with_the_annotated_objects(many):
    rows = [row for row in many.rows("val") if many.expression(int(row)).target_count >= 2]
    found, drawn, right = [], 0, 0
    for row in rows:
        expression, info = many.expression(int(row)), many.image(many.expression(int(row)).image_id)
        size = {"height": info.height, "width": info.width, "scale": (480 / info.width, 480 / info.height)}
        objects = [
            masks.rasterize([each], **size, out_height=480, out_width=480)
            for each in many.segmentations(expression.ann_ids)
        ]
        parts = [*objects[:2], np.zeros_like(objects[0])]  # two of them, and an empty part, which is no mask
        found += [{"row": int(row), "segmentation": masks.encode(part), "score": 1.0} for part in parts]
        same = np.array([[(a & b).sum() / (a | b).sum() >= 0.5 for b in objects] for a in parts[:2]])
        right += max(  # every way to give each mask an object of its own
            sum(same[i, j] for i, j in enumerate(chosen)) for chosen in permutations(range(len(objects)), 2)
        )
        drawn += 2
    report = score(found, many, repeated="instances", missing="skip", progress=False).splits["val"]
    objects = sum(many.expression(int(row)).target_count for row in rows)
    assert report.recall[MATCHED] == pytest.approx(100 * right / objects)
    assert report.recall[MATCHING] == pytest.approx(100 * right / drawn)


def test_predictions_about_nothing_are_refused_or_ignored(many, predict):
    more = [*predict(0), {"ref_id": 10**6, "sent_id": 1, "segmentation": None, "score": 0.1}]
    with pytest.raises(InputError, match=r"no expression of .*: 1, for example prediction 241 \(ref_id 1000000"):
        score(more, many, progress=False)
    found = score(more, many, unknown="ignore", progress=False)
    assert found.matching["unknown"] == 1
    assert found.splits == score(predict(0), many, progress=False).splits


def test_predictions_about_other_splits_are_scored_or_left_out(many, predict):
    every = predict(0, range(len(many)))
    assert set(score(every, many, progress=False).splits) == {"val", "testA"}
    only = score(every, many, splits=["testA"], progress=False)
    assert set(only.splits) == {"testA"}
    assert only.splits["testA"].counts["expressions"] == 80


def test_predictions_for_another_data_set_are_told(many):
    with pytest.raises(
        InputError, match=r"No prediction is about an expression of .* for example prediction 1 \(row 999"
    ):
        score([{"row": 9999, "segmentation": None}], many, progress=False)


def test_scores_for_some_predictions_only_are_refused(many, predict):
    mixed = predict(0)
    del mixed[3]["score"]
    with pytest.raises(InputError, match="prediction 4 has no score, unlike those before it"):
        score(mixed, many, progress=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"missing": "zero"}, "missing cannot be 'zero': choose refuse or nothing or skip"),
        ({"repeated": "mean"}, "repeated cannot be"),
        ({"unknown": "x"}, "unknown cannot be"),
        ({"resize": "cubic"}, "resize cannot be 'cubic': choose nearest or area"),
        ({"decided_by": "head"}, "cannot be decided by 'head'"),
        ({"protocols": ["relaa"]}, "There is no protocol 'relaa'"),
        ({"splits": ["test"]}, "There is no split 'test'"),
        ({"threshold": 3}, "threshold must lie from 0 to 1"),
    ],
)
def test_options_that_do_not_exist_are_refused(many, predict, options, message):
    with pytest.raises(InputError, match=message):
        score(predict(0), many, progress=False, **options)


# Sizes and forms of masks.


def test_masks_of_the_compared_size_are_taken_as_they_are(many, predict):
    small = predict(4)
    large = []
    for each in small:
        found = each["segmentation"]
        if found:
            drawn = Image.fromarray(masks.decode(found).astype(np.uint8)).resize((480, 480), Image.Resampling.NEAREST)
            found = masks.encode(np.asarray(drawn) > 0)
        large.append({**each, "segmentation": found})
    assert score(small, many, progress=False).splits == score(large, many, progress=False).splits


def test_the_area_rule_is_that_of_annotated_masks(many, predict):
    predictions = predict(4)
    by_area = values(score(predictions, many, resize="area", progress=False), "rela")
    seen = []
    for each, (_, target, count, present, ref) in zip(predictions, cases(many, predictions, 480)):
        row = next(r for r in range(len(many)) if many.expression(r).sent_id == each["sent_id"])
        info = many.image(many.expression(row).image_id)
        scale = (480 / info.width, 480 / info.height)
        parts = [each["segmentation"]] if each["segmentation"] else []
        drawn = masks.rasterize(parts, info.height, info.width, scale=scale, out_height=480, out_width=480)
        seen.append((drawn, target, count, present, ref))
    expected = published.rela(seen)
    assert {name: by_area[name] for name in expected} == pytest.approx(expected)


def test_every_form_of_a_mask_is_read_alike(many, predict):
    plain = predict(6)
    forms = {"bytes": [], "list": [], "array": [], "column-major": []}
    for each in plain:
        found = each["segmentation"]
        if found is None:
            for name in forms:
                forms[name].append({**each, "segmentation": [] if name == "list" else None})
            continue
        mask = masks.decode(found)
        flat = mask.ravel(order="F")
        ends = [*np.flatnonzero(np.diff(flat, prepend=False)).tolist(), flat.size]
        as_list = {"size": found["size"], "counts": np.diff(ends, prepend=0).tolist()}
        forms["bytes"].append({**each, "segmentation": {"size": found["size"], "counts": found["counts"].encode()}})
        forms["list"].append({**each, "segmentation": as_list})
        forms["array"].append({**each, "segmentation": mask})
        forms["column-major"].append({**each, "segmentation": np.asfortranarray(mask).astype(np.uint8)})
    expected = score(plain, many, progress=False).splits
    for name, predictions in forms.items():
        assert score(predictions, many, progress=False).splits == expected, name


def test_polygons_are_drawn_as_annotations_are(many):
    found = []
    for row in many.rows("val"):
        expression = many.expression(int(row))
        shapes = many.segmentations(expression.ann_ids)
        if all(isinstance(shape, list) for shape in shapes):
            found.append({"row": int(row), "segmentation": [part for shape in shapes for part in shape], "score": 1.0})
    report = score(found, many, missing="skip", protocols=["rela", "original"], progress=False)
    for protocol in ("rela", "original"):
        assert values(report, protocol)["cIoU"] > 99.9 or values(report, protocol)["IoU targeted"] == pytest.approx(100)


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ({"size": [20, 20]}, "its mask has no counts"),
        ({"counts": "0"}, r"the size of its mask is None; give \[height, width\]"),
        ({"size": [0, 20], "counts": "0"}, "the size of its mask is"),
        ({"size": [20.0, 20], "counts": "0"}, "the size of its mask is"),
        ({"size": [20, 20], "counts": "zz"}, "its run lengths are damaged"),
        ({"size": [20, 20], "counts": [10, 10]}, "cover 20 pixels, and its size has 400"),
        ([1, 2, 3, 4, 5, 6], "its polygons must be lists of numbers"),
        ([[1, 2, 3, 4]], "at least three corners"),
        ([[1, 2, 3, 4, 5, 6, 7]], "at least three corners"),
        ([[0, 0, 10**5, 0, 0, 5]], "in or near the picture"),
        ([[True, False] * 10] * 20, "its polygons must be lists of numbers"),
        ({"size": [20, 20], "counts": [2**62] * 4 + [400]}, "its run lengths must be"),
        ([["a"]], "its polygons must be lists of numbers"),
        ([[1, 2, 3, 4, 5, float("nan")]], "its polygons must be lists of numbers"),
        (np.zeros((3, 4, 5), bool), "its mask has the shape"),
        (np.zeros((4, 5)), "its mask has the shape"),
        ("mask.png", "its segmentation is 'mask.png'; give run lengths"),
        (7, "its segmentation is 7; give run lengths"),
        ([[0, 1] * 20] * 3, "lie within one pixel; give them in pixels"),
        ([[0.1, 0.2, 0.4, 0.2, 0.4, 0.9]], "not as shares of the picture"),
    ],
)
def test_a_damaged_mask_is_one_sentence_with_its_place(many, predict, segmentation, message):
    broken = predict(0)
    broken[1]["segmentation"] = segmentation
    with pytest.raises(InputError, match=f"prediction 2: .*{message}"):
        score(broken, many, progress=False)


def test_a_mask_as_a_list_of_rows_is_no_polygon(many, predict):
    broken = predict(0)
    info = many.image(int(many.image_ids[many.rows("val")[7]]))
    broken[7]["segmentation"] = [[255] * info.width] * info.height
    with pytest.raises(InputError, match="prediction 8: its mask is a list of rows; give run lengths"):
        score(broken, many, progress=False)


def test_a_polygon_outside_of_the_picture_is_empty(many):
    row = next(row for row in many.rows("val").tolist() if many.expression(row).target_count == 0)
    outside = [{"row": row, "segmentation": [[-9, -9, -5, -9, -5, -5]]}]
    found = score(outside, many, missing="skip", protocols=["refzom"], progress=False)
    assert values(found, "refzom")["Acc"] == 100


def test_rules_that_ask_no_head_are_not_decided_otherwise(many, predict):
    plain = score(predict(0), many, protocols=["refzom"], progress=False)
    by_pixels = score(predict(0), many, protocols=["refzom", "rela"], decided_by="pixels50", progress=False)
    assert values(plain, "refzom") == values(by_pixels, "refzom")
    found = by_pixels.splits["val"]
    metrics = {name: each.value for name, each in found.protocols["rela"].metrics.items()}
    assert found.giou_at_share["0.41"] == pytest.approx(0.41 * metrics["N-acc"] + 0.59 * metrics["IoU targeted"])
    assert found.presence is None  # its threshold decides nothing here


def test_a_split_that_is_named_twice_counts_once(many, predict):
    once, twice = (score(predict(0), many, splits=["val"] * n, progress=False) for n in (1, 2))
    assert once == twice


def test_ids_and_a_row_must_agree(many, predict):
    both = predict(0)
    for row, each in zip(many.rows("val").tolist(), both):
        each["row"] = row
    assert score(both, many, progress=False).splits == score(predict(0), many, progress=False).splits
    both[4]["row"] = 10**6
    with pytest.raises(InputError, match=r"prediction 5: its row is 1000000, and ref_id \d+, sent_id \d+ is row \d+"):
        score(both, many, progress=False)
    both[4]["row"] = int(many.rows("val")[5])
    with pytest.raises(InputError, match=r"prediction 5: its row is \d+, and ref_id \d+, sent_id \d+ is row \d+"):
        score(both, many, progress=False)


def test_systems_with_and_without_scores_compare_only_by_their_masks(many, predict):
    other = predict(1, scores=False)
    with pytest.raises(InputError, match="give --decided-by pixels50"):
        score(predict(0), many, compare=other, progress=False)
    both = score(predict(0), many, compare=other, decided_by="pixels50", progress=False).splits["val"].protocols["rela"]
    alone = score(other, many, progress=False).splits["val"].protocols["rela"]
    for name, less in both.differences.items():
        assert both.metrics[name].value - less.value == pytest.approx(alone.metrics[name].value), name
    score(predict(0), many, compare=other, protocols=["refzom"], progress=False)  # which asks for no score


def test_what_is_missing_in_the_other_predictions_is_said_too(many, predict):
    report = score(predict(0), many, compare=predict(1)[10:], missing="nothing", progress=False)
    assert report.matching["missing"] == 0
    assert report.matching_of_other["missing"] == 10
    assert "240 expressions, 10 missing" in report.to_text()
    assert "240 expressions, 10 missing" in report.to_markdown()


def test_counts_compare_if_their_rules_make_no_difference(many, predict, tmp_path):
    path = tmp_path / "both.parquet"
    measure(predict(1), many, protocols=rules_of(["rela", "gsva"]), missing="nothing", progress=False).write(path)
    found = score(predict(0), many, compare=predict(1), progress=False)
    one = tmp_path / "one.parquet"
    measure(predict(0), many, protocols=rules_of(["rela"]), progress=False).write(one)
    assert score(one, many, compare=path).splits == found.splits


def test_height_and_width_in_the_wrong_order_are_told(many, predict):
    turned = predict(0)
    for each in turned:
        if each["segmentation"]:
            each["segmentation"] = masks.encode(masks.decode(each["segmentation"]).T)
    with pytest.raises(InputError, match="width and height are swapped"):
        score(turned, many, progress=False)


# Comparison, shards, files.


def test_the_difference_to_itself_is_zero_without_doubt(many, predict):
    found = score(predict(0), many, compare=predict(0), progress=False).splits["val"].protocols["rela"]
    assert all((each.value, each.low, each.high) == (0, 0, 0) for each in found.differences.values())


def test_a_better_system_is_better_for_certain(many, predict):
    good = predict(0)
    for each in good:
        row = next(r for r in range(len(many)) if many.expression(r).sent_id == each["sent_id"])
        mask = many.mask(row)
        each.update(segmentation=masks.encode(mask) if mask.any() else None, score=float(mask.any()))
    report = score(good, many, compare=predict(0), progress=False)
    outcome = report.splits["val"].protocols["rela"]
    assert outcome.differences["gIoU"].low > 0
    assert outcome.differences["gIoU"].value == pytest.approx(
        outcome.metrics["gIoU"].value - values(score(predict(0), many, progress=False), "rela")["gIoU"]
    )


def test_other_expressions_do_not_compare(many, predict):
    with pytest.raises(InputError, match="are not the same ones"):
        score(predict(0), many, compare=predict(0)[5:], missing="skip", progress=False)


@pytest.mark.parametrize("total", [2, 3, 7])
def test_shards_merge_exactly(many, predict, tmp_path, total):
    rules, paths = rules_of(["rela", "gsva"]), []
    more = [*predict(0), {"row": 10**6, "segmentation": None, "score": 0.5}]
    for number in range(1, total + 1):
        part = measure(more, many, protocols=rules, shard=Shard(number, total), unknown="ignore", progress=False)
        paths.append(tmp_path / f"{number}.parquet")
        part.write(paths[-1])
    whole = score(more, many, protocols=["rela", "gsva"], unknown="ignore", progress=False)
    assert score(paths[::-1], many, protocols=["rela", "gsva"]) == whole
    for given in ([*paths, paths[0]], paths[1:], paths[:1]):
        with pytest.raises(InputError, match=f"give each of the {total} exactly once"):
            score(given, many)
    with pytest.raises(InputError, match="splits was decided when the pixels were counted"):
        score(paths, many, splits=["val"])


def test_counts_at_one_size_do_not_serve_a_protocol_of_another(many, predict, tmp_path):
    path = tmp_path / "square.parquet"
    measure(predict(0), many, protocols=rules_of(["rela"]), progress=False).write(path)
    with pytest.raises(InputError, match="has no counts for gsva: count with --protocol gsva"):
        score(path, many, protocols=["gsva"])


def test_counts_of_two_scorings_do_not_merge(many, predict, tmp_path):
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for path, options, number in zip(paths, ({}, {"resize": "area"}), (1, 2)):
        measure(
            predict(0), many, protocols=rules_of(["rela"]), shard=Shard(number, 2), progress=False, **options
        ).write(path)
    with pytest.raises(InputError, match="Two shards differ in their rules: merge the shards of one scoring"):
        score(paths, many)


def test_shards_of_two_models_in_files_of_one_name_do_not_merge(many, predict, tmp_path):
    paths = []
    for number, model in ((1, 0), (2, 1)):
        source = tmp_path / str(model) / "predictions.json"
        source.parent.mkdir()
        source.write_text(json.dumps(predict(model)))
        paths.append(source.with_suffix(".parquet"))
        measure(source, many, protocols=rules_of(["rela"]), shard=Shard(number, 2), progress=False).write(paths[-1])
    with pytest.raises(InputError, match="Two shards differ in their predictions"):
        score(paths, many)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"{}"])
def test_files_that_hold_no_counts_are_told(many, tmp_path, content):
    path = tmp_path / "x.parquet"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.parquet holds no pixel counts of grisq score"):
        score(path, many)


def test_several_files_must_be_counts(many, tmp_path):
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("[]")
    with pytest.raises(InputError, match=r"Several files can be merged only if all end in \.parquet"):
        score([tmp_path / "a.json", tmp_path / "b.json"], many)


def test_files_are_read_as_lists_in_memory_are(many, predict, tmp_path):
    predictions = predict(0)
    expected = score(predictions, many, progress=False).splits
    (tmp_path / "list.json").write_text(json.dumps(predictions, indent=2))
    (tmp_path / "lines.jsonl").write_text("".join(json.dumps(each) + "\n\n" for each in predictions))
    folder = tmp_path / "parts"
    folder.mkdir()
    for part in range(3):
        (folder / f"{part}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in predictions[part::3]))
    for source in (tmp_path / "list.json", str(tmp_path / "lines.jsonl"), folder):
        assert score(source, many, progress=False).splits == expected, source
    png = tmp_path / "png"
    png.mkdir()
    for each in predictions:
        row = next(r for r in range(len(many)) if many.expression(r).sent_id == each["sent_id"])
        info = many.image(many.expression(row).image_id)
        mask = masks.decode(each["segmentation"]) if each["segmentation"] else np.zeros((info.height, info.width), bool)
        Image.fromarray(mask.astype(np.uint8) * 255).save(png / f"{each['ref_id']}_{each['sent_id']}.png")
    scores = {f"{each['ref_id']}_{each['sent_id']}": each["score"] for each in predictions}
    (png / "presence.json").write_text(json.dumps(scores))
    assert score(png, many, progress=False).splits == expected
