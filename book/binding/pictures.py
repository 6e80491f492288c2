"""The pictures of a notebook's page: each with its own description, and with a caption in place of printed text."""

import json
from collections.abc import Iterator

from docutils import nodes

from binding.alt_text import descriptions


def describe(document: nodes.document, source: str) -> None:
    """Give every picture of a page its own description, and make of the same text printed below it a caption.

    Args:
        document: the page of a notebook, as MyST-NB made it.
        source: the notebook.
    """
    cells = json.loads(source)["cells"]
    for container in _code_cells(document):
        texts = descriptions(cells[container["cell_index"]])
        for picture, text in zip(_pictures(container), texts):
            picture["alt"] = text
        for printed in list(container.findall(nodes.literal_block)):
            if (text := printed.astext().strip()) and text in texts:
                printed.replace_self(nodes.paragraph(text, text, classes=["figure-caption"]))


def _code_cells(document: nodes.document) -> Iterator[nodes.container]:
    return (node for node in document.findall(nodes.container) if node.get("nb_element") == "cell_code")


def _pictures(cell: nodes.container) -> list[nodes.image]:
    return [
        picture
        for form in cell.findall(nodes.container)
        if form.get("mime_type") == "image/png"
        for picture in form.findall(nodes.image)
    ]
