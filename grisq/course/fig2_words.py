"""What the drawing of the whole model says in words and numbers, from its boxes, the configuration and the paper."""

from collections.abc import Iterable, Sequence
from functools import cache

from grisq.config import preset
from grisq.config.answer import THRESHOLD
from grisq.course import svg
from grisq.course.fig2 import ARROWS, BOXES, PARTS, Arrow, Box, Part
from grisq.course.shapes import shapes_of
from grisq.experiments import paper


@cache
def where(part: Part) -> tuple[str, str]:
    """The part's place in the paper, such as "Eq. 3, 4", and the name of its notebook."""
    rows = paper.equations()
    rows = rows[rows["module"] == part.code]
    first, *others = rows["place"]
    return ", ".join([first, *(place.split()[-1] for place in others)]), rows["notebook"].iloc[0]


def describe(*lit: str) -> str:
    """Say in sentences what the drawing shows: what each part, or each lit part, reads and gives.

    Args:
        lit: parts, by their names in `grisq.course.fig2.PARTS`.
    """
    said = [_sentence(name) for name in PARTS if not lit or name in lit]
    beginning = "The whole model as boxes and arrows"
    if lit:
        verb = "is" if len(lit) == 1 else "are"
        beginning += f"; {' and '.join(lit)} {verb} lit, the rest is dimmed"
    return " ".join([f"{beginning}.", *said])


def _sentence(name: str) -> str:
    part, place = PARTS[name], where(PARTS[name])[0]
    inside = {box for box in BOXES if BOXES[box].part == name} | {name}
    if part.dashed:
        return f"{part.title} ({place}): {_list(_name(box) for box in BOXES if box in inside)}."
    reached = {arrow.end for arrow in ARROWS}
    reads = [_name(box) for box in BOXES if box in inside and not BOXES[box].is_step and box not in reached]
    reads += [_carried(arrow) for arrow in ARROWS if arrow.end in inside and arrow.start not in inside]
    gives = [_carried(arrow) for arrow in ARROWS if arrow.start in inside and arrow.end not in inside]
    gives = gives or [_name(box, line=-1) for box in BOXES if box in inside and BOXES[box].is_step]
    return f"{part.title} ({place}): {_list(reads)} in; {_list(gives)} out."


def _carried(arrow: Arrow) -> str:
    """What flows along an arrow: its label, or the tensor at one of its ends."""
    ends = [end for end in (arrow.start, arrow.end) if end in BOXES and not BOXES[end].is_step]
    return svg.spoken(arrow.label) if arrow.label else _name(ends[0])


def _name(box: str, line: int = 0) -> str:
    return svg.spoken(BOXES[box].lines[line].split(", ")[0])


def _list(names: Iterable[str]) -> str:
    *others, last = dict.fromkeys(names)
    return f"{', '.join(others)} and {last}" if others else last


def sizes(presets: Sequence[str]) -> str:
    """Say in a sentence the shape of every tensor at the presets."""
    tensors = {_name(name): shape_lines(box, presets) for name, box in BOXES.items() if box.tensor}
    listed = "; ".join(f"{name} {', '.join(shapes)}" for name, shapes in tensors.items())
    return f"Sizes at {names_of(presets)}: {listed}."


def names_of(presets: Sequence[str]) -> str:
    """Name presets with the sides of their pictures: "the presets paper (480 px), then tiny (128 px)"."""
    names = ", then ".join(f"{name} ({preset(name).model.image_size} px)" for name in presets)
    return f"the preset{'s' if len(presets) > 1 else ''} {names}"


def shape_lines(box: Box, presets: Sequence[str]) -> list[str]:
    """Lines that tell the shape of a box at the presets: one where it is the same, or a single number."""
    shapes = _unless_alike("×".join(map(str, shapes_of(name)[box.tensor])) for name in presets)
    lines = shapes if "×" in shapes[0] else [" / ".join(shapes)]
    return [line + box.unit for line in lines]


def facts_of(presets: Sequence[str]) -> dict[str, str]:
    """What lines of text name, as "6 / 2" where presets differ."""
    chosen = [preset(name) for name in presets]
    found = {
        "blocks": [each.model.blocks for each in chosen],
        "layers": [each.model.text.layers for each in chosen],
        "threshold": [THRESHOLD],
        "lambda_presence": [each.train.lambda_presence for each in chosen],
        "lambda_plurality": [each.train.lambda_plurality for each in chosen],
    }
    for stage in range(4):
        found[f"depth_{stage + 1}"] = [each.model.swin.depths[stage] for each in chosen]
    return {name: " / ".join(_unless_alike(map(str, values))) for name, values in found.items()}


def _unless_alike(values: Iterable[str]) -> list[str]:
    first, *others = values
    return [first, *others] if set(others) - {first} else [first]
