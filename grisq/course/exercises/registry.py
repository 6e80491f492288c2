"""Exercises by number: a solution under `@exercise` registers itself."""

from collections.abc import Callable
from dataclasses import dataclass

Inputs = Callable[[], list[tuple]]


@dataclass(frozen=True)
class Exercise:
    """One exercise of a notebook."""

    solution: Callable  # one right answer
    inputs: Inputs  # makes the arguments of every call that an answer is tried on; the notebook does not show them


EXERCISES: dict[str, Exercise] = {}  # by the notebook's number, such as "01"


def exercise(number: str, *, inputs: Inputs) -> Callable[[Callable], Callable]:
    """Register the decorated function as the solution of a notebook's exercise.

    Args:
        number: the notebook's, such as "01".
        inputs: makes the arguments of every call that an answer is tried on.
    """

    def register(solution: Callable) -> Callable:
        EXERCISES[number] = Exercise(solution, inputs)
        return solution

    return register
