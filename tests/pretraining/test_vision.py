"""Swin's pretraining: it learns, it resumes bit for bit, and its losses are those of a naive loop."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from grisq.config import preset
from grisq.data.sample import normalize
from grisq.pretraining.labels import BACKGROUND, IGNORED, Labeled, LabeledPictures, Names
from grisq.pretraining.schedule import PretrainConfig, key_of
from grisq.pretraining.trunks import SwinTrunk
from grisq.pretraining.vision import PretextModel, loss_of, present, pretrain_trunk

SHORT = PretrainConfig(steps=6, batch=4, lr=2e-3, weight_decay=0.05, warmup=2, save_every=3)


@pytest.fixture(scope="session")
def small(model_config):
    """The preset `tiny` at the sizes of the small model."""
    return dataclasses.replace(preset("tiny"), model=model_config)


@pytest.fixture(scope="module")
def names(mini):
    return Names.of(mini)


@pytest.fixture(scope="module")
def pictures(mini, names):
    return LabeledPictures(mini, np.array([info.image_id for info in mini.images()]), names, 64)


def batch_of(pictures, count):
    return Labeled(*default_collate([pictures[i, False] for i in range(count)]))


@pytest.mark.parametrize("pretext", ["dense", "image"])
def test_forty_steps_learn_the_pictures_they_see(model_config, pictures, names, pretext):
    model = PretextModel(SwinTrunk(model_config.swin, 64), names, pretext)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    batch = batch_of(pictures, 4)
    losses = []
    for _ in range(40):
        loss = loss_of(model(normalize(batch.images, batch.valid), batch.valid), batch, pretext)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_the_dense_loss_is_the_weighted_mean_of_its_positions(model_config, pictures, names):
    batch = batch_of(pictures, 2)
    classes = torch.randn(*batch.classes.shape, len(names.classes) + 1, dtype=torch.float64)
    colors = torch.randn(*batch.colors.shape, len(names.colors), dtype=torch.float64)
    total = weight = of_colors = seen = 0.0
    for logits, shade, label, color in zip(
        classes.flatten(0, 2), colors.flatten(0, 2), batch.classes.flatten().tolist(), batch.colors.flatten().tolist()
    ):
        if label != IGNORED:
            factor = 0.3 if label == BACKGROUND else 1.0
            total -= factor * logits.log_softmax(0)[label].item()
            weight += factor
        if color != IGNORED:
            of_colors -= shade.log_softmax(0)[color].item()
            seen += 1
    found = loss_of((classes, colors), batch, "dense").item()
    assert math.isclose(found, total / weight + 0.7 * of_colors / seen, rel_tol=1e-9)


def test_what_occurs_in_a_picture_is_present():
    labels = torch.tensor([[[0, 2], [IGNORED, 2]], [[IGNORED, IGNORED], [IGNORED, 1]]])
    assert present(labels, 4).tolist() == [[1, 0, 1, 0], [0, 1, 0, 0]]


def test_a_stopped_pretraining_resumes_bit_for_bit(small, pictures, names, tmp_path, monkeypatch):
    whole, accuracy = pretrain_trunk(
        "swin", small, pictures, pictures, names, SHORT, tmp_path / "whole.pt", progress=False
    )
    saved = PretrainConfig.save_if_due

    def stop_after_saving(self, state, key, step, model, optimizer):
        saved(self, state, key, step, model, optimizer)
        if step == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(PretrainConfig, "save_if_due", stop_after_saving)
    arguments = ("swin", small, pictures, pictures, names, SHORT, tmp_path / "parts.pt")
    with pytest.raises(KeyboardInterrupt):
        pretrain_trunk(*arguments, progress=False)
    monkeypatch.setattr(PretrainConfig, "save_if_due", saved)
    again, same = pretrain_trunk(*arguments, progress=False)
    assert accuracy == same
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_a_state_of_another_key_is_not_resumed(model_config, names, tmp_path):
    model = PretextModel(SwinTrunk(model_config.swin, 64), names, "dense")
    optimizer = torch.optim.AdamW(model.parameters())
    SHORT.save_if_due(tmp_path / "state.pt", key_of(SHORT, "dense"), 3, model, optimizer)
    assert SHORT.resume(tmp_path / "state.pt", key_of(SHORT, "dense"), model, optimizer) == 3
    other = key_of(dataclasses.replace(SHORT, lr=1e-4), "dense")
    assert SHORT.resume(tmp_path / "state.pt", other, model, optimizer) == 0


def test_another_pretext_and_other_data_begin_anew(small, pictures, names, tmp_path, monkeypatch):
    """Both would fit the schedule of the finished state."""
    done = []
    resume = PretrainConfig.resume
    monkeypatch.setattr(PretrainConfig, "resume", lambda *given: done.append(resume(*given)) or done[-1])

    def train(pretext):
        pretrain_trunk(
            "swin", small, pictures, pictures, names, SHORT, tmp_path / "s.pt", pretext=pretext, progress=False
        )

    for pretext in ("dense", "dense", "image"):
        train(pretext)
    monkeypatch.setattr(pictures.data, "content_hash", "of other data")
    train("image")
    assert done == [0, SHORT.steps, 0, 0]
