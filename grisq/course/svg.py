"""Elements of a drawing in SVG: boxes, arrows, links, and lines of text with a little mathematics.

A line of text is plain but for the mathematics between dollars, with `_` and `^` for what stands low and high:
"$f_0^{M,2}$".
"""

import re
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

Point = tuple[float, float]
Place = tuple[float, float, float, float]  # x, y, width, height

SMALLEST = 12.5  # size of text, units: 11 pixels where a drawing of 900 units is shown 800 pixels wide
INK, FAINT, PALE = "#1A1A1A", "#4D4D4D", "#8C8C8C"  # of text; of text that steps back; of frames
STYLES = {  # of a line of text
    "plain": "",
    "faint": f'fill="{FAINT}"',
    "bold": 'font-size="13.5" font-weight="bold"',
    "code": 'font-family="monospace"',
}
TEXT = (
    f'font-family="sans-serif" font-size="{SMALLEST}" fill="{INK}"'  # of a whole drawing, unless a line says otherwise
)
_MATH, _MATH_SIZE, _LOW, _HIGH = 'font-family="serif" font-style="italic"', 16, 4, -6
_TOKEN = re.compile(r"([_^])(?:\{([^}]*)\}|(.))|([^_^]+)")
_LINE, _TALL_LINE = 17, 21  # from one line in a box to the next, without and with something high
_HEAD = 7  # length of an arrow's head


def rectangle(
    place: Place, *, fill: str, stroke: str = INK, radius: float = 4, thick: float = 1, dashed: bool = False
) -> str:
    """A box. `place` says where it is, the other arguments how it is drawn."""
    x, y, width, height = (_number(value) for value in place)
    dashes = ' stroke-dasharray="6 4"' if dashed else ""
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{_number(radius)}" fill="{fill}" '
        f'stroke="{stroke}" stroke-width="{_number(thick)}"{dashes}/>'
    )


def arrow(points: Sequence[Point], *, dotted: bool = False) -> str:
    """A line along points, each straight above, below or beside the one before, with a head at the last."""
    (x0, y0), (x, y) = points[-2:]
    dx, dy = (x > x0) - (x < x0), (y > y0) - (y < y0)
    back, half = (x - _HEAD * dx, y - _HEAD * dy), _HEAD / 2
    head = ((x, y), (back[0] - half * dy, back[1] - half * dx), (back[0] + half * dy, back[1] + half * dx))
    dots = ' stroke-dasharray="1.5 4"' if dotted else ""
    return (
        f'<polyline points="{_points((*points[:-1], back))}" fill="none" stroke="{INK}" stroke-width="1.3"{dots}/>'
        f'<polygon points="{_points(head)}"/>'
    )


def way(start: Place, end: Place, corners: Sequence[Point] = ()) -> list[Point]:
    """The points that an arrow passes from the edge of one box to that of another.

    Args:
        start: a box.
        end: another one.
        corners: on the way; without any it is straight, in the middle of what the boxes have in common.
    """
    if corners:
        return [_edge(start, corners[0]), *corners, _edge(end, corners[-1])]
    (left, right), (top, bottom) = (
        (max(start[axis], end[axis]), min(start[axis] + start[axis + 2], end[axis] + end[axis + 2])) for axis in (0, 1)
    )
    if left < right:
        x = (left + right) / 2
        return [_edge(start, (x, end[1])), _edge(end, (x, start[1]))]
    y = (top + bottom) / 2
    return [_edge(start, (end[0], y)), _edge(end, (start[0], y))]


def text(at: Point, line: str, *, style: str = "plain", anchor: str = "middle", address: str = "") -> str:
    """A line of text.

    Args:
        at: where its baseline begins, has its middle or ends.
        line: its text, with mathematics between dollars.
        style: one of `STYLES`.
        anchor: "start", "middle" or "end".
        address: where its last part leads, which is underlined and begins after the last middle dot.
    """
    before, dot, last = line.rpartition("· ") if address else (line, "", "")
    runs = _runs(before + dot)
    if address:
        runs += f'<a href={quoteattr(address)} target="_top" text-decoration="underline">{_runs(last)}</a>'
    attributes = f" {STYLES[style]}" if STYLES[style] else ""
    return f'<text x="{_number(at[0])}" y="{_number(at[1])}" text-anchor="{anchor}"{attributes}>{runs}</text>'


def lines_in(place: Place, lines: Sequence[tuple[str, str]]) -> str:
    """Lines of text in the middle of a box; a line is its text and its style."""
    x, y, width, height = place
    heights = [_TALL_LINE if re.search(r"[\^Ŷ]", line) else _LINE for line, _ in lines]
    baseline, drawn = y + (height - sum(heights)) / 2 - 0.26 * _LINE, []
    for (line, style), tall in zip(lines, heights):
        baseline += tall
        drawn.append(text((x + width / 2, baseline), line, style=style))
    return "".join(drawn)


def link(content: str, address: str, title: str) -> str:
    """Elements that lead to an address; `title` says where to. Without an address they stay what they are."""
    if not address:
        return content
    return f'<a href={quoteattr(address)} target="_top"><title>{escape(title)}</title>{content}</a>'


def dimmed(content: str) -> str:
    """Elements that step back, together: where they overlap they are not darker."""
    return f'<g opacity="0.35">{content}</g>' if content else ""


def spoken(line: str) -> str:
    """A line of text without the marks of its mathematics: "f_0^M,2"."""
    return re.sub(r"[${}]", "", line)


def _edge(place: Place, toward: Point) -> Point:
    """Where a straight way from a box to a point beside, above or below it leaves the box."""
    x, y, width, height = place
    if y <= toward[1] <= y + height:
        return (x if toward[0] < x else x + width), toward[1]
    return toward[0], (y if toward[1] < y else y + height)


def _runs(line: str) -> str:
    parts = enumerate(line.split("$"))
    return "".join(_mathematics(part) if number % 2 else escape(part) for number, part in parts)


def _mathematics(formula: str) -> str:
    runs, height = [], 0
    for where, group, letter, base in _TOKEN.findall(formula):
        wanted = {"_": _LOW, "^": _HIGH, "": 0}[where]
        size = SMALLEST if where else _MATH_SIZE
        runs.append(_moved(group or letter or base, wanted - height, f'{_MATH} font-size="{size}"'))
        height = wanted
    return "".join(runs) + (_moved("\u200b", -height) if height else "")  # back to the line, by a space without width


def _moved(content: str, down: float, attributes: str = "") -> str:
    shift = f' dy="{_number(down)}"' if down else ""
    return f"<tspan{shift}{' ' + attributes if attributes else ''}>{escape(content)}</tspan>"


def _points(points: Iterable[Point]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _number(value: float) -> str:
    return f"{value:g}"
