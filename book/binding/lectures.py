"""Lectures: which notebooks make a session of the course, and which make a deck of slides."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from binding.fill import table
from binding.notebook import read_notebook
from binding.pages import NUMBERED, find_notebook, notebooks
from grisq.runtime.paths import ROOT

LECTURES = ROOT / "book" / "lectures.toml"


@dataclass(frozen=True)
class Deck:
    """A deck of slides."""

    name: str  # of its file
    title: str
    notebooks: tuple[Path, ...]


@dataclass(frozen=True)
class Session:
    """A session of the course."""

    title: str
    notebooks: tuple[Path, ...]
    minutes: str  # to read and run
    know: str  # what students should know before


def read_decks(path: Path = LECTURES, root: Path = ROOT) -> list[Deck]:
    """Read the decks. Raises InputError for a name that fits no notebook, or several."""
    stored = tomllib.loads(path.read_text(encoding="utf-8"))["deck"]
    return [Deck(each["name"], each["title"], _notebooks(each, path, root)) for each in stored]


def read_sessions(path: Path = LECTURES, root: Path = ROOT) -> list[Session]:
    """Read the sessions. Raises InputError for a name that fits no notebook, or several."""
    stored = tomllib.loads(path.read_text(encoding="utf-8"))["session"]
    return [Session(each["title"], _notebooks(each, path, root), each["minutes"], each["know"]) for each in stored]


def sessions_table() -> str:
    """Write the sessions as a Markdown table, whose links a page in `book/` can follow."""
    rows = []
    for number, session in enumerate(read_sessions(), start=1):
        links = ", ".join(_link(path) for path in session.notebooks)
        rows.append([f"{number}. {session.title}", links, session.minutes, session.know])
    return table(["session", "notebooks", "minutes to read and run", "students should know"], rows)


def exercises_table() -> str:
    """Write every exercise of the course with its grade as a Markdown table."""
    rows = [
        [_link(path), exercise.grade, exercise.text]
        for path in notebooks()
        for exercise in read_notebook(path).exercises
    ]
    return table(["notebook", "grade", "exercise"], rows)


def _link(path: Path) -> str:
    return f"[{NUMBERED.fullmatch(path.stem)[1]}](../notebooks/{path.name})"


def _notebooks(entry: dict, path: Path, root: Path) -> tuple[Path, ...]:
    return tuple(find_notebook(noun, path, root) for noun in entry["notebooks"])
