"""The ways in which one system alone can be evaluated."""

from dataclasses import replace

import pytest
import torch

from grisq.checkpoint import Checkpoint
from grisq.data.sample import SampleReader
from grisq.evaluation.variants import variants
from grisq.models.gsva import GSVA
from grisq.models.mattnet import MAttNet
from grisq.models.registry import SYSTEMS, build_model


@pytest.fixture
def loaded(model_config, small_systems, reader):
    def of(system):
        model = build_model(replace(model_config, system=system, **small_systems)).eval()
        return Checkpoint(model, reader.tokenizer, {"preset": {"name": "test"}, "seed": 0, "step": 1})

    return of


@pytest.mark.parametrize("system", sorted(set(SYSTEMS) - {"mattnet", "gsva"}))
def test_the_others_have_none(system, loaded, mini):
    assert variants(loaded(system), mini, "val", device="cpu", progress=False) == {}


def test_mattnet_on_annotated_objects_and_made_to_answer(loaded, mini):
    checkpoint = loaded("mattnet")
    before = checkpoint.model.config
    with torch.no_grad():
        checkpoint.model.tau.fill_(-2.0)  # below every score: each object is meant
    found = variants(checkpoint, mini, "val", device="cpu", progress=False)
    assert set(found) == {"annotated objects", "always answering"}
    assert found["annotated objects"]["T-acc"] == 100
    assert found["annotated objects"]["N-acc"] == 0
    assert isinstance(checkpoint.model, MAttNet)
    assert checkpoint.model.config == before


def test_a_conversation_covers_every_expression_picture_by_picture(loaded, mini, monkeypatch):
    asked = []

    def converse(self, image, valid, tokens, token_mask, answers=None):
        asked.append(len(tokens))
        return torch.zeros(len(tokens)) if answers is None else answers.float()

    monkeypatch.setattr(GSVA, "converse", converse)
    found = variants(loaded("gsva"), mini, "val", device="cpu", progress=False)
    assert found["conversation, own answers"] == {"N-acc": 100, "T-acc": 0}
    assert found["conversation, true answers"] == {"N-acc": 100, "T-acc": 100}
    assert sum(asked) == 2 * len(mini.rows("val"))
    assert len(asked) == 2 * len(set(mini.image_ids[mini.rows("val")].tolist()))


def test_an_expression_that_comes_twice_does_not_see_its_own_answer(loaded, mini, monkeypatch):
    """With the true answers in view it would only have to look back."""
    asked = []

    def converse(self, image, valid, tokens, token_mask, answers=None):
        asked.append(len(tokens))
        return torch.zeros(len(tokens))

    monkeypatch.setattr(GSVA, "converse", converse)
    checkpoint = loaded("gsva")
    read = SampleReader.read
    monkeypatch.setattr(SampleReader, "read", lambda self, row: replace(read(self, row), text="the same"))
    variants(checkpoint, mini, "val", device="cpu", progress=False)
    assert asked == [1] * 2 * len(mini.rows("val"))
