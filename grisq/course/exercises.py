"""Checks for the notebooks' exercises: they answer at once, and never with a traceback.

Each exercise is one function that solves it (shown by `solution` after trying) and the inputs that a reader's answer is
tried on, which the notebook does not show.
"""

import copy
import inspect
import math
from collections.abc import Callable

import numpy as np


def check(exercise: str, answer: Callable) -> None:
    """Try an answer on inputs that the reader has not seen and print what is right or what to look at.

    Args: exercise: the notebook's number, such as "01".
    """
    if exercise not in EXERCISES:
        print(f"There is no exercise {exercise!r}: there are {', '.join(EXERCISES)}.")
        return
    solve, _ = EXERCISES[exercise]
    for number, given in enumerate(inputs(exercise)):
        expected = solve(*given)
        try:
            found = answer(*copy.deepcopy(given))  # an answer may work in place
        except Exception as error:  # whatever the reader's code raises is an answer too
            print(f"Not yet: {type(error).__name__}: {error}, for the input {_short(given)}")
            print(_again(exercise, number))
            return
        if found is None:
            print("Not yet: the function returns nothing.")
            return
        if not _same(found, expected):
            wanted = f"the answer should be {_plain(expected)} and is {_plain(found)}"
            print(f"Not yet: for the input {_short(given)} {wanted}.")
            print(_again(exercise, number))
            return
    print("Right.")


def inputs(exercise: str) -> list[tuple]:
    """What an answer is tried on: the arguments of each call."""
    return EXERCISES[exercise][1]()


def solution(exercise: str) -> str:
    """The source of one right answer, to print after trying."""
    return inspect.getsource(EXERCISES[exercise][0])


def _shares_by_kind(target_counts):
    kinds = {"no-target": target_counts == 0, "single-target": target_counts == 1, "multi-target": target_counts > 1}
    return {kind: 100 * chosen.mean() for kind, chosen in kinds.items()}


def _counts():
    rng = np.random.default_rng(1)
    return [(rng.integers(0, high, 40),) for high in (1, 2, 5)]


def _giou_and_ciou(masks, targets, said_present):
    ious, intersections, unions = [], 0, 0
    for mask, target, present in zip(masks, targets, said_present):
        intersection, union = (mask & target).sum(), (mask | target).sum()
        if not target.any():
            ious.append(0.0 if present else 1.0)
            unions += mask.sum() if present else 0
            continue
        ious.append(intersection / union if present else 0.0)
        intersections += intersection if present else 0
        unions += union
    return {"gIoU": 100 * np.mean(ious), "cIoU": 100 * intersections / unions}


def _masks():
    rng = np.random.default_rng(2)
    given = []
    for empty in (0, 1, 2):
        masks, targets = rng.random((2, 4, 3, 5)) < 0.5
        targets[:empty] = False
        given.append((masks, targets, np.array([True, True, False, True])))
        given.append((masks, targets, np.array([False, True, True, True])))
    return given


def _mosaic_probability(singles, tau):
    none = (1 - tau) ** singles
    one = singles * tau * (1 - tau) ** (singles - 1)
    return 1 - none - one


def _attention(q, k, word_mask):
    scores = q @ k.T / np.sqrt(q.shape[1])
    scores = np.where(word_mask, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def _queries_and_keys():
    rng = np.random.default_rng(4)
    masks = [[True, True, True], [True, True, False], [True, False, False]]
    return [(rng.normal(size=(4, 2)), rng.normal(size=(3, 2)), np.array(mask)) for mask in masks]


def _bilinear(grid, x, y):
    height, width = grid.shape
    column, row = x * width - 0.5, y * height - 0.5  # a cell's value stands at its center
    total = 0.0
    for i in (int(np.floor(row)), int(np.floor(row)) + 1):
        for j in (int(np.floor(column)), int(np.floor(column)) + 1):
            if 0 <= i < height and 0 <= j < width:
                total += (1 - abs(row - i)) * (1 - abs(column - j)) * grid[i, j]
    return total


def _spots():
    grid = np.arange(6.0).reshape(2, 3) + 1
    return [(grid, x, y) for x, y in ((0.5, 0.5), (1 / 6, 0.25), (0.4, 0.6), (0.0, 0.0), (1.1, 0.5), (3.0, 0.5))]


def _ceiling(texts, labels):
    by_text = {}
    for text, label in zip(texts, labels):
        by_text.setdefault(text, []).append(label)
    right = sum(max(found.count(True), found.count(False)) for found in by_text.values())
    return 100 * right / len(texts)


def _labeled_texts():
    texts = ["two dogs", "the dog", "the dog", "the dog", "sheep", "sheep"]
    return [(texts, [True, False, False, True, True, False]), (["cup"], [False]), (["a", "a"], [True, True])]


def _plurality_loss(logits, labels):
    losses = []
    for row, label in zip(logits, labels):
        if label != -1:
            losses.append(np.log(np.exp(row).sum()) - row[label])
    return sum(losses) / len(losses) if losses else 0.0


def _logits_and_labels():
    rng = np.random.default_rng(7)
    labels = ([0, 1, 1, 0], [0, -1, 1, -1], [-1, -1, -1, 1], [-1, -1, -1, -1])
    return [(rng.normal(size=(4, 2)), np.array(each)) for each in labels]


def _learning_rate(step, steps, base, power, warmup):
    rate = base * (1 - step / steps) ** power
    return rate * (step + 1) / warmup if step < warmup else rate


def _steps():
    return [(0, 100, 1e-3, 0.9, 0), (50, 100, 1e-3, 0.9, 10), (4, 100, 2.5e-5, 0.9, 10), (10, 40, 1.0, 2.0, 10)]


def _share_meant(mask, presence, threshold):
    return 100 * mask.mean() if presence >= threshold else 0.0


def _answers():
    mask = np.zeros((4, 5), bool)
    mask[1:3, 2:] = True
    return [(mask, 0.7, 0.5), (mask, 0.3, 0.5), (mask, 0.5, 0.5), (~mask, 0.3, 0.2)]


def _said_present(pixels, side, least):
    return np.asarray(pixels) * (480 / side) ** 2 >= least


def _pixel_counts():
    return [([0, 1, 2, 49, 50], 480, 50), ([0, 1, 2, 5], 96, 50), ([3, 0], 240, 13), ([3, 4], 120, 50)]


def _sign_p(wins, losses):
    n = wins + losses
    tail = sum(math.comb(n, k) for k in range(max(wins, losses), n + 1)) / 2**n
    return min(1.0, 2 * tail)


def _gain_of_the_truth(ious, target_counts, said_present):
    no_target = target_counts == 0
    now = np.where(no_target, ~said_present, np.where(said_present, ious, 0.0))
    then = np.where(no_target, 1.0, ious)
    return 100 * (then.mean() - now.mean())


def _decisions():
    rng = np.random.default_rng(11)
    given = [(rng.random(8), rng.integers(0, 3, 8), rng.random(8) < 0.7) for _ in range(3)]
    given = [(ious.round(4), counts, said) for ious, counts, said in given]
    return [*given, (np.ones(3), np.zeros(3, int), np.ones(3, bool))]


def _leaked(train_images, val_images):
    return 100 * np.isin(val_images, train_images).mean()


def _pictures():
    rng = np.random.default_rng(13)
    drawn = [(rng.integers(0, high, 30), rng.integers(0, high, 12)) for high in (8, 60, 300)]
    return [*drawn, (np.array([1, 2, 2, 3]), np.array([4, 5, 5]))]


EXERCISES = {
    "01": (_shares_by_kind, _counts),
    "02": (_giou_and_ciou, _masks),
    "03": (_mosaic_probability, lambda: [(12, 0.05), (27, 0.05), (6, 0.05), (1, 0.5), (4, 1.0)]),
    "04": (_attention, _queries_and_keys),
    "05": (_bilinear, _spots),
    "06": (_ceiling, _labeled_texts),
    "07": (_plurality_loss, _logits_and_labels),
    "08": (_learning_rate, _steps),
    "09": (_said_present, _pixel_counts),
    "10": (_sign_p, lambda: [(6, 1), (1, 6), (50, 50), (9, 0), (61, 39)]),
    "11": (_gain_of_the_truth, _decisions),
    "12": (_share_meant, _answers),
    "13": (_leaked, _pictures),
}


def _same(found, expected) -> bool:
    try:
        if isinstance(expected, dict):
            return found.keys() == expected.keys() and all(np.isclose(found[k], expected[k]) for k in expected)
        found = np.asarray(found, dtype=float)
        return found.shape == np.shape(expected) and bool(np.allclose(found, expected))
    except Exception:  # whatever a reader returns
        return False


def _plain(value) -> str:
    """Numbers without numpy's type names around them."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_plain(each)}" for key, each in value.items()) + "}"
    return str(value)


def _again(exercise: str, number: int) -> str:
    return f"To try it yourself: exercises.inputs({exercise!r})[{number}]"


def _short(given: tuple) -> str:
    text = ", ".join(" ".join(repr(each).split()) for each in given)
    return text if len(text) < 120 else text[:117] + "..."
