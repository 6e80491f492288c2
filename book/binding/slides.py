"""Slides: the cells of a lecture's notebooks that have a slide type, as a reveal.js page that needs no network.

A cell takes part if its metadata say so, `{"slideshow": {"slide_type": TYPE}}`, which JupyterLab's property inspector
writes: `slide` begins a slide, `subslide` one below it, `fragment` a piece that appears later, `-` goes on, `notes` are
the speaker's. All other cells stay out.

Code is shown where it is the point: in a cell that prints, or that has no output. A cell that displays something, a
picture, a table, a listing, shows that without its code, and one with pictures shows nothing else. So does a cell with
the tag `hide-input` or `remove-input`.
"""

import base64
import mimetypes
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote

import nbformat
from nbconvert import SlidesExporter
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from traitlets.config import Config

from binding.lectures import Deck, read_decks
from binding.links import is_relative
from grisq.runtime.errors import InputError
from grisq.runtime.files import write_text
from grisq.runtime.paths import ROOT

TYPES = ("slide", "subslide", "fragment", "-", "notes")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_HIDDEN_INPUT = {"hide-input", "remove-input"}
VENDOR = ROOT / "book" / "vendor"


class _ForTheWall(Preprocessor):
    """Leave out what a lecture has no use for: code that is not the point, prints beside a picture, dead widgets."""

    def preprocess_cell(self, cell: NotebookNode, resources: dict, index: int) -> tuple[NotebookNode, dict]:
        if cell.cell_type != "code":
            return cell, resources
        shown = [output for output in cell.outputs if "data" in output]
        pictures = [output for output in shown if "image/png" in output.data]
        if shown or _HIDDEN_INPUT & set(cell.metadata.get("tags", [])):
            cell.metadata.transient = {"remove_source": True}
        cell.outputs = pictures or cell.outputs
        for output in shown:
            output.data.pop("application/vnd.jupyter.widget-view+json", None)  # there is no kernel to draw it
        return cell, resources


def slide_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells that take part. Raises InputError for a slide type that does not exist."""
    found = []
    for cell in notebook.cells:
        kind = cell.metadata.get("slideshow", {}).get("slide_type", "skip") or "skip"
        if kind not in (*TYPES, "skip"):
            raise InputError(f"A cell has the slide type {kind!r}: use {', '.join(TYPES)} or skip.")
        if kind != "skip":
            found.append(cell)
    return found


def standing_alone(cell: NotebookNode, folder: Path) -> NotebookNode:
    """Put the pictures that a cell's text shows into the cell, and leave the words of its links to other files."""

    def replace(found: re.Match) -> str:
        picture, words, target = found.groups()
        if not is_relative(target):
            return found[0]
        if not picture:
            return words
        path = folder / unquote(target)
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        name = f"picture-{len(cell.setdefault('attachments', {}))}"
        cell.attachments[name] = {mimetypes.guess_type(path.name)[0]: data}
        return f"![{words}](attachment:{name})"

    if cell.cell_type == "markdown":
        cell.source = _LINK.sub(replace, cell.source)
    return cell


def compose(deck: Deck) -> NotebookNode:
    """Put the slides of a deck's notebooks behind a title slide; the notebook has no cells if none has a slide type."""
    slides = []
    for number, path in enumerate(deck.notebooks):
        for cell in slide_cells(nbformat.read(path, as_version=4)):
            cell.id = f"{number}-{cell.id}"[:64]  # two notebooks may use the same one
            slides.append(standing_alone(cell, path.parent))
    if not slides:
        return nbformat.v4.new_notebook()
    title = nbformat.v4.new_markdown_cell(f"# {deck.title}", metadata={"slideshow": {"slide_type": "slide"}})
    if slides[0].metadata.slideshow.slide_type != "slide":
        slides[0].metadata.slideshow.slide_type = "slide"  # what goes on would go on the title
    return nbformat.v4.new_notebook(cells=[title, *slides], metadata={"title": deck.title})


def write_deck(deck: Deck, out: Path, assets: str) -> Path | None:
    """Write a deck as HTML.

    Args:
        deck: its notebooks.
        out: folder of the page.
        assets: address of the folder that holds `mathjax/` and `reveal/`, relative to the page.

    Returns:
        The page; None if no cell has a slide type.
    """
    notebook = compose(deck)
    if not notebook.cells:
        return None
    exporter = SlidesExporter(
        config=Config(
            {
                "SlidesExporter": {
                    "extra_template_basedirs": [str(ROOT / "book" / "slides")],
                    "template_name": "course",
                    "reveal_url_prefix": f"{assets}/reveal",
                    "exclude_anchor_links": True,
                }
            }
        ),
        preprocessors=[_ForTheWall],
    )
    resources = {"assets": assets, "metadata": {"name": deck.name}}
    page, _ = exporter.from_notebook_node(notebook, resources)
    path = out / f"{deck.name}.html"
    write_text(path, page)
    return path


def decks_list() -> str:
    """Write a list of the decks as Markdown, for the teacher's page; a deck that has slides is a link."""
    lines = []
    for deck in read_decks():
        name = f'<a href="slides/{deck.name}.html">{deck.title}</a>' if compose(deck).cells else deck.title
        lines.append(f"* {name}" + (" (no cell has a slide type yet)" if name == deck.title else ""))
    return "\n".join(lines)


def write_slides(out: Path, assets: str | None = None) -> list[Path]:
    """Write every deck that has slides into a folder.

    Args:
        out: the folder.
        assets: where MathJax and reveal.js are, relative to the pages; by default they are copied into the folder.
    """
    out.mkdir(parents=True, exist_ok=True)
    pages = [page for deck in read_decks() if (page := write_deck(deck, out, assets or "."))]
    if pages and assets is None:
        for name in ("mathjax", "reveal"):
            shutil.copytree(VENDOR / name, out / name, dirs_exist_ok=True)
    return pages


def main() -> None:
    """Write the decks into the folder that is named, and say where they are: `make slides`."""
    out = Path(sys.argv[1])
    pages = write_slides(out)
    print(*(pages or ["No notebook of a deck has a cell with a slide type: set some in JupyterLab."]), sep="\n")


if __name__ == "__main__":
    main()
