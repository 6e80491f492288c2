"""Assignments for otter-grader: what students get works with the solution in it, and shows none of it."""

import nbformat
import pytest

from grisq.course import exercises
from grisq.course.otter import write_assignments
from grisq.runtime.errors import InputError


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_assignments(tmp_path_factory.mktemp("otter") / "out")


def test_there_is_one_for_every_exercise(written):
    assert [path.stem for path in written] == [f"grisq{number}" for number in exercises.EXERCISES]


def test_every_master_notebook_runs_and_its_tests_say_true(written):
    for path in written:
        book, scope = nbformat.read(path, as_version=4), {}
        nbformat.validate(book)
        code = [cell.source for cell in book.cells if cell.cell_type == "code"]
        for source in code[:2]:
            exec(source, scope)
        tests = code[2:]
        assert all(eval(source.removeprefix("# HIDDEN\n"), scope) for source in tests), path.name
        assert [source.startswith("# HIDDEN") for source in tests] == [False] + [True] * (len(tests) - 1)


def test_a_wrong_answer_fails_a_test(written):
    for path in written:
        tests = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"][2:]
        number = path.stem.removeprefix("grisq")
        name = exercises.EXERCISES[number].solution.__name__
        scope = {"exercises": exercises, name: lambda *_: "wrong"}
        assert not all(eval(source.removeprefix("# HIDDEN\n"), scope) for source in tests)


def test_the_markers_hide_the_body_alone(written):
    for path in written:
        (source,) = [
            cell.source
            for cell in nbformat.read(path, as_version=4).cells
            if "# BEGIN SOLUTION\n" in cell.source + "\n"
            if cell.cell_type == "code"
        ]
        shown = source[: source.index("    # BEGIN SOLUTION")]
        assert shown.startswith("def ")
        assert "return" not in shown
        assert source.endswith("    # END SOLUTION")


def test_two_exercises_of_a_notebook_have_their_own_questions(written):
    asked = {path.stem: nbformat.read(path, as_version=4).cells[4].source for path in written}
    assert "paired_interval(" in asked["grisq14"]
    assert "paired_interval(" not in asked["grisq14b"]
    assert "Three results paragraphs" in asked["grisq14b"]
    assert not any("exercises.solution" in text for text in asked.values())


def test_a_question_that_is_missing_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"has no notebook 00_\*\.ipynb with a section Exercise"):
        write_assignments(tmp_path / "out", tmp_path / "empty")
    assert not (tmp_path / "out").exists()
