"""What every test shares: a small model configuration, a small data set made once, and quiet, repeatable torch."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test may reach the network
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.pop("PYTHONWARNDEFAULTENCODING", None)  # in force here; other packages would warn in programs under test

import pytest
import torch

from grisq.config import ModelConfig, SwinConfig, TextConfig
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
