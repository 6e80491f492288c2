"""Cells that are folded in JupyterLab are folded in the book."""

import json

_TAGS = {"source_hidden": "hide-input", "outputs_hidden": "hide-output"}  # JupyterLab's settings; MyST-NB's tags


def with_folds(source: str) -> str:
    """Return a notebook's text in which every cell that JupyterLab folds has the tag by which MyST-NB does."""
    notebook = json.loads(source)
    for cell in notebook["cells"]:
        folded = cell["metadata"].get("jupyter", {})
        cell["metadata"].setdefault("tags", []).extend(tag for name, tag in _TAGS.items() if folded.get(name))
    return json.dumps(notebook)
