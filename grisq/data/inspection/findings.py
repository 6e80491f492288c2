"""What was found amiss in annotations: each fault with its count and its first example."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Fault(NamedTuple):
    """One way in which records can be wrong."""

    part: str  # which records: "annotations", "pictures", ...
    what: str  # a verb phrase; words in braces, those of _ONE, follow the number
    consequence: str  # what is done about it, or what the user can do; also with words in braces


@dataclass
class _Found:
    count: int = 0
    first: str = ""


@dataclass
class Findings:
    """Faults in the order in which they were met, for `lines()`."""

    totals: dict[str, int] = field(default_factory=dict)  # how many records each part has
    found: dict[Fault, _Found] = field(default_factory=dict)

    def add(self, fault: Fault, example: object, count: int = 1) -> None:
        """Count a fault; the first example is kept."""
        entry = self.found.setdefault(fault, _Found(first=str(example)))
        entry.count += count

    def lines(self, *, consequences: bool = True) -> list[str]:
        """One sentence a fault, such as "38 of 41 annotations have no outline, the first is 7: ..."."""
        return [
            f"{self._fact(fault, entry)}: {_inflected(fault.consequence, entry.count)}."
            if consequences
            else f"{self._fact(fault, entry)}."
            for fault, entry in self.found.items()
        ]

    def _fact(self, fault: Fault, entry: _Found) -> str:
        one = entry.count == 1
        what = _inflected(fault.what, entry.count)
        total = self.totals.get(fault.part)
        number = f"{entry.count:,} of {total:,}" if total else f"{entry.count:,}"
        part = fault.part if total or not one else fault.part.removesuffix("s")
        return f"{number} {part} {what}, {'it is' if one else 'the first is'} {entry.first}"


_ONE = {
    "have": "has",
    "are": "is",
    "their": "its",
    "reach": "reaches",
    "these pictures": "this picture",
    "boxes": "box",
    "masks": "a mask",
    "copies": "a copy",
    "they": "it",
    "each": "it",
}


def _inflected(text: str, count: int) -> str:
    """A sentence's words in braces, for one record or for several."""
    return text.format_map(_ONE if count == 1 else dict(zip(_ONE, _ONE)))


NO_OUTLINE = Fault(
    "annotations",
    "{have} no outline",
    "no expression mentions {their} category in {these pictures}; --boxes-as-masks takes boxes for masks",
)
OUTSIDE = Fault(
    "annotations",
    "{have} an outline outside {their} picture",
    "no expression mentions {their} category in {these pictures}",
)
WRONG_RUNS = Fault(
    "annotations",
    "{have} run lengths that do not fit {their} picture",
    "no expression mentions {their} category in {these pictures}",
)
PARTS_LOST = Fault("annotations", "{have} an outline with unreadable parts", "the parts that can be read are used")
CUT_OFF = Fault("annotations", "{reach} beyond {their} picture", "what lies outside is cut off")
OTHER_AREA = Fault(
    "annotations", "{have} an area that is missing or contradicts the outline", "it is computed from the outline"
)
OTHER_BOX = Fault(
    "annotations", "{have} a bbox that is missing or contradicts the outline", "it is computed from the outline"
)
COPIES = Fault("annotations", "{are} in the file twice", "{each} is counted once")
IMAGE_COPIES = Fault("pictures", "{are} in the file twice", "{each} is counted once")
NOTHING_CLEAR = Fault("pictures", "{have} nothing about which an expression would be clear", "left out")


def box_as_mask(fault: Fault) -> Fault:
    """The same fault of an outline where the box is used in its place."""
    return fault._replace(consequence="{their} {boxes} {are} used as {masks}")
