"""Checks for the notebooks' exercises: they answer at once, and never with a traceback.

Each exercise is a module of its own with one function that solves it, shown by `solution` after trying, and the inputs
that a reader's answer is tried on. A new one needs its file `exNN.py` and nothing else; a notebook's second one, "14b",
stands in the same file.
"""

import importlib
import inspect
import pkgutil

from grisq.course.exercises.checker import check, fault_of
from grisq.course.exercises.registry import EXERCISES

for _module in sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name.startswith("ex")):
    importlib.import_module(f"{__name__}.{_module}")

__all__ = ["EXERCISES", "check", "fault_of", "inputs", "solution"]


def inputs(number: str) -> list[tuple]:
    """Return what an answer is tried on: the arguments of each call."""
    return EXERCISES[number].inputs()


def solution(number: str) -> str:
    """Return the source of one right answer, to print after trying."""
    source = inspect.getsource(EXERCISES[number].solution)
    return source[source.index("\ndef ") + 1 :]  # without its decorator
