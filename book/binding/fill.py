"""Pages that are partly written by the build: a line `<!-- fill: NAME -->` is replaced by what NAME writes."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from grisq.runtime.errors import InputError

_LINE = re.compile(r"^<!-- fill: ([\w-]+) -->$", re.MULTILINE)


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


def table(header: list[str], rows: list[list[str]]) -> str:
    """Write a Markdown table; a cell's line breaks and bars are kept from ending it."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(" ".join(cell.split()).replace("|", r"\|") for cell in line) + " |" for line in lines
    )
