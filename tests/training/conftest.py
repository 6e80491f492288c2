"""A preset of six steps, shared by the tests of training."""

from dataclasses import replace

import pytest

from grisq.config import Preset, TrainConfig


@pytest.fixture(scope="session")
def small(model_config) -> Preset:
    """Six steps with dropout, so that an exact resume has randomness to get right."""
    text = replace(model_config.text, dropout=0.1)
    return Preset(
        name="test",
        data=None,
        model=replace(model_config, text=text),
        train=TrainConfig(
            batch=4,
            steps=6,
            lr=1e-3,
            lr_backbone=1e-3,
            clip=1.0,
            eval_every=3,
            eval_samples=6,
            checkpoint_every=2,
            workers=0,
        ),
    )
