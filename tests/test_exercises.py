import numpy as np
import pytest

from grisq import exercises
from grisq.paths import NOTEBOOKS


@pytest.mark.parametrize("number", exercises.EXERCISES)
def test_the_solution_passes_its_own_check(number, capsys):
    exercises.check(number, exercises.EXERCISES[number][0])
    assert capsys.readouterr().out == "Right.\n"
    assert exercises.solution(number).startswith("def ")


@pytest.mark.parametrize("number", exercises.EXERCISES)
def test_a_constant_is_not_an_answer(number, capsys):
    """Every exercise has inputs with different answers, so that nobody passes by luck."""
    first = exercises.EXERCISES[number][0](*exercises.inputs(number)[0])
    exercises.check(number, lambda *_: first)
    assert capsys.readouterr().out.startswith("Not yet: ")


def test_every_notebook_has_its_exercise():
    assert {path.name[:2] for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")} == set(exercises.EXERCISES)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda *_: None, "returns nothing"),
        (lambda *_: 1 / 0, "ZeroDivisionError"),
        (lambda *_: -1.0, "should be 0.001"),
        (lambda *_: np.zeros(3), "should be"),
        (lambda *_: "text", "should be"),
    ],
)
def test_a_wrong_answer_is_told_why(answer, said, capsys):
    exercises.check("08", answer)
    assert said in capsys.readouterr().out
