"""The hooks by which Sphinx makes a book of the repository's files."""

import hashlib
from collections.abc import Callable
from functools import wraps
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from binding import (
    alt_text,
    api,
    course,
    demo,
    docstrings,
    drawings,
    fields,
    fill,
    folded,
    pictures,
    raw_links,
    signatures,
    slides,
    tables,
    written_tables,
)
from binding.link_transform import Links
from binding.pages import contents
from binding.project import Pages
from grisq.runtime.errors import InputError

WRITERS = written_tables.WRITERS | {
    "architecture": drawings.architecture_with_links,
    "demo": demo.demo_link,
    "decks": slides.decks_list,
}
_held_back: dict[str, list[str]] = {}  # the text of attributes by their names


def setup(app: Sphinx) -> dict[str, bool]:
    """Register everything."""
    app.add_config_value("repository", "", "env", str)
    app.add_config_value("machinery", _digest(), "env", str)  # a change of these modules changes every page
    app.add_transform(Links)
    app.connect("builder-inited", plainly(find_pages), priority=100)
    app.connect("env-get-outdated", always_again)
    app.connect("env-before-read-docs", explain_fields)
    app.connect("source-read", plainly(prepare_source))
    app.connect("doctree-read", describe_pictures)
    app.connect("autodoc-process-docstring", prepare_docstring, priority=400)  # before napoleon
    app.connect("autodoc-process-docstring", restore_attribute, priority=600)
    app.connect("autodoc-process-signature", prepare_signature)
    app.connect("html-page-context", finish_page)
    app.connect("build-finished", plainly(copy_folders))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def plainly(handler: Callable) -> Callable:
    """Let a handler's complaint about an input end the build with its sentence alone."""

    @wraps(handler)
    def handle(*arguments: object) -> object:
        try:
            return handler(*arguments)
        except InputError as error:
            raise SystemExit(str(error)) from None  # Sphinx would show an error of its own with a traceback

    return handle


def _digest() -> str:
    texts = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256(b"".join(texts)).hexdigest()


def find_pages(app: Sphinx) -> None:
    """Read the table of contents, write the pages of the API reference, and tell Sphinx which files are pages."""
    demo.demo_folder()  # a wrong one is noticed before the work, not behind it
    generated = api.write_pages(Path(app.doctreedir).parent / "book-api")
    pages = Pages(app.srcdir, app.config.source_suffix, contents().by_docname() | generated)
    pages.restore(app.project)
    app.project = app.env.project = pages


def always_again(app: Sphinx, env: BuildEnvironment, *changes: set[str]) -> list[str]:
    """Name the pages that are partly written by the build: they depend on more files than Sphinx can know."""
    return [name for name, path in contents().by_docname().items() if fill.is_filled(path)]


def prepare_source(app: Sphinx, page: str, source: list[str]) -> None:
    """Fill in a page's own lines; tell MyST-NB about the descriptions of pictures and about folded cells."""
    path = contents().by_docname().get(page)
    if path is None:
        return
    if path.suffix == ".ipynb":
        source[0] = folded.with_folds(alt_text.with_alt_text(source[0]))
        return
    own = {"course": lambda: course.parts(contents()), "trees": lambda: course.trees(contents())}
    source[0] = fill.fill(source[0], WRITERS | own, str(path.relative_to(contents().root)))


def describe_pictures(app: Sphinx, document: nodes.document) -> None:
    """Give every picture of a notebook its own description."""
    path = contents().by_docname().get(app.env.docname)
    if path is not None and path.suffix == ".ipynb":
        pictures.describe(document, path.read_text(encoding="utf-8"))


def explain_fields(app: Sphinx, env: BuildEnvironment, names: list[str]) -> None:
    """Give the fields on the pages that are to be read the comments behind them."""
    for name in names:
        if name.startswith("api/"):
            fields.explain(name)


def prepare_docstring(app: Sphinx, kind: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Make a docstring readable for Sphinx, before napoleon reads it."""
    if lines and lines[0].startswith("Alias for field number"):
        lines.clear()  # what a named tuple says of every field
    lines[:] = docstrings.readable(lines)
    if kind == "attribute":  # in which napoleon takes "a: b" for a type and its meaning
        _held_back[name] = lines.copy()
        lines.clear()


def prepare_signature(
    app: Sphinx, kind: str, name: str, thing: object, options: object, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Make the defaults in a signature readable for Sphinx."""
    return signatures.readable(signature), returned


def restore_attribute(app: Sphinx, kind: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Bring back what napoleon should not see."""
    if kind == "attribute":
        lines[:] = _held_back.pop(name)


def finish_page(app: Sphinx, page: str, template: str, context: dict, document: nodes.document | None) -> None:
    """Make tables and signatures readable, and links work that are written as HTML."""
    if "body" not in context:
        return
    body = signatures.as_lines(tables.readable(context["body"]))
    if path := contents().by_docname().get(page):
        body = raw_links.to_pages(body, path, contents(), lambda name: app.builder.get_relative_uri(page, name))
    context["body"] = body


def copy_folders(app: Sphinx, error: Exception | None) -> None:
    """Add what is not made of pages."""
    if error is None and app.builder.format == "html":
        demo.copy_demo(Path(app.outdir))
        slides.write_slides(Path(app.outdir) / "slides", "../_static")
