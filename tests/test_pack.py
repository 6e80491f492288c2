from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from grisq import checkpoint
from grisq.config import Preset, TrainConfig
from grisq.errors import InputError
from grisq.files import read_json
from grisq.pack import CARD, MEASURED, pack
from grisq.train import train


@pytest.fixture(scope="module")
def run(mini, tmp_path_factory):
    from grisq.config import ModelConfig, SwinConfig, TextConfig

    small = ModelConfig(
        image_size=64,
        swin=SwinConfig(embed_dim=16, depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2), window=4, drop_path=0.0),
        text=TextConfig(hidden=24, layers=1, heads=2, intermediate=32, vocabulary=200, dropout=0.0),
        channels=16,
        blocks=1,
        heads=2,
        points=2,
        feedforward=32,
        mask_mlp_at="quarter",
    )
    config = TrainConfig(batch=4, steps=2, lr=1e-3, lr_backbone=1e-3, eval_every=2, eval_samples=4, workers=0)
    folder = tmp_path_factory.mktemp("runs") / "first"
    train(Preset("mine", None, small, train=config), mini, folder, progress=False)
    return folder


def test_a_packed_model_is_half_as_large_and_says_the_same(run, mini_root, tmp_path):
    out = pack(run, tmp_path / "mine", trained_on=mini_root, note="For testing.", progress=False)
    before, after = load_file(run / "best" / checkpoint.WEIGHTS), load_file(out / checkpoint.WEIGHTS)
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        if tensor.is_floating_point():
            assert after[name].dtype == torch.float16
            torch.testing.assert_close(after[name].float(), tensor, atol=1e-4, rtol=1e-3)
    loaded = checkpoint.load(out)
    assert next(loaded.model.parameters()).dtype == torch.float32
    measured = read_json(out / MEASURED)
    assert measured["results"]["val"]["protocols"]["rela"]["n_single"] > 0


def test_the_card_says_what_it_was_trained_on_and_is_not_for(run, mini, mini_root, tmp_path):
    card = (pack(run, tmp_path / "mine", trained_on=mini_root, note="For testing.", progress=False) / CARD).read_text()
    assert card.startswith("# mine\n\nFor testing.\n")
    for fact in (
        mini.content_hash[:12],
        "step 2 of 2",
        "96 expressions about 24 pictures",
        "What it is not for",
        "gIoU",
    ):
        assert fact in card
    assert str(tmp_path) not in card
    assert str(run.parent) not in card


def test_another_data_set_than_the_runs_is_refused(run, tmp_path):
    from grisq.data.synthetic import SPECS, generate

    other = generate(replace(SPECS["mini"], seed=9), tmp_path / "other", workers=1, progress=False)
    with pytest.raises(InputError, match="was trained on annotations"):
        pack(run, tmp_path / "mine", trained_on=other, progress=False)
    assert not (tmp_path / "mine").exists()
