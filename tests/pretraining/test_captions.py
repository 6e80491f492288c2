"""Captions: the next piece is predicted from the picture and the pieces before it, and LISA starts from the result."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from grisq.data.sample import Collate
from grisq.models.gsva import GSVA
from grisq.models.layers.llava import LLaVA
from grisq.models.lisa import LISA
from grisq.pretraining.captions import describe, pretrain_captions
from grisq.pretraining.schedule import PretrainConfig
from grisq.runtime.errors import InputError

SCHEDULE = PretrainConfig(steps=6, batch=4, lr=1e-3, weight_decay=0.01, warmup=1, save_every=3)


@pytest.fixture(scope="module")
def config(model_config, small_systems):
    return replace(model_config, system="lisa", **small_systems)


@pytest.fixture(scope="module")
def batch(mini, reader):
    return Collate(reader.tokenizer.pad_id)([reader.read(int(row)) for row in mini.rows("train")[:4]])


def test_every_piece_after_the_first_is_asked_for_with_the_picture_in_view(config, batch):
    model = LLaVA(config.lisa.vision_tower, config.text, 0).eval()
    loss, (right, pieces) = describe(model, batch)
    assert pieces == int(batch.token_mask[:, 1:].sum())
    assert 0 <= right <= pieces
    other = replace(batch, images=255 - batch.images)
    assert not torch.isclose(describe(model, other)[0], loss)


def test_a_finished_pretraining_is_kept_and_lisa_starts_from_it(config, reader, tmp_path):
    whole, right = pretrain_captions(config, reader, SCHEDULE, tmp_path / "whole.pt", progress=False)
    assert 0 <= right <= 1
    again, _ = pretrain_captions(config, reader, SCHEDULE, tmp_path / "whole.pt", progress=False)  # nothing is left
    assert all(torch.equal(value, again[key]) for key, value in whole.items())
    save_file({key: value.contiguous() for key, value in whole.items()}, tmp_path / "llava.safetensors")
    lisa = replace(config.lisa, aligned=str(tmp_path / "llava.safetensors"))
    aligned = replace(config, lisa=lisa, text=replace(config.text, pretrained="a tokenizer"))
    for system in (LISA, GSVA):
        model = system(aligned)
        assert len(model.load_pretrained()) == 1
        words = model.llava.language_model.get_input_embeddings().weight
        assert torch.equal(words[: -system.new_words], whole["language_model.model.embed_tokens.weight"])
        assert torch.equal(model.llava.projector.weight, whole["projector.weight"])
        assert model.backbones["llava.projector."] == model.backbones["llava.vision_tower."] == aligned.lisa.aligned


def test_a_few_steps_lower_the_loss(config, batch):
    model = LLaVA(config.lisa.vision_tower, config.text, 0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(20):
        loss, _ = describe(model, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_weights_of_another_width_are_refused(config, tmp_path):
    wider = replace(config.text, hidden=2 * config.text.hidden)
    weights = LLaVA(config.lisa.vision_tower, wider, 0).state_dict()
    save_file({key: value.contiguous() for key, value in weights.items()}, tmp_path / "wide.safetensors")
    lisa = replace(config.lisa, aligned=str(tmp_path / "wide.safetensors"))
    aligned = replace(config, lisa=lisa, text=replace(config.text, pretrained="a tokenizer"))
    with pytest.raises(InputError, match=r"The LLaVA weights .*wide\.safetensors' do not fit"):
        GSVA(aligned).load_pretrained()
