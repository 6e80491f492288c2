"""The modules of `book/`, which is no installed package, and made files for them."""

import json

import pytest

HEADER = "# {number} · A title\n\n* **You can say at the end**: what $x$ is.\n"


@pytest.fixture
def repository(tmp_path):
    """A small repository: two notebooks, a guide, a model card, a source file and a table of contents."""
    files = {
        "README.md": "# Front\n",
        "book/index.md": "# Book\n",
        "docs/guide.md": "# A guide\n\n## Two words, and *more*\n",
        "data/models/small/README.md": "---\ntags: [a]\n---\n# small\n",
        "data/models/small/weights.bin": "x",
        "grisq/models/part.py": "",
        "data/numbers.json": "{}",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    for name in ("01_first", "02_second"):
        write_notebook(tmp_path / "notebooks" / f"{name}.ipynb", [HEADER.format(number=name[:2])])
    return tmp_path


@pytest.fixture
def write_parts(repository):
    """Write a table of contents for the repository and return its path."""

    def write(text):
        path = repository / "parts.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def write_notebook(path, texts, cells=()):
    """A notebook of Markdown cells, followed by others."""
    markdown = [
        {"cell_type": "markdown", "metadata": {}, "source": text, "id": f"m{i}"} for i, text in enumerate(texts)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"cells": [*markdown, *cells], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def notebook():
    """The writer of made notebooks."""
    return write_notebook
