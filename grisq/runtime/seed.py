"""Seeds: determinism in one place, and draws from an explicit generator."""

import random
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy's global generator and torch (all devices) for model initialization and dropout.

    Data order and augmentation do not depend on this: they draw from `generator(seed, ...)` by step.
    """
    import torch  # processes that draw pictures need only the generators below

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries that draw from the global state
    torch.manual_seed(seed)


def generator(*key: int) -> np.random.Generator:
    """Return an independent stream for a key such as (seed, step): the same draws, whatever was drawn before."""
    return np.random.default_rng(key)


def pick(rng: np.random.Generator, options: tuple[T, ...]) -> T:
    """Draw one of the options, all equally likely."""
    return options[int(rng.integers(len(options)))]


def chance(rng: np.random.Generator, probability: float) -> bool:
    """Draw True with this probability."""
    return bool(rng.random() < probability)
