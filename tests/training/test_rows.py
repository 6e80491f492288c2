"""What is trained on, what is evaluated, what may choose: a partition by pictures, the same one every time."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grisq import checkpoint
from grisq.config import TrainConfig
from grisq.data import grefcoco
from grisq.data.layout import REFS
from grisq.runtime.errors import InputError
from grisq.training.history import read_history
from grisq.training.loader import step_batches
from grisq.training.rows import choose_rows, hold_out
from grisq.training.trainer import Trainer, train

OPTIONS = {"device": "cpu", "progress": False}


@st.composite
def expressions(draw):
    """Pictures with one to five expressions each, of any scenarios."""
    of_picture = draw(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=5), min_size=2, max_size=40))
    ids = draw(st.permutations(range(100, 100 + len(of_picture))))
    image_ids = [image for image, counts in zip(ids, of_picture) for _ in counts]
    return np.array(image_ids), np.array([count for counts in of_picture for count in counts])


@settings(deadline=None)
@given(expressions(), st.floats(0.01, 0.99))
def test_a_holdout_divides_pictures_and_leaves_every_scenario_on_both_sides(given_expressions, share):
    image_ids, counts = given_expressions
    try:
        held = hold_out(image_ids, counts, share)
    except InputError:
        return
    assert not set(image_ids[held]) & set(image_ids[~held])
    assert len(set(image_ids[held])) == round(share * len(set(image_ids)))
    for side in (held, ~held):
        assert set(np.minimum(counts[side], 2)) == {0, 1, 2}
    order = np.random.default_rng(0).permutation(len(counts))
    assert np.array_equal(hold_out(image_ids[order], counts[order], share), held[order])


def test_a_holdout_is_possible_wherever_pictures_have_everything():
    image_ids, counts = np.repeat(np.arange(10), 3), np.tile([0, 1, 3], 10)
    for share in (0.1, 0.3, 0.5, 0.9):
        assert hold_out(image_ids, counts, share).sum() == round(30 * share)


@pytest.mark.parametrize(
    ("counts", "share", "sentence"),
    [
        ([0, 1, 2] * 4, -0.1, "is a share"),
        ([0, 1, 2] * 4, 1.0, "is a share"),
        ([0, 1, 2] * 4, float("nan"), "is a share"),
        ([0, 1, 2] * 4, 0.1, "holds out 1 of 12 train pictures"),
        ([0, 1, 2] * 4, 0.95, "holds out 11 of 12 train pictures"),
        ([1, 2] * 6, 0.5, "no no-target expression"),
        ([0, 1] * 6, 0.5, "no multi-target expression"),
    ],
)
def test_what_cannot_be_held_out_is_one_sentence(counts, share, sentence):
    with pytest.raises(InputError, match=sentence):
        hold_out(np.arange(len(counts)), np.array(counts), share)


def test_without_a_holdout_val_is_evaluated_and_chooses_nothing(small, mini, tmp_path):
    rows = choose_rows(mini, replace(small.train, eval_samples=10_000))
    assert np.array_equal(rows.train, mini.rows("train"))
    assert np.array_equal(rows.evaluation, mini.rows("val"))
    assert not rows.chooses
    train(small, mini, tmp_path / "run", **OPTIONS)
    assert sorted(path.name for path in (tmp_path / "run").iterdir() if path.is_dir()) == ["last", "tensorboard"]


def test_held_out_pictures_are_not_trained_on_and_choose_best(small, mini, tmp_path):
    config = replace(small.train, holdout=0.25, eval_samples=10_000)
    rows = choose_rows(mini, config)
    assert rows.chooses
    assert np.array_equal(np.sort(np.concatenate([rows.train, rows.evaluation])), mini.rows("train"))
    assert not set(mini.image_ids[rows.train]) & set(mini.image_ids[rows.evaluation])
    trainer = Trainer(replace(small, train=config), mini, tmp_path / "run", **OPTIONS)
    batches = step_batches(trainer.preset, trainer.reader, trainer.rows, trainer.accelerator, seed=0, start=0, stop=60)
    assert {sample.row for batch in batches for sample in batch.samples} - {-1} == set(rows.train.tolist())
    trainer.run()
    history = read_history(tmp_path / "run", "eval")
    assert history[0]["n_no_target"] + history[0]["n_single"] + history[0]["n_multi"] == len(rows.evaluation)
    about = checkpoint.load(tmp_path / "run" / "best").about
    assert about[checkpoint.HOLDOUT_SCORE] == max(record["gIoU"] for record in history)


def test_the_vocabulary_comes_from_what_is_trained_on(small, mini, tmp_path):
    config = replace(small.train, holdout=0.5)
    trainer = Trainer(replace(small, train=config), mini, tmp_path / "run", **OPTIONS)
    whole = Trainer(small, mini, tmp_path / "whole", **OPTIONS)
    texts = [mini.expression(int(row)).text for row in trainer.rows.train]
    words = {word for text in texts for word in text.split()}
    unseen = {mini.expression(int(row)).text for row in mini.rows("train")} - set(texts)
    only_held = {word for text in unseen for word in text.split() if word not in words and word.isalpha()}
    assert only_held
    ids = [trainer.reader.tokenizer.encode(word, 20) for word in only_held]
    assert ids != [whole.reader.tokenizer.encode(word, 20) for word in only_held]


def test_a_few_evaluation_samples_are_of_every_scenario(small, mini):
    rows = choose_rows(mini, replace(small.train, holdout=0.5, eval_samples=9))
    assert len(rows.evaluation) == 9
    assert set(np.minimum(mini.target_counts[rows.evaluation], 2)) == {0, 1, 2}


def renamed(mini_root, root, names):
    """A copy of the set whose splits have other names: somebody's own splits, or too few pictures for all of them."""
    shutil.copytree(mini_root, root)
    refs = json.loads((root / REFS).read_text(encoding="utf-8"))
    for ref in refs:
        ref["split"] = names.get(ref["split"], "test")
    (root / REFS).write_text(json.dumps(refs), encoding="utf-8")
    return grefcoco.load(root)


@pytest.fixture
def without_val(mini_root, tmp_path):
    return renamed(mini_root, tmp_path / "set", {"train": "train"})


def test_training_without_val_goes_without_evaluation_and_says_so_once(small, without_val, tmp_path, capsys):
    assert without_val.splits == ("train", "test")
    train(small, without_val, tmp_path / "run", **OPTIONS)
    assert checkpoint.load(tmp_path / "run").about["step"] == 6
    assert read_history(tmp_path / "run", "eval") == []
    assert capsys.readouterr().out.count("has no val split: training goes without periodic evaluation") == 1
    held = replace(small, train=replace(small.train, holdout=0.2))
    train(held, without_val, tmp_path / "held", **OPTIONS)
    assert len(read_history(tmp_path / "held", "eval")) == 2


def test_no_train_split_is_one_sentence_before_anything_is_written(small, mini_root, tmp_path):
    data = renamed(mini_root, tmp_path / "set", {"val": "val"})
    with pytest.raises(InputError, match="no split 'train'"):
        train(small, data, tmp_path / "run", **OPTIONS)
    assert not (tmp_path / "run").exists()


def test_no_preset_holds_anything_out():
    assert TrainConfig().holdout == 0
