"""Exercises by number: a solution under `@exercise` registers itself."""

from collections.abc import Callable
from dataclasses import dataclass

Inputs = Callable[[], list[tuple]]


@dataclass(frozen=True)
class Exercise:
    """One exercise of a notebook."""

    solution: Callable  # one right answer
    inputs: Inputs  # makes the arguments of every call that an answer is tried on; the notebook does not show them
    tells: bool = True  # whether the check says what a wrong answer should have been


EXERCISES: dict[str, Exercise] = {}  # by the notebook's number, such as "01", and a letter for a second one: "14b"


def exercise(number: str, *, inputs: Inputs, tells: bool = True) -> Callable[[Callable], Callable]:
    """Register the decorated function as the solution of a notebook's exercise.

    Args:
        number: the notebook's, such as "01"; a second exercise adds a letter, such as "14b".
        inputs: makes the arguments of every call that an answer is tried on.
        tells: whether the check says what a wrong answer should have been; not where that gives everything away.
    """

    def register(solution: Callable) -> Callable:
        EXERCISES[number] = Exercise(solution, inputs, tells)
        return solution

    return register
