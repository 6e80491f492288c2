"""The descriptions of pictures that notebooks store, kept for readers who do not see them.

A picture's output carries its description as `metadata["image/png"]["alt"]`. MyST-NB does not read it there, but in the
metadata of the cell, as `mystnb.image.alt`.
"""

import json


def with_alt_text(source: str) -> str:
    """Return a notebook's text in which every code cell with a described picture says so where MyST-NB looks for it.

    A cell with several pictures gets the description of the first; `binding.pictures` tells them apart.
    """
    notebook = json.loads(source)
    for cell in notebook["cells"]:
        if found := [text for text in descriptions(cell) if text]:
            image = cell["metadata"].setdefault("mystnb", {}).setdefault("image", {})
            image.setdefault("alt", found[0])
    return json.dumps(notebook)


def descriptions(cell: dict) -> list[str]:
    """The description of each picture in a cell's outputs, in order; empty where there is none."""
    outputs = (output for output in cell.get("outputs", []) if "image/png" in output.get("data", {}))
    return [output.get("metadata", {}).get("image/png", {}).get("alt", "") for output in outputs]
