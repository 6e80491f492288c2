"""Determinism, set in one place."""

import random

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy's legacy generator and torch (all devices) for model initialisation and dropout.

    Data order and augmentation do not depend on this: they draw from `generator(seed, ...)` by step.
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries that draw from the global state
    torch.manual_seed(seed)


def generator(*key: int) -> np.random.Generator:
    """An independent stream for a key such as (seed, step): the same draws whoever asks, in any order."""
    return np.random.default_rng(key)
