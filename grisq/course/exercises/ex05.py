"""Exercise 05: attention weights over words, some of them padding."""

import numpy as np

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    rng = np.random.default_rng(4)
    masks = [[True, True, True], [True, True, False], [True, False, False]]
    return [(rng.normal(size=(4, 2)), rng.normal(size=(3, 2)), np.array(mask)) for mask in masks]


@exercise("05", inputs=_inputs)
def attention(q: np.ndarray, k: np.ndarray, word_mask: np.ndarray) -> np.ndarray:
    scores = q @ k.T / np.sqrt(q.shape[1])
    scores = np.where(word_mask, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
