"""Signatures: defaults that Sphinx can read, and lines instead of a list without terms."""

import re

_LIST = re.compile(r"<dl>\s*(<dd><em class=\"sig-param\">.*?)</dl>", re.DOTALL)
_LINE = re.compile(r"<dd>(.*?)</dd>", re.DOTALL)


def as_lines(html: str) -> str:
    """Return a page whose signatures are lines, each in a `span` of the class `sig-line`."""
    return _LIST.sub(lambda found: _LINE.sub(r'<span class="sig-line">\1</span>', found[1]), html)


def readable(signature: str | None) -> str | None:
    """Return a signature whose defaults are Python: with `<factory>` Sphinx would cut it at every comma."""
    return signature and signature.replace("<factory>", "...")
