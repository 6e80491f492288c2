"""The exercises as assignments for otter-grader: one master notebook each, for `otter assign`.

A master notebook holds the question, a solution of which students get the signature alone, and tests. The first input
is a public test, the others are hidden. Tests compare with the solution in the package, so students can read it there:
this suits practice and participation, not an exam.
"""

import ast
import inspect
import re
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from grisq.course.exercises import EXERCISES, solution
from grisq.runtime.errors import InputError
from grisq.runtime.files import atomic_folder
from grisq.runtime.paths import NOTEBOOKS


def write_assignments(out: Path, notebooks: Path = NOTEBOOKS) -> list[Path]:
    """Write a master notebook for each exercise.

    Args:
        out: folder to write; its old content is replaced.
        notebooks: folder of the course, which holds the questions.

    Returns:
        The notebooks, which `otter assign NOTEBOOK FOLDER` turns into a student's version and its grader.

    Raises:
        InputError: a question is missing, or `out` cannot be replaced.
    """
    with atomic_folder(out, replace=True) as partial:
        for number in EXERCISES:
            nbformat.write(_assignment(number, notebooks), partial / f"grisq{number}.ipynb")
    return sorted(out.glob("*.ipynb"))


def _assignment(number: str, notebooks: Path) -> nbformat.NotebookNode:
    title, question = _question(number, notebooks)
    name = EXERCISES[number].solution.__name__
    tests = [_test(number, name, place) for place in range(len(EXERCISES[number].inputs()))]
    cells = [
        new_raw_cell(f"# ASSIGNMENT CONFIG\nname: grisq{number}\nexport_cell: false"),
        new_markdown_cell(title),
        new_code_cell(f"{_imports(number)}\nfrom grisq.course import exercises"),
        new_raw_cell(f"# BEGIN QUESTION\nname: {name}\npoints: {len(tests)}"),
        new_markdown_cell(question),
        new_raw_cell("# BEGIN SOLUTION"),
        new_code_cell(_hidden_body(solution(number))),
        new_raw_cell("# END SOLUTION"),
        new_raw_cell("# BEGIN TESTS"),
        *tests,
        new_raw_cell("# END TESTS"),
        new_raw_cell("# END QUESTION"),
    ]
    for place, cell in enumerate(cells):
        cell["id"] = f"cell{place}"  # the same bytes each time
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _question(number: str, notebooks: Path) -> tuple[str, str]:
    """Title of the notebook, and the exercise before the cell that checks it, without the line on its solution."""
    path = next(notebooks.glob(f"{number[:2]}_*.ipynb"), None)
    cells = [] if path is None else nbformat.read(path, as_version=4).cells
    asked = ""
    for cell in cells:
        if cell.cell_type == "markdown":
            asked = cell.source
        elif f'exercises.check("{number}"' in cell.source:
            paragraphs = re.split(r"## Exercises?", asked)[-1].strip().split("\n\n")
            kept = [text for text in paragraphs if not text.startswith("★★★")]
            text = "\n\n".join(kept).split(" Solution: `print(")[0]
            return cells[0].source.split("\n", 1)[0], text
    raise InputError(
        f"{notebooks} has no notebook {number[:2]}_*.ipynb with a section Exercise and its check {number}: "
        "give the course's folder."
    )


def _imports(number: str) -> str:
    """What the solution's module imports, without what registers it, and the classes that it defines."""
    name = EXERCISES[number].solution.__module__
    module = ast.parse(inspect.getsource(sys.modules[name]))
    lines = [ast.unparse(node) for node in module.body if isinstance(node, ast.Import | ast.ImportFrom)]
    lines += [f"from {name} import {node.name}" for node in module.body if isinstance(node, ast.ClassDef)]
    return "\n".join(line for line in lines if "exercises.registry" not in line)


def _hidden_body(source: str) -> str:
    """A function whose body otter takes out of the student's version."""
    definition = ast.parse(source).body[0]
    lines = source.rstrip().split("\n")
    first = definition.body[0].lineno - 1
    return "\n".join([*lines[:first], "    # BEGIN SOLUTION", *lines[first:], "    # END SOLUTION"])


def _test(number: str, name: str, place: int) -> nbformat.NotebookNode:
    hidden = "" if place == 0 else "# HIDDEN\n"
    shown = new_output("execute_result", data={"text/plain": "True"}, execution_count=1)
    return new_code_cell(
        f"{hidden}exercises.fault_of({number!r}, {name}, {place}) is None", outputs=[shown], execution_count=1
    )
