"""Write the repository's address where readers need it: `make address REPOSITORY=https://github.com/OWNER/NAME`.

Until it is known, the README has a placeholder and nothing leads to Colab or Binder. The address goes into
pyproject.toml, where the book finds it, into CITATION.cff and README.md, and into each notebook: two links below the
title, and a cell that installs the course in Colab. With another address the same command replaces the first.
"""

import re
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grisq.runtime.errors import InputError
from grisq.runtime.files import write_text
from grisq.runtime.paths import ROOT

TAG = "install"  # of the cell that installs the course
_ADDRESS = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+)")
_LINKS = re.compile(r"\n\n\[Open in Colab\].*")
# What is replaced in each file: the place with or without an earlier address, and the line with the new one.
_PLACES = {
    "pyproject.toml": (
        r'(?:\[project\.urls\]\nRepository = ".*"\n\n)?(?=\[project\.optional-dependencies\])',
        '[project.urls]\nRepository = "{address}"\n\n',
    ),
    "CITATION.cff": (r'(?:repository-code: ".*"\n)?(?=license: )', 'repository-code: "{address}"\n'),
    "README.md": (r"git clone \S+ grisq && cd grisq(?: +#.*)?", "git clone {address} grisq && cd grisq"),
}
_INSTALL = """\
import os
import subprocess
import sys

if "google.colab" in sys.modules and not os.path.isdir("/content/grisq"):  # on your own computer this does nothing
    subprocess.run(["git", "clone", "--quiet", "--depth=1", "{address}", "/content/grisq"], check=True)
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "-e", "/content/grisq[notebooks]"], check=True)
    sys.path.insert(0, "/content/grisq")
    os.chdir("/content/grisq/notebooks")"""


def write_address(address: str, root: Path = ROOT) -> None:
    """Write the address into every file that needs it.

    Args:
        address: of a public repository on GitHub, from which Colab and Binder read.
        root: of the checkout.

    Raises:
        InputError: the address is of another form, or a file lacks the place for it.
    """
    address = address.rstrip("/").removesuffix(".git")
    if not _ADDRESS.fullmatch(address):
        raise InputError(f"REPOSITORY must look like https://github.com/OWNER/NAME, not like {address!r}.")
    texts = {}
    for name, (place, line) in _PLACES.items():
        new, found = re.subn(place, line.format(address=address), (root / name).read_text(encoding="utf-8"), count=1)
        if not found:
            raise InputError(f"{name} has no place for the address: it must match {place}")
        texts[root / name] = new
    for path in sorted((root / "notebooks").glob("[0-9]*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        prepare(notebook, f"notebooks/{path.name}", address)
        texts[path] = nbformat.writes(notebook) + "\n"
    for path, text in texts.items():
        write_text(path, text)


def prepare(notebook: NotebookNode, place: str, address: str) -> None:
    """Put links to Colab and Binder below a notebook's title, and the cell that installs the course behind it.

    Args:
        notebook: is changed.
        place: its path in the repository.
        address: of the repository.
    """
    name = _ADDRESS.fullmatch(address)[1]
    links = {
        "Colab": f"https://colab.research.google.com/github/{name}/blob/main/{place}",
        "Binder": f"https://mybinder.org/v2/gh/{name}/main?urlpath=lab/tree/{place}",
    }
    first, *others = notebook.cells
    title, _, rest = _LINKS.sub("", first.source).partition("\n")
    first.source = f"{title}\n\n{' · '.join(f'[Open in {host}]({link})' for host, link in links.items())}\n{rest}"
    install = nbformat.v4.new_code_cell(_INSTALL.format(address=address), id="install-course")
    install.metadata.update({"tags": [TAG], "jupyter": {"source_hidden": True}})
    notebook.cells = [first, install, *(cell for cell in others if TAG not in cell.metadata.get("tags", []))]
    for number, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), start=1):
        cell.execution_count = number
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number


def main() -> None:
    """Write the address that is named into this checkout, or say what is wrong with it."""
    try:
        write_address(*sys.argv[1:2] or [""])
    except InputError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
