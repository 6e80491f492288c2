"""The model drawn on a page of the book: as SVG within the page, so that its boxes lead to classes and notebooks."""

from grisq.course.architecture import Links, architecture

_IN_THE_BOOK = Links("api/{package}.html#{name}", "notebooks/{notebook}.html")  # as seen from the front page


def architecture_with_links() -> str:
    """Write the whole model (Fig. 2) as an HTML block for the front page."""
    drawn = architecture(links=_IN_THE_BOOK).svg
    lines = [line for line in drawn.splitlines() if line.strip()]  # an empty line would end the block
    return "\n".join(['<div class="architecture">', *lines, "</div>"])
