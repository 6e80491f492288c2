"""Sphinx's view of which file is which page: those of the table of contents and the generated ones, no others."""

from collections.abc import Iterable
from pathlib import Path

from sphinx.project import Project


class Pages(Project):
    """A project whose pages have names of their own, so that they stay where they are in the repository.

    Args:
        srcdir: the root of the repository.
        source_suffix: of files that Sphinx can read.
        files: every page by its name in the book.
    """

    def __init__(self, srcdir: Path, source_suffix: Iterable[str], files: dict[str, Path]):
        super().__init__(srcdir, source_suffix)
        self.files = files

    def discover(self, exclude_paths: Iterable[str] = (), include_paths: Iterable[str] = ()) -> set[str]:
        """Return the names of all pages, whatever the patterns say."""
        self._docname_to_path = {name: path.relative_to(self.srcdir) for name, path in self.files.items()}
        self._path_to_docname = {path: name for name, path in self._docname_to_path.items()}
        self.docnames.clear()
        self.docnames.update(self.files)
        return self.docnames

    def path2doc(self, filename: str | Path) -> str | None:
        """Return the name of the page that a file is; None for a file that is none."""
        path = Path(filename)
        return self._path_to_docname.get(path.relative_to(self.srcdir) if path.is_absolute() else path)
