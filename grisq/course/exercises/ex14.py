"""Exercises 14: the paired bootstrap over pictures; and three results paragraphs with three pitfalls each."""

import numpy as np

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    """Two systems whose scores depend on the picture, whose ids have gaps and no order."""
    found = []
    for pictures, expressions, gain in ((30, 90, 0.1), (8, 40, 0.0), (50, 60, -0.2)):
        rng = np.random.default_rng(pictures)
        ids = 10 * rng.permutation(pictures) + 3
        asked = np.concatenate([ids, rng.choice(ids, expressions - pictures)])  # some pictures have many expressions
        easy = dict(zip(ids.tolist(), rng.random(pictures)))
        theirs = (np.array([easy[each] for each in asked.tolist()]) + 0.2 * rng.random(expressions)) / 1.2
        ours = np.clip(theirs + gain + 0.1 * rng.standard_normal(expressions), 0, 1)
        drawn = np.random.default_rng(0).multinomial(pictures, np.full(pictures, 1 / pictures), size=500)
        found.append((ours, theirs, asked, drawn))
    return found


@exercise("14", inputs=_inputs)
def paired_interval(
    ours: np.ndarray, theirs: np.ndarray, pictures: np.ndarray, drawn: np.ndarray
) -> tuple[float, float]:
    _, place = np.unique(pictures, return_inverse=True)  # (N,) each expression's column of `drawn`
    times = drawn[:, place]  # (D, N): how often each expression occurs in each resample
    gains = 100 * (times * (ours - theirs)).sum(1) / times.sum(1)
    low, high = np.percentile(gains, [2.5, 97.5])
    return float(low), float(high)


@exercise("14b", inputs=lambda: [("A",), ("B",), ("C",)], tells=False)
def pitfalls(paragraph: str) -> list[int]:
    return {
        # another release than the published number's; N-acc without T-acc; one training of each
        "A": [2, 3, 8],
        # a threshold and a checkpoint chosen on the pictures that are reported; a backbone that has seen these pictures
        "B": [4, 7, 9],
        # one metric of two; no name of the protocol; MCC counts presence on val, which names and colors often decide
        "C": [5, 6, 10],
    }[paragraph]
