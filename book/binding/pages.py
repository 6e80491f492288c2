"""Which files of the repository are pages of the book, what they are called there, and in which part they stand."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from grisq.runtime.errors import InputError
from grisq.runtime.paths import ROOT

PARTS = ROOT / "book" / "parts.toml"
INDEX = Path("book/index.md")
API = "api"  # stands in parts.toml for the generated pages of the API reference
NUMBERED = re.compile(r"(\d\d[a-z]?)_(\w+)")  # the name of a notebook: number and noun
_KEYS = {"title", "about", "notebooks", "pages"}


@dataclass(frozen=True)
class Part:
    """A part of the book: a heading of the table of contents and the files under it."""

    title: str
    about: str  # one sentence; empty for parts without notebooks
    files: tuple[Path, ...]  # in the order of the book; `Path("api")` for the API reference

    @property
    def notebooks(self) -> tuple[Path, ...]:
        """Those of its files that are notebooks."""
        return tuple(path for path in self.files if path.suffix == ".ipynb")


@dataclass(frozen=True)
class Contents:
    """The table of contents."""

    root: Path  # of the repository
    parts: tuple[Part, ...]
    titles: dict[Path, str]  # of pages whose own heading does not say enough

    @property
    def files(self) -> list[Path]:
        """Every page that is a file of the repository, the front page first."""
        return [self.root / INDEX, *(path for part in self.parts for path in part.files if path.suffix)]

    def docname(self, path: Path) -> str:
        """The name of a page in the book and in its addresses: `docs/scoring`, `glossary`, `data/models/tiny`.

        The book's own pages stand at the top, and a README stands for its folder.
        """
        name = path.relative_to(self.root).with_suffix("").as_posix()
        return name.removeprefix("book/").removesuffix("/README")

    def by_docname(self) -> dict[str, Path]:
        """Every page that is a file by its name in the book."""
        return {self.docname(path): path for path in self.files}


def read_contents(parts: Path = PARTS, root: Path = ROOT) -> Contents:
    """Read the table of contents.

    Raises:
        InputError: if the file has unknown keys, if a notebook stands in no part or in two, or if a name or a pattern
            fits no file.
    """
    stored = tomllib.loads(parts.read_text(encoding="utf-8"))
    found = []
    for part in stored.get("part", []):
        if unknown := part.keys() - _KEYS:
            raise InputError(f"{parts}: a part has the key {min(unknown)!r}: use {', '.join(sorted(_KEYS))}.")
        named = [find_notebook(noun, parts, root) for noun in part.get("notebooks", [])]
        files = [path for pattern in part.get("pages", []) for path in _pages(pattern, parts, root)]
        found.append(Part(part["title"], part.get("about", ""), (*sorted(named), *files)))
    contents = Contents(root, tuple(found), {root / name: title for name, title in stored.get("titles", {}).items()})
    _check(contents, parts)
    return contents


@cache
def contents() -> Contents:
    """Return the table of contents of the book, read once."""
    return read_contents()


def notebooks(root: Path = ROOT) -> list[Path]:
    """Every notebook of the course in the order of their numbers."""
    return sorted(path for path in (root / "notebooks").glob("*.ipynb") if NUMBERED.fullmatch(path.stem))


def find_notebook(noun: str, asked_by: Path, root: Path = ROOT) -> Path:
    """Find a notebook by its name without the number. Raises InputError naming the file that asks, if none fits."""
    fitting = [path for path in notebooks(root) if NUMBERED.fullmatch(path.stem)[2] == noun]
    if len(fitting) != 1:
        raise InputError(f"{asked_by}: there are {len(fitting)} notebooks NN_{noun}.ipynb: give the name of one.")
    return fitting[0]


def _pages(pattern: str, parts: Path, root: Path) -> list[Path]:
    if pattern == API:
        return [Path(API)]
    if fitting := sorted(root.glob(pattern)):
        return fitting
    raise InputError(f"{parts}: no file fits {pattern!r}: correct it.")


def _check(contents: Contents, parts: Path) -> None:
    files = [path for part in contents.parts for path in part.files]
    for path in files:
        if files.count(path) > 1:
            raise InputError(f"{parts}: {path.relative_to(contents.root)} stands in two places: leave one.")
    for path in [*notebooks(contents.root), *contents.titles]:
        if path not in files:
            raise InputError(f"{parts}: {path.relative_to(contents.root)} stands in no part: add it to one.")
