"""Docstrings are written as plain text with code in backticks; Sphinx reads reStructuredText.

What both understand stays: paragraphs, lists, and Google's sections. A sign that means something to Sphinx alone, such
as the bars of |x| or the star of a product, is kept from doing so. Lines that are set off by indentation or aligned in
columns, such as equations, are shown as they are.
"""

import re
from functools import cache

from binding.source_files import modules

SECTIONS = ("Args:", "Attributes:", "Example:", "Examples:", "Note:", "Raises:", "Returns:", "Yields:")
_CODE = re.compile(r"(`+)([^`]+)\1")
_NAME = re.compile(r"[A-Za-z_][\w.]*(\(\))?")
_SIGN = re.compile(r"([*|@\\])|(?<=\w)(_)(?!\w)")
_COLUMNS = re.compile(r"\S {3,}\S")  # lines in columns, such as equations below each other
_BULLET = re.compile(r"(\s*)([*-]|\d+\.) (.*)", re.DOTALL)
_SPREAD = re.compile(r"^(\s*)(\*{1,2})(?=\w+: )", re.MULTILINE)  # before the name of an argument
_HELD = {"*": "\0", "**": "\0\0"}


def escaped(text: str) -> str:
    """Return a piece of text in which nothing but code in backticks has a meaning for Sphinx."""
    pieces, end = [], 0
    for found in _CODE.finditer(text):
        pieces += [_without_signs(text[end : found.start()]), _code(found[2])]
        end = found.end()
    return "".join(pieces) + _without_signs(text[end:])


def readable(lines: list[str]) -> list[str]:
    """Rewrite a docstring's lines, which have no common indentation, for Sphinx with napoleon."""
    result: list[str] = []
    in_section = False
    for block in _blocks(lines):
        indented = block[0].startswith(" ")
        if block[0].strip() in SECTIONS:
            in_section = True
        elif not indented:
            in_section = False
        result += _section(block) if in_section else _literal(block) if indented else _paragraph(block)
        result.append("")
    return result[:-1]


def _code(text: str) -> str:
    """The package's own names become links; other code stays code."""
    found = _full_name(text.removesuffix("()")) if _NAME.fullmatch(text) else None
    # A lower-case word alone is more often an argument or a field than the function of that name.
    told = text.startswith("grisq.") or text[0].isupper() or text.endswith("()")
    return f":py:obj:`{text} <{found}>`" if found and told else f"``{text}``"


def _full_name(name: str) -> str | None:
    """The full name of something in the package, if its short name stands for one thing only."""
    if name.startswith("grisq."):
        return name
    first, dot, rest = name.partition(".")
    homes = _homes().get(first, [])
    return homes[0] + dot + rest if len(homes) == 1 else None


@cache
def _homes() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for module in modules().values():
        for name in module.public:
            found.setdefault(name, []).append(f"{module.name}.{name}")
    return found


def _without_signs(text: str) -> str:
    return _SIGN.sub(lambda found: "\\" + found[0], text.replace("`", "'"))


def _blocks(lines: list[str]) -> list[list[str]]:
    """Lines between blank ones."""
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


def _section(block: list[str]) -> list[str]:
    """Napoleon escapes the stars of `*args` itself."""
    text = _SPREAD.sub(lambda found: found[1] + _HELD[found[2]], "\n".join(block))
    return escaped(text).replace("\0", "*").split("\n")


def _paragraph(block: list[str]) -> list[str]:
    """Text or a list; lines that are indented further than the text are shown as they are."""
    if _BULLET.match(block[0]):
        return _list(block)
    if any(_COLUMNS.search(line) for line in block):
        return _literal(block)
    deeper = next((number for number, line in enumerate(block) if line.startswith("  ")), len(block))
    text, rest = block[:deeper], block[deeper:]
    after = next((number for number, line in enumerate(rest) if not line.startswith("  ")), len(rest))
    lines = escaped("\n".join(text)).split("\n")
    if rest:
        lines += ["", *_literal(rest[:after])]
    return [*lines, "", *_paragraph(rest[after:])] if rest[after:] else lines


def _list(block: list[str]) -> list[str]:
    lines = []
    for line in block:
        bullet = _BULLET.match(line)
        lines.append(f"{bullet[1]}{bullet[2]} {escaped(bullet[3])}" if bullet else escaped(line))
    return lines


def _literal(block: list[str]) -> list[str]:
    return ["::", "", *(f"  {line}" for line in block)]
