"""Links that a page writes as HTML, which Sphinx leaves as they are."""

import re
from collections.abc import Callable
from pathlib import Path

from binding.links import destination, is_relative
from binding.pages import Contents

_LINK = re.compile(r"""(<a\b[^>]*\bhref=")([^"]+\.(?:ipynb|md)(?:#[^"]*)?)(")""")


def to_pages(html: str, page: Path, contents: Contents, address: Callable[[str], str]) -> str:
    """Return a page on which such links to other pages lead to them.

    Args:
        html: the page.
        page: its source.
        contents: of the book.
        address: gives the address of a page by its name, as seen from this one.
    """

    def replace(found: re.Match) -> str:
        target = destination(page, found[2], contents) if is_relative(found[2]) else None
        if target is None or target.kind != "page":
            return found[0]
        return f"{found[1]}{address(target.name)}{'#' * bool(target.anchor)}{target.anchor}{found[3]}"

    return _LINK.sub(replace, html)
