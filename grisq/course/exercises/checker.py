"""Tries a reader's answer next to the solution and says what to look at."""

import copy
from collections.abc import Callable

import numpy as np

from grisq.course.exercises.registry import EXERCISES


def check(number: str, answer: Callable) -> None:
    """Try an answer on inputs that the reader has not seen and print whether it is right.

    Args:
        number: the notebook's, such as "01" or "14b".
        answer: the reader's function.
    """
    if number not in EXERCISES:
        print(f"There is no exercise {number!r}: there are {', '.join(EXERCISES)}.")
        return
    for place in range(len(EXERCISES[number].inputs())):
        fault = fault_of(number, answer, place)
        if fault is not None:
            print(fault)
            return
    print("Right.")


def fault_of(number: str, answer: Callable, place: int) -> str | None:
    """Try an answer on one of the inputs of an exercise. -> what is wrong with it, None if nothing is"""
    exercise = EXERCISES[number]
    given = exercise.inputs()[place]
    expected = exercise.solution(*copy.deepcopy(given))
    try:
        found = answer(*copy.deepcopy(given))  # an answer may work in place
    except Exception as error:  # whatever the reader's code raises is an answer too
        said = f"Not yet: {type(error).__name__}: {error}, for the input {_short(given)}"
        return f"{said}\n{_again(number, place)}"
    if found is None:
        return "Not yet: the function returns nothing."
    if _same(found, expected):
        return None
    if not exercise.tells:
        return f"Not yet: for the input {_short(given)} the answer is another one."
    wanted = f"the answer should be {_plain(expected)} and is {_plain(found)}"
    return f"Not yet: for the input {_short(given)} {wanted}.\n{_again(number, place)}"


def _same(found: object, expected: object) -> bool:
    try:
        if isinstance(expected, dict):
            return found.keys() == expected.keys() and all(np.isclose(found[k], expected[k]) for k in expected)
        found = np.asarray(found, dtype=float)
        return found.shape == np.shape(expected) and bool(np.allclose(found, expected))
    except Exception:  # whatever a reader returns
        return False


def _plain(value: object) -> str:
    """Numbers without numpy's type names around them."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_plain(each)}" for key, each in value.items()) + "}"
    return str(value)


def _again(number: str, place: int) -> str:
    return f"To try it yourself: exercises.inputs({number!r})[{place}]"


def _short(given: tuple) -> str:
    text = ", ".join(" ".join(repr(each).split()) for each in given)
    return text if len(text) < 120 else text[:117] + "..."
