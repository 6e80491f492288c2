"""The whole model as one drawing (Fig. 2), with the sizes of two presets; parts can be lit and the rest dimmed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from IPython.display import Markdown, display

from grisq.course import svg
from grisq.course.drawing import Drawing, card
from grisq.course.fig2 import ARROWS, BOXES, NOTES, PARTS, SIZE, Arrow, Box, Part
from grisq.course.fig2_words import describe, facts_of, names_of, shape_lines, sizes, where
from grisq.course.style import OKABE_ITO, tint
from grisq.runtime.errors import InputError

PRESETS = ("paper", "tiny")
# Fill and corners of a box: what it has seen is told by more than color.
_KINDS = {
    "picture": (tint(OKABE_ITO["sky blue"], 0.3), 0),
    "words": (tint(OKABE_ITO["yellow"], 0.5), 12),
    "both": (tint(OKABE_ITO["reddish purple"], 0.35), 4),
    "answer": (tint(OKABE_ITO["orange"], 0.4), 4),
    "learned": ("#FFFFFF", 12),
    "training": ("#FFFFFF", 0),
    "frame": ("#F7F7F7", 8),
}
_LEGEND = {"picture": "has seen the picture", "words": "the words", "both": "both", "answer": "output"}
_ABBREVIATIONS = {  # by the height of the line
    114: "PWAM: pixel-word",
    131: "attention",
    154: "MSDS: multi-scale",
    171: "deformable",
    188: "self-attention",
}
_THICK = 2.2  # line around an output


class Links(NamedTuple):
    """Where a box leads: addresses with `{path}`, or `{package}` and `{name}`, of its code, and with `{notebook}`."""

    code: str = ""
    notebook: str = ""

    def to(self, code: str) -> str:
        """The address of a class or function by its full name; empty without links."""
        module = code.rpartition(".")[0]
        return self.code.format(path=module.replace(".", "/"), package=module.rpartition(".")[0], name=code)


IN_FIGURES = Links("../{path}.py", "../notebooks/{notebook}.ipynb")  # as seen from the folder figures/
NO_LINKS = Links()


def architecture(*lit: str, presets: Sequence[str] = PRESETS, links: Links = NO_LINKS) -> Drawing:
    """Draw the whole model.

    Args:
        lit: parts to light, by their names in `grisq.course.fig2.PARTS`; none: nothing is dimmed.
        presets: whose sizes stand in the boxes.
        links: where boxes lead.

    Raises:
        InputError: there is no such part or preset.
    """
    if unknown := [part for part in lit if part not in PARTS]:
        raise InputError(f"The drawing has no part {unknown[0]!r}: choose from {', '.join(PARTS)}.")
    facts = facts_of(presets)
    arrows, boxes = _lit(set(lit or PARTS))
    parts = lit or PARTS
    body = [
        *_legend(presets),
        *(_shown(_frame(part, links, emphasized=name in lit), name in parts) for name, part in PARTS.items()),
        svg.dimmed("".join(_arrow(arrow) for arrow in ARROWS if arrow not in arrows)),  # together: some share a stretch
        *(_arrow(arrow) for arrow in ARROWS if arrow in arrows),
        *(_shown(_box(box, presets, facts, links), name in boxes) for name, box in BOXES.items()),
        *(_shown(svg.text(note.at, note.line % facts, anchor="start"), note.part in parts) for note in NOTES),
    ]
    title, alt = "The whole model (Fig. 2)", describe(*lit)
    description = f"{alt} {sizes(presets)}"
    return Drawing(card(SIZE, body, title=title, description=description, linked=links != NO_LINKS), alt, SIZE[0])


def show(*lit: str, presets: Sequence[str] = PRESETS) -> None:
    """Display the drawing in a notebook, and below it links to the notebook of each part; the lit ones are bold.

    Args: as `architecture`.
    """
    display(architecture(*lit, presets=presets))
    guide = []
    for name, part in PARTS.items():
        place, notebook = where(part)
        guide.append(f"{f'**{part.title}**' if name in lit else f'[{part.title}]({notebook}.ipynb)'} ({place})")
    display(Markdown(" · ".join(guide)))


def _lit(parts: set[str]) -> tuple[set[Arrow], set[str]]:
    """The arrows into, in and out of parts, and the names of their boxes, of what they read and of their outputs."""
    arrows = {arrow for arrow in ARROWS if {_part(arrow.start), _part(arrow.end)} & parts}
    boxes = {name for name, box in BOXES.items() if box.part in parts}
    for arrow in arrows:
        if arrow.start in BOXES and not BOXES[arrow.start].is_step and _part(arrow.end) in parts:
            boxes.add(arrow.start)
        if arrow.end in BOXES and BOXES[arrow.end].kind == "answer":
            boxes.add(arrow.end)
    return arrows, boxes


def _part(name: str) -> str:
    return BOXES[name].part if name in BOXES else name


def _place(name: str) -> svg.Place:
    return BOXES[name].place if name in BOXES else PARTS[name].frame


def _shown(drawn: str, is_lit: bool) -> str:
    return drawn if is_lit else svg.dimmed(drawn)


def _frame(part: Part, links: Links, *, emphasized: bool) -> str:
    fill, radius = _KINDS["training" if part.dashed else "frame"]
    stroke, thick = (svg.INK, 3) if emphasized else (svg.PALE, 1)
    at_title, at_code, at_place = part.header
    place, notebook = where(part)
    line, address = f"{place} · notebook {notebook.split('_')[0]}", links.notebook.format(notebook=notebook)
    return "".join(
        [
            svg.rectangle(part.frame, fill=fill, stroke=stroke, radius=radius, thick=thick, dashed=part.dashed),
            svg.text(at_title, part.title, style="bold", anchor="start"),
            svg.text(at_code, part.code.split(".")[-1], style="code", anchor="start", address=links.to(part.code)),
            svg.text(at_place, line, anchor="start", address=address),
        ]
    )


def _arrow(arrow: Arrow) -> str:
    points = svg.way(_place(arrow.start), _place(arrow.end), arrow.corners)
    label = svg.text(arrow.label_at, arrow.label) if arrow.label else ""
    return svg.arrow(points, dotted=arrow.repeats) + label


def _box(box: Box, presets: Sequence[str], facts: Mapping[str, str], links: Links) -> str:
    fill, radius = _KINDS[box.kind]
    lines = [(line % facts, "plain") for line in box.lines]
    if box.tensor:
        lines += zip(shape_lines(box, presets), ("plain", *["faint"] * len(presets)))
    drawn = svg.rectangle(
        box.place,
        fill=fill,
        stroke=svg.PALE if box.kind == "training" else svg.INK,
        radius=radius,
        thick=_THICK if box.kind == "answer" else 1,
        dashed=box.kind == "training",
    )
    code = box.code or PARTS[box.part].code
    place, notebook = where(PARTS[box.part])
    about = f"{code.split('.')[-1]} ({place}, notebook {notebook.split('_')[0]})"
    return svg.link(drawn + svg.lines_in(box.place, lines), links.to(code), about)


def _legend(presets: Sequence[str]) -> Iterator[str]:
    x = 228
    yield svg.text((x, 33), "The whole model (Fig. 2)", style="bold", anchor="start")
    for kind, line in _LEGEND.items():
        fill, radius = _KINDS[kind]
        thick = _THICK if kind == "answer" else 1
        yield svg.rectangle((x, 45, 22, 14), fill=fill, radius=min(radius, 7), thick=thick)
        yield svg.text((x + 28, 57), line, anchor="start")
        x += 52 + 7.2 * len(line)
    yield svg.text((228, 79), f"Sizes at {names_of(presets)}; one sample", anchor="start")
    for y, line in _ABBREVIATIONS.items():
        yield svg.text((354, y), line, anchor="start")
