import pytest

from grisq import exercises


@pytest.mark.parametrize("number", ["01", "08"])
def test_the_solution_passes_its_own_check(number, capsys):
    exercises.check(number, exercises._EXERCISES[number][0])
    assert capsys.readouterr().out == "Right.\n"
    assert exercises.solution(number).startswith("def ")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda *_: None, "returns nothing"),
        (lambda *_: 1 / 0, "ZeroDivisionError"),
        (lambda *_: -1.0, "should be 0.001"),
        (lambda *_: "text", "should be"),
    ],
)
def test_a_wrong_answer_is_told_why(answer, said, capsys):
    exercises.check("08", answer)
    assert said in capsys.readouterr().out
