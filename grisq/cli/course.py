"""`grisq course`: the course for people who teach it."""

from pathlib import Path
from typing import Annotated

import typer

# Heavy modules are imported inside the commands, so that --help answers at once.

app = typer.Typer(help="Teach with the course.", no_args_is_help=True)


@app.callback()
def course() -> None:
    """Keep `otter` a command of its own, although it is the only one."""


@app.command()
def otter(
    out: Annotated[Path, typer.Argument(help="Folder to write; its old content is replaced.")],
) -> None:
    """Write the exercises as master notebooks for otter-grader.

    `otter assign OUT/grisq08.ipynb dist` then makes the student's version and its grader.
    """
    from grisq.course.otter import write_assignments

    written = write_assignments(out)
    print(f"{len(written)} assignments are in {out} (otter assign {written[0]} dist)")
