"""Pages that are partly written by code: a line `<!-- fill: NAME -->` is replaced by what NAME writes.

Most of these lines are filled when the book is built. Where readers of the repository need the text as well, it is
stored between that line and `<!-- end of NAME -->`; the build replaces both, and `make documents` writes it anew.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from grisq.runtime.errors import InputError

_LINE = re.compile(r"^<!-- fill: ([\w-]+) -->$(\n(?:(?!<!-- fill).*\n)*?<!-- end of \1 -->$)?", re.MULTILINE)


def is_filled(path: Path) -> bool:
    """Whether a file has such a line."""
    return path.suffix == ".md" and _LINE.search(path.read_text(encoding="utf-8")) is not None


def fill(text: str, writers: Mapping[str, Callable[[], str]], page: str) -> str:
    """Return a page's text with its lines filled in.

    Raises: InputError naming the page, for a name that nothing writes.
    """

    def write(found: re.Match) -> str:
        if found[1] not in writers:
            raise InputError(f"{page} asks for {found[1]!r}: there are only {', '.join(writers)}.")
        return writers[found[1]]()

    return _LINE.sub(write, text)


def store(text: str, writers: Mapping[str, Callable[[], str]]) -> str:
    """Return a page's text with what is stored in it written anew; lines without a stored text stay."""

    def write(found: re.Match) -> str:
        name, stored = found.groups()
        if not stored:
            return found[0]
        return f"<!-- fill: {name} -->\n\n{writers[name]()}\n\n<!-- end of {name} -->"

    return _LINE.sub(write, text)


def table(header: list[str], rows: list[list[str]]) -> str:
    """Write a Markdown table; a cell's line breaks and bars are kept from ending it."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(" ".join(cell.split()).replace("|", r"\|") for cell in line) + " |" for line in lines
    )
