"""Where a relative link leads: to a page of the book, a module of the API reference, a file to download, or nowhere.

Links are written for readers of the repository. In the book a link to another page stays one; any other file is
resolved without inventing an address.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from binding.pages import Contents

DOWNLOADS = {".csv", ".html", ".json", ".md", ".py", ".sh", ".slurm", ".tex", ".toml", ".txt", ".yml"}
MOST_BYTES = 200_000  # of a download


@dataclass(frozen=True)
class Destination:
    """Where a link leads."""

    kind: Literal["page", "module", "download", "code", "missing"]
    path: Path  # of the file or folder
    anchor: str = ""  # without the sign
    name: str = ""  # of the page in the book, or of the module


def is_relative(target: str) -> bool:
    """Whether a link leads to a file: neither to an address nor to a place of the same page."""
    return bool(target) and not target.startswith(("#", "//")) and ":" not in target.split("/")[0].split("#")[0]


def destination(page: Path, target: str, contents: Contents) -> Destination:
    """Find out where a relative link leads.

    Args:
        page: the file that holds the link.
        target: as it is written, with or without `#anchor`.
        contents: of the book.

    Returns:
        A page for a file or folder of the book (README.md leads to the front page), a module for the package's source
        files, a download for another small text file, "code" for what is neither shown nor copied, and "missing" for
        what the repository does not have.
    """
    place, _, anchor = target.partition("#")
    path = (page.parent / unquote(place)).resolve()
    pages = {file: name for name, file in contents.by_docname().items()}
    if path == contents.root / "README.md":
        return Destination("page", path, "", "index")
    for file in (path, path / "README.md"):
        if file in pages:
            return Destination("page", file, anchor, pages[file])
    if not path.exists() or not path.is_relative_to(contents.root):
        return Destination("missing", path, anchor)
    if path.suffix == ".py" and path.is_relative_to(contents.root / "grisq"):
        module = path.relative_to(contents.root).with_suffix("").as_posix().replace("/", ".")
        return Destination("module", path, anchor, module.removesuffix(".__init__"))
    small = path.is_file() and path.suffix in DOWNLOADS and path.stat().st_size <= MOST_BYTES
    return Destination("download" if small else "code", path, anchor)
