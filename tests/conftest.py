"""What every test shares: a small model configuration, a small data set made once, and quiet, repeatable torch."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test may reach the network
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.pop("PYTHONWARNDEFAULTENCODING", None)  # in force here; other packages would warn in programs under test

import pytest
import torch

from grisq.config import (
    CLIPVisionTowerConfig,
    ConvNetConfig,
    CRISConfig,
    LAVTConfig,
    LISAConfig,
    LTSConfig,
    MAttNetConfig,
    ModelConfig,
    ReLAConfig,
    SAMConfig,
    SwinConfig,
    TextConfig,
    VLTConfig,
)
from grisq.experiments.registry import EXPERIMENTS
from grisq.experiments.selection import collect
from grisq.runtime.paths import RESULTS


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def model_config() -> ModelConfig:
    """Every part of the model, as small as it can be and still have several windows, levels and heads."""
    return ModelConfig(
        image_size=64,
        swin=SwinConfig(embed_dim=16, depths=(2, 2, 2, 1), num_heads=(1, 2, 2, 4), window=4, drop_path=0.0),
        text=TextConfig(hidden=24, layers=1, heads=2, intermediate=32, vocabulary=200, dropout=0.0),
        channels=16,
        blocks=2,
        heads=2,
        points=2,
        feedforward=32,
    )


@pytest.fixture(scope="session")
def mini_root(tmp_path_factory):
    """A synthetic data set of a few pictures, made once per test run."""
    from grisq.data.synthetic.generate import generate
    from grisq.data.synthetic.specs import SPECS

    return generate(SPECS["mini"], tmp_path_factory.mktemp("data") / "mini", workers=1, progress=False)


@pytest.fixture(scope="session")
def mini(mini_root):
    """The same, read."""
    from grisq.data import grefcoco

    return grefcoco.load(mini_root)


@pytest.fixture(scope="session")
def reader(mini, model_config):
    """Its pictures, masks and tokens at the small model's size."""
    from grisq.data.sample import SampleReader
    from grisq.data.tokenizer import ExpressionTokenizer

    tokenizer = ExpressionTokenizer.train(mini.expressions["text"].to_pylist(), model_config.text.vocabulary)
    return SampleReader(mini, tokenizer, model_config.image_size, model_config.text.max_tokens)


@pytest.fixture
def model(model_config):
    """The small model with random weights, ready for evaluation."""
    from grisq.models.grisq import GRISQ

    return GRISQ(model_config).eval()


@pytest.fixture(scope="session")
def stored():
    """The committed trainings behind the tables, by experiment and seed, without those that chose a learning rate."""
    found = collect(RESULTS, "tiny").items()
    return {key: each for key, each in found if key[0] in EXPERIMENTS and not EXPERIMENTS[key[0]].tunes}


def small_trunk(family):
    return ConvNetConfig(family, stem=8, widths=(16, 16, 24, 32), depths=(1, 1, 1, 1))


@pytest.fixture
def with_large_weights():
    """At the start the attention hardly tells one word from another, and all masks are close to zero."""

    def draw(model):
        for parameter in model.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.3)
        return model

    return draw


@pytest.fixture(scope="session")
def small_systems():
    """The groups of settings that the systems have for themselves, to be put into the small model's."""
    return {
        "lavt": LAVTConfig(hidden=16),
        "rela": ReLAConfig(regions=4, layers=2, feedforward=32),
        "cris": CRISConfig(
            small_trunk("clip-resnet"), 16, 4, 3, (8, 16, 24), layers=2, heads=2, feedforward=32, dropout=0.0
        ),
        "lts": LTSConfig(small_trunk("darknet"), 12, (8, 16, 24), heads=2, feedforward=32, dropout=0.0, segmenter=16),
        "vlt": VLTConfig(
            small_trunk("darknet"), 12, (8, 16, 24), 4, 16, layers=1, heads=2, feedforward=32, dropout=0.0, drawing=16
        ),
        "lisa": LISAConfig(
            CLIPVisionTowerConfig(hidden=16, layers=2, heads=2, intermediate=32, side=32, patch=4, read_layer=-1),
            SAMConfig(
                hidden=16,
                layers=2,
                heads=2,
                intermediate=32,
                patch=8,
                window=4,
                global_layers=(1,),
                channels=16,
                decoder_feedforward=32,
                decoder_heads=2,
                further_masks=0,
            ),
            lora_rank=0,
        ),
        "mattnet": MAttNetConfig(
            small_trunk("resnet"),
            16,
            categories=30,
            mask_maps=4,
            least_score=0.05,
            cells=3,
            width=16,
            attributes=12,
            lambda_attributes=0.1,
            dropout=0.0,
            word_dropout=0.0,
        ),
    }
