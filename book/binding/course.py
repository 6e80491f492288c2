"""What the front page says about the course: its parts, the aim of each notebook, and the tree of pages."""

from binding.fill import table
from binding.notebook import read_notebook
from binding.pages import API, Contents, Part


def parts(contents: Contents) -> str:
    """Write a section for every part that has notebooks, with a table of them."""
    return "\n\n".join(_section(part) for part in contents.parts if part.notebooks)


def trees(contents: Contents) -> str:
    """Write the table of contents of the sidebar, from which Sphinx also takes the order of the pages."""
    return "\n\n".join(_tree(part, contents) for part in contents.parts)


def _section(part: Part) -> str:
    rows = []
    for path in part.notebooks:
        notebook = read_notebook(path)
        rows.append([f"[{notebook.number} {notebook.title}](../notebooks/{path.name})", notebook.aim])
    return f"### {part.title}\n\n{part.about}\n\n{table(['notebook', 'what you can say at the end'], rows)}"


def _tree(part: Part, contents: Contents) -> str:
    entries = []
    for path in part.files:
        name = f"{API}/index" if path.name == API else contents.docname(path)
        title = contents.titles.get(path)
        entries.append(f"{title} </{name}>" if title else f"/{name}")
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {part.title}", "", *entries, "```"])
