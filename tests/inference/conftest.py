"""A trained model as small as it can be, for everything that exports one."""

from dataclasses import replace

import pytest
import torch

from grisq import checkpoint
from grisq.models.registry import build_model


@pytest.fixture(scope="session")
def trained(tmp_path_factory, model_config, mini):
    """A checkpoint with random weights: agreement does not need trained ones."""
    from grisq.data.tokenizer import ExpressionTokenizer

    tokenizer = ExpressionTokenizer.train(mini.expressions["text"].to_pylist(), model_config.text.vocabulary)
    shallow = replace(model_config, swin=replace(model_config.swin, depths=(1, 2, 1, 1)), blocks=1)

    def make(**changes):
        torch.manual_seed(1)
        folder = tmp_path_factory.mktemp("trained") / "last"
        checkpoint.save(folder, build_model(replace(shallow, **changes)), tokenizer, {"step": 0})
        return folder

    return make
