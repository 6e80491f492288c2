"""What JupyterLab folds, the book folds."""

import json

import nbformat

from binding.folded import with_folds


def test_folded_cells_get_the_tag():
    kinds = [{}, {"source_hidden": True}, {"outputs_hidden": True}, {"source_hidden": False}]
    cells = [nbformat.v4.new_code_cell("1", metadata={"jupyter": kind, "tags": ["parameters"]}) for kind in kinds]
    cells.append(nbformat.v4.new_markdown_cell("text"))
    found = json.loads(with_folds(nbformat.writes(nbformat.v4.new_notebook(cells=cells))))
    tags = [cell["metadata"]["tags"] for cell in found["cells"]]
    assert tags == [["parameters"], ["parameters", "hide-input"], ["parameters", "hide-output"], ["parameters"], []]
