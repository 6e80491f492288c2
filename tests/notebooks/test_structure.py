"""The rules that every notebook keeps, so that a reader finds the same shape each time."""

import re
import statistics

import nbformat
import pytest

from grisq.runtime.paths import NOTEBOOKS, ROOT

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def book(request):
    return nbformat.read(request.param, as_version=4)


def code(book):
    return [cell for cell in book.cells if cell.cell_type == "code"]


def lines(cell):
    return len([line for line in cell.source.splitlines() if line.strip()])


def tags(cell):
    return cell.metadata.get("tags", [])


def test_the_course_is_whole_and_in_the_readme():
    """The README lists every notebook, and no number is missing; so a new one needs its file and a line there."""
    names = [path.stem for path in PATHS]
    assert [name[:2] for name in names] == [f"{number:02}" for number in range(len(names))]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\(notebooks/(\w+)\.ipynb\)", readme)) == set(names)


def test_what_a_reproduction_does_more_is_a_parameter(book):
    (cell,) = [cell for cell in code(book) if "parameters" in tags(cell)]
    scope = {}
    exec(cell.source, {"__builtins__": {}}, scope)
    assert set(cell.metadata.get("reproduce", {})) <= set(scope)


def test_header_says_what_it_is_and_what_one_learns(book):
    header = book.cells[0].source
    assert header.startswith("# ")
    for part in ("**Paper**", "**You can say at the end**", "**Runs in**", "**Before this**"):
        assert part in header
    assert re.search(r"\*\*Runs in\*\*: [^*]*\d+ (s|seconds|minutes)\b", header)  # a time that was measured
    for number in re.findall(r"`(\d\d)`", header.split("**Before this**")[1]):
        assert any(path.name.startswith(number) for path in PATHS)


def test_a_picture_comes_early(book):
    early = [output for cell in book.cells[:8] for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in early)


def test_code_is_shown_from_the_package_and_checked(book):
    source = "\n".join(cell.source for cell in code(book))
    assert "show_source(" in source
    assert "assert" in source


def test_cells_are_short_and_introduced(book):
    lengths = [lines(cell) for cell in code(book)]
    assert statistics.median(lengths) <= 8
    assert sorted(lengths)[int(0.9 * (len(lengths) - 1))] <= 20
    assert max(lengths) <= 40
    assert len([cell for cell in book.cells if "install" not in tags(cell)]) <= 45


def test_exactly_one_parameters_cell_of_literals(book):
    marked = [cell for cell in code(book) if "parameters" in tags(cell)]
    assert len(marked) == 1
    scope = {}
    exec(marked[0].source, {"__builtins__": {}}, scope)  # literals need no builtins
    assert all(isinstance(value, str | int | float | bool | None) for value in scope.values())
    assert scope["preset"] == "tiny"


def test_questions_and_exercise(book):
    text = "\n".join(cell.source for cell in book.cells)
    assert text.count("**Predict first.**") >= 3
    assert text.count("<details>") >= 3
    assert "exercises.check(" in text
    assert "exercises.solution(" in text


def test_committed_with_outputs_and_without_errors(book):
    assert all(cell.execution_count for cell in code(book))
    kinds = {output.output_type for cell in code(book) for output in cell.outputs}
    assert "error" not in kinds
    assert "display_data" in kinds


def test_every_picture_has_alternative_text(book):
    for cell in code(book):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                assert len(output.metadata["image/png"]["alt"]) > 30


def test_outputs_that_are_not_compared_are_few_and_say_why(book):
    free = [cell for cell in code(book) if "nbval-ignore-output" in tags(cell)]
    assert len(free) <= len(code(book)) / 5
    assert all(len(cell.metadata.get("reason", "")) > 10 for cell in free)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_size_and_no_path_of_a_machine(path):
    assert path.stat().st_size <= 500_000
    assert str(ROOT) not in path.read_text(encoding="utf-8")
