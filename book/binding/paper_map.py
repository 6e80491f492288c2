"""The map of the paper: where each equation, section and table lives in code, course and tests."""

from pathlib import Path

from binding.fill import table
from binding.notebook import read_notebook
from grisq.experiments import paper
from grisq.runtime.paths import NOTEBOOKS


def paper_map(notebooks: Path = NOTEBOOKS) -> str:
    """Write the map as a Markdown table, whose links a page in `book/` can follow."""
    rows = []
    for row in paper.equations().itertuples():
        notebook = read_notebook(notebooks / f"{row.notebook}.ipynb")
        rows.append(
            [
                row.place,
                row.what,
                f"{{py:obj}}`{row.module.rpartition('.')[2]} <{row.module}>`",
                f"[{notebook.number} {notebook.title}](../notebooks/{row.notebook}.ipynb)",
                f"[{Path(row.test).name}](../{row.test})",
            ]
        )
    return table(["in the paper", "what", "in the code", "in the course", "its test"], rows)
