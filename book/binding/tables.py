"""Tables that can be read: header cells say what they are the header of, and what belongs together stays in a line."""

import re

_TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)
_HEAD = re.compile(r"<thead\b.*?</thead>", re.DOTALL)
_TOGETHER = re.compile(r"(?<=\d) (±|to) (?=[+−-]?\d)")  # a spread, an interval
_CELL = re.compile(r"<th\b([^>]*)>")


def readable(html: str) -> str:
    """Return a page whose tables' header cells have a scope: `col` or `colgroup` in the head, `row` in the body."""
    return _TABLE.sub(lambda table: _in_table(table[0]), html)


def _in_table(table: str) -> str:
    table = _HEAD.sub(lambda head: _CELL.sub(_of_column, head[0]), table)
    table = _TOGETHER.sub(lambda sign: f"\u00a0{sign[1]}\u00a0", table)
    return _CELL.sub(lambda cell: cell[0] if "scope=" in cell[1] else f'<th scope="row"{cell[1]}>', table)


def _of_column(cell: re.Match) -> str:
    # pandas writes an attribute that HTML does not have.
    attributes = re.sub(r'\s*halign="\w+"', "", cell[1])
    if "scope=" in attributes:
        return f"<th{attributes}>"
    wide = re.search(r'colspan="([2-9]|\d\d+)"', attributes)
    return f'<th scope="{"colgroup" if wide else "col"}"{attributes}>'
