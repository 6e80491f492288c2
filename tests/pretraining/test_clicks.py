"""Clicks: SAM's mask decoder draws what a click stands on, over an encoder that does not change."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import SamModel

from grisq.models.layers.prompted_mask_decoder import PromptedMaskDecoder
from grisq.models.lisa import LISA
from grisq.pretraining.clicks import CLICKS, ask, draw, embed_pictures, pretrain_clicks
from grisq.pretraining.schedule import PretrainConfig

SCHEDULE = PretrainConfig(steps=4, batch=2, lr=1e-3, weight_decay=0.01, warmup=1, save_every=2)


@pytest.fixture(scope="module")
def config(model_config, small_systems):
    return replace(model_config, system="lisa", **small_systems)


@pytest.fixture
def decoder(config):
    return PromptedMaskDecoder(config.lisa.sam, config.image_size, config.text.hidden).eval()


@pytest.fixture
def pictures(decoder, mini, config):
    ids = np.unique(mini.image_ids[mini.rows("train")])[:3]
    return embed_pictures(decoder, mini, ids, config.image_size, progress=False)


def test_a_click_is_read_as_sam_reads_it(decoder, config):
    """transformers' own prompt encoder with our weights; it adds half a pixel, and a second token for "no box"."""
    side, sam = config.image_size, decoder.sam
    truth = SamModel(sam.config).eval()
    truth.load_state_dict(sam.state_dict(), strict=False)
    truth.prompt_encoder.shared_embedding = truth.shared_image_embedding
    image, places = torch.randn(1, 3, side, side), torch.tensor([[[20.5, 33.5], [50.5, 7.5]]])
    before = places.clone()
    with torch.no_grad():
        embedded = decoder.embed(image, None)
        found = draw(decoder, embedded, places)
        points, dense = truth.prompt_encoder(
            places[:, :, None] - 0.5, torch.ones(1, 2, 1, dtype=torch.long), None, None
        )
        expected, _ = truth.mask_decoder(
            image_embeddings=embedded,
            image_positional_embeddings=truth.get_image_wide_positional_embeddings(),
            sparse_prompt_embeddings=points[:, :, :1],
            dense_prompt_embeddings=dense,
            multimask_output=False,
        )
    torch.testing.assert_close(found, expected[:, :, 0])
    assert torch.equal(places, before)


def test_another_encoder_begins_anew(decoder, config, mini, tmp_path):
    """Else the decoder of the old encoder would be kept beside the new one."""
    encoder = decoder.sam.vision_encoder.state_dict()
    state = tmp_path / "state.pt"
    first, _ = pretrain_clicks(config, encoder, mini, SCHEDULE, state, progress=False)
    other = {name: value + 0.1 for name, value in encoder.items()}
    second, _ = pretrain_clicks(config, other, mini, SCHEDULE, state, progress=False)
    assert all(torch.equal(second[f"vision_encoder.{name}"], value) for name, value in other.items())
    assert not torch.equal(second["mask_decoder.mask_tokens.weight"], first["mask_decoder.mask_tokens.weight"])


def test_every_click_stands_on_the_object_that_is_wanted(decoder, pictures, monkeypatch):
    seen = {}

    def remember(decoder, embedded, places):
        seen["places"] = places
        return torch.zeros(*places.shape[:2], 16, 16)

    monkeypatch.setattr("grisq.pretraining.clicks.draw", remember)
    monkeypatch.setattr(
        "grisq.pretraining.clicks.dice_loss", lambda logits, masks: seen.update(masks=masks) or torch.zeros(len(masks))
    )
    ask(decoder, pictures, np.array([0, 2, 1]), np.random.default_rng(0))
    places, masks = seen["places"].flatten(0, 1), seen["masks"]
    assert len(places) == 3 * CLICKS
    for (x, y), mask in zip(places.tolist(), masks):
        assert mask[int(y) // 4, int(x) // 4]


def test_a_finished_training_is_kept_and_lisa_starts_from_it(config, decoder, mini, tmp_path):
    encoder = decoder.sam.vision_encoder.state_dict()
    arguments = (config, encoder, mini, SCHEDULE, tmp_path / "clicks.pt")
    whole, iou = pretrain_clicks(*arguments, progress=False)
    assert 0 <= iou <= 1
    again, _ = pretrain_clicks(*arguments, progress=False)  # nothing is left
    assert all(torch.equal(value, again[key]) for key, value in whole.items())
    assert all(torch.equal(value, whole[f"vision_encoder.{key}"]) for key, value in encoder.items())
    save_file({key: value.contiguous() for key, value in whole.items()}, tmp_path / "sam.safetensors")
    sam = replace(config.lisa.sam, pretrained=str(tmp_path / "sam.safetensors"))
    model = LISA(replace(config, lisa=replace(config.lisa, sam=sam)))
    assert len(model.load_pretrained()) == 1
    loaded = model.decoder.sam.state_dict()
    assert all(torch.equal(value, loaded[key]) for key, value in whole.items())


def test_a_few_steps_lower_the_loss(decoder, pictures):
    decoder.train()
    optimizer = torch.optim.AdamW(decoder.sam.mask_decoder.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        loss, _ = ask(decoder, pictures, np.arange(len(pictures.masks)), np.random.default_rng(0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
