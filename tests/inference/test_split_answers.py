"""Answers to whole splits: what `grisq score` makes of them is what `grisq eval` measures, shard by shard."""

import json
import shutil
from copy import deepcopy
from dataclasses import replace

import pytest

from grisq import checkpoint
from grisq.data import grefcoco
from grisq.evaluation import score
from grisq.evaluation.checkpoints import evaluate_loaded
from grisq.inference.fingerprint import fingerprint, keep_settings
from grisq.inference.split_answers import answer_splits
from grisq.models.lavt import LAVT
from grisq.runtime.errors import InputError
from grisq.runtime.shard import Shard

BATCH = 5


@pytest.fixture
def loaded(model, reader, with_large_weights):
    with_large_weights(model)
    return checkpoint.Checkpoint(
        model, reader.tokenizer, {"preset": {"name": "t"}, "seed": 0, "step": 1, "provenance": None}
    )


def answer(loaded, mini, out, **options):
    return answer_splits(
        loaded, mini, out, splits=["val", "testA"], batch=BATCH, device="cpu", progress=False, **options
    )


@pytest.mark.parametrize("protocol", ["rela", "gsva", "original"])
def test_the_round_trip_equals_the_evaluation_to_the_last_digit(loaded, mini, tmp_path, protocol):
    answer(loaded, mini, tmp_path, masks_for=protocol)
    report = score(tmp_path, mini, protocols=[protocol], progress=False)
    measured = evaluate_loaded(
        loaded, mini, splits=["val", "testA"], protocols=[protocol], batch=BATCH, device="cpu", progress=False
    )
    for split, outcome in measured["results"].items():
        found = report.splits[split].protocols[protocol].metrics
        assert len(found) >= 7
        for name, value in found.items():
            assert value.value == outcome["protocols"][protocol][name], (split, name)
        assert 0 < found["gIoU"].value < 100


def test_a_model_without_presence_head_is_decided_by_its_masks_on_both_ways(
    model_config, small_systems, reader, mini, tmp_path, with_large_weights
):

    model = LAVT(replace(model_config, system="lavt", lavt=small_systems["lavt"])).eval()
    with_large_weights(model)
    loaded = checkpoint.Checkpoint(model, reader.tokenizer, {"preset": {"name": "t"}, "seed": 0, "step": 1})
    loaded.about["provenance"] = None
    path = answer(loaded, mini, tmp_path)
    assert "score" not in json.loads(path.read_text().splitlines()[0])
    found = score(tmp_path, mini, progress=False).splits["val"].protocols["rela"]
    wanted = evaluate_loaded(loaded, mini, splits=["val"], batch=BATCH, device="cpu", progress=False)
    for name, value in found.metrics.items():
        expected = wanted["results"]["val"]["protocols"]["rela"][name]
        assert value.value == expected or (value.value is None and expected != expected)


@pytest.mark.parametrize("total", [2, 3])
def test_shards_are_the_whole_cut_in_pieces(loaded, mini, tmp_path, total):
    whole = answer(loaded, mini, tmp_path / "whole").read_text()
    parts = [answer(loaded, mini, tmp_path / "parts", shard=Shard(i, total)).read_text() for i in range(1, total + 1)]
    assert "".join(parts) == whole
    assert all(parts)
    assert (
        score(tmp_path / "parts", mini, progress=False).splits == score(tmp_path / "whole", mini, progress=False).splits
    )


def test_more_shards_than_batches_leave_some_empty(loaded, mini, tmp_path):
    paths = [answer(loaded, mini, tmp_path, shard=Shard(i, 40)) for i in (1, 2, 40)]
    assert all(path.is_file() for path in paths)
    for number in range(1, 41):
        answer(loaded, mini, tmp_path, shard=Shard(number, 40))
    assert any(not path.stat().st_size for path in tmp_path.glob("*.jsonl"))
    whole = answer(loaded, mini, tmp_path / "whole").parent
    assert score(tmp_path, mini, progress=False).splits == score(whole, mini, progress=False).splits


def test_of_two_models_that_start_at_once_one_is_refused(loaded, mini, tmp_path):
    other = replace(loaded, model=deepcopy(loaded.model))
    next(iter(other.model.parameters())).data.add_(1)
    keep = {"model": fingerprint(loaded.model, loaded.tokenizer)}
    keep_settings(keep, tmp_path, Shard(1, 2))
    with pytest.raises(InputError, match=r"holds answers with other settings \(model; see settings-00001"):
        keep_settings({"model": fingerprint(other.model, loaded.tokenizer)}, tmp_path, Shard(2, 2))


def test_a_killed_run_resumes_and_repeats_nothing(loaded, mini, tmp_path, monkeypatch):
    path = answer(loaded, mini, tmp_path)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: BATCH + 2]) + lines[BATCH + 2][:20])  # in the middle of the second batch
    asked, original = [], loaded.model.forward
    monkeypatch.setattr(loaded.model, "forward", lambda *args: asked.append(len(args[2])) or original(*args))
    assert answer(loaded, mini, tmp_path).read_bytes() == whole
    assert sum(asked) == len(lines) - BATCH
    asked.clear()
    assert answer(loaded, mini, tmp_path).read_bytes() == whole
    assert not asked


def test_answers_of_two_models_or_settings_do_not_mix(loaded, mini, tmp_path):
    answer(loaded, mini, tmp_path)
    with pytest.raises(InputError, match=r"other settings \(masks; see settings\.json"):
        answer(loaded, mini, tmp_path, masks_for="original")
    with pytest.raises(InputError, match=r"other settings \(shards; see settings\.json"):
        answer(loaded, mini, tmp_path, shard=Shard(1, 2))
    answer(loaded, mini, tmp_path)  # what was refused left nothing behind
    loaded.model.state_dict()[next(iter(loaded.model.state_dict()))].add_(1)
    with pytest.raises(InputError, match=r"other settings \(model"):
        answer(loaded, mini, tmp_path)


def test_answers_to_other_expressions_are_told(loaded, mini, tmp_path):
    path = answer(loaded, mini, tmp_path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[::-1]))
    with pytest.raises(InputError, match=r"holds answers to other expressions \(line 1\)"):
        answer(loaded, mini, tmp_path)


def test_a_missing_picture_ends_the_run_and_keeps_what_was_answered(loaded, mini_root, tmp_path):

    root = tmp_path / "copy"
    shutil.copytree(mini_root, root)
    data = grefcoco.load(root)
    rows = data.rows("val")
    data.image_path(data.expression(int(rows[-1])).image_id).unlink()
    with pytest.raises(InputError, match="does not exist"):
        answer(loaded, data, tmp_path / "out")
    kept = (tmp_path / "out" / "predictions.jsonl").read_text().splitlines()
    assert len(kept) >= BATCH
    assert len(kept) % BATCH == 0


@pytest.mark.parametrize("text", ["3", "1/0", "2/1", "a/b", "-1/2", "1/²"])
def test_shards_are_named_by_two_numbers(text):
    with pytest.raises(InputError, match="shard"):
        Shard.read(text)


def test_every_place_is_in_one_shard():
    for total in (1, 2, 3, 7):
        for length in (0, 1, 6, 20):
            places = [place for i in range(1, total + 1) for place in Shard(i, total).take(length)]
            assert places == list(range(length))
