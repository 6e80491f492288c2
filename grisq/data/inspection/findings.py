"""What was found amiss in annotations: each fault with its count and its first example."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Fault(NamedTuple):
    """One way in which records can be wrong."""

    part: str  # which records: "annotations", "pictures", ...
    what: str  # a verb phrase; {have}, {are}, {their}, {do} and {reach} follow the number
    consequence: str  # what is done about it, or what the user can do


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
            f"{self._fact(fault, entry)}: {fault.consequence}." if consequences else f"{self._fact(fault, entry)}."
            for fault, entry in self.found.items()
        ]

    def _fact(self, fault: Fault, entry: _Found) -> str:
        one = entry.count == 1
        what = fault.what.format_map(_ONE if one else dict(zip(_ONE, _ONE)))
        total = self.totals.get(fault.part)
        number = f"{entry.count:,} of {total:,}" if total else f"{entry.count:,}"
        part = fault.part if total or not one else fault.part.removesuffix("s")
        return f"{number} {part} {what}, {'it is' if one else 'the first is'} {entry.first}"


_ONE = {"have": "has", "are": "is", "their": "its", "do": "does", "reach": "reaches"}


NO_OUTLINE = Fault(
    "annotations",
    "{have} no outline",
    "no expression mentions their category in these pictures; --boxes-as-masks takes boxes for masks",
)
OUTSIDE = Fault(
    "annotations",
    "{have} an outline outside {their} picture",
    "no expression mentions their category in these pictures",
)
WRONG_RUNS = Fault(
    "annotations",
    "{have} run lengths that {do} not fit {their} picture",
    "no expression mentions their category in these pictures",
)
PARTS_LOST = Fault("annotations", "{have} an outline with unreadable parts", "the parts that can be read are used")
CUT_OFF = Fault("annotations", "{reach} beyond {their} picture", "what lies outside is cut off")
BOX_AS_MASK = Fault("annotations", "{have} no outline", "their boxes are used as masks")
OTHER_AREA = Fault(
    "annotations", "{have} an area that is missing or contradicts the outline", "it is computed from the outline"
)
OTHER_BOX = Fault(
    "annotations", "{have} a bbox that is missing or contradicts the outline", "it is computed from the outline"
)
COPIES = Fault("annotations", "{are} in the file twice", "each is counted once")
IMAGE_COPIES = Fault("pictures", "{are} in the file twice", "each is counted once")
NOTHING_CLEAR = Fault("pictures", "{have} nothing about which an expression would be clear", "left out")
