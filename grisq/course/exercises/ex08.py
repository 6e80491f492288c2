"""Exercise 08: the best accuracy that any function of the text alone can reach."""

from collections.abc import Sequence

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    texts = ["two dogs", "the dog", "the dog", "the dog", "sheep", "sheep"]
    return [(texts, [True, False, False, True, True, False]), (["cup"], [False]), (["a", "a"], [True, True])]


@exercise("08", inputs=_inputs)
def ceiling(texts: Sequence[str], labels: Sequence[bool]) -> float:
    by_text: dict[str, list[bool]] = {}
    for text, label in zip(texts, labels):
        by_text.setdefault(text, []).append(label)
    right = sum(max(found.count(True), found.count(False)) for found in by_text.values())
    return 100 * right / len(texts)
