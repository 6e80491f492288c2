"""The links and anchors of a Markdown text, as a reader of the repository sees them."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

_TAG = re.compile(r"<[a-z]\w*\s[^>]*>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""\b(href|src|id|name)\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
_TARGET = re.compile(r"^\(([\w-]+)\)=$", re.MULTILINE)  # MyST's name for a place
_PARSER = MarkdownIt("commonmark").enable("table")


@dataclass
class Text:
    """What a text refers to and what it can be referred to by."""

    links: list[str] = field(default_factory=list)  # targets of links and pictures, in their order
    anchors: set[str] = field(default_factory=set)

    def add(self, other: "Text") -> None:
        """Take over the links and anchors of another piece of the same page."""
        self.links += other.links
        self.anchors |= other.anchors


def read(path: Path) -> Text:
    """Read a Markdown file, or the Markdown cells of a notebook."""
    content = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return parse(content)
    found = Text()
    for cell in json.loads(content)["cells"]:
        if cell["cell_type"] == "markdown":
            found.add(parse("".join(cell["source"])))
    return found


def parse(text: str) -> Text:
    """Parse a Markdown text. YAML before it is left out."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    found = Text(anchors=set(_TARGET.findall(text)))
    tokens = _PARSER.parse(text)
    for before, token in zip([None, *tokens], tokens):
        for each in (token, *(token.children or [])):
            _add(each, found)
        if before is not None and before.type == "heading_open":
            found.anchors.add(slug(token.content))
    return found


def slug(heading: str) -> str:
    """Return the anchor of a heading: lower case, without punctuation, with hyphens for spaces."""
    plain = "".join(t.content for t in _PARSER.parseInline(heading)[0].children if t.type in ("text", "code_inline"))
    return re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")


def _add(token: Token, found: Text) -> None:
    if token.type in ("link_open", "image"):
        found.links.append(str(token.attrs["href" if token.type == "link_open" else "src"]))
    if token.type in ("html_inline", "html_block"):
        for name, value in _ATTRIBUTE.findall(" ".join(_TAG.findall(token.content))):
            if name.lower() in ("href", "src"):
                found.links.append(value)
            else:
                found.anchors.add(value)
