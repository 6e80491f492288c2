"""Photographs with an EXIF turn: were they annotated on the upright picture or on the stored one?

Every viewer shows the upright picture, so most annotation tools annotate it. A tool that ignores EXIF shows the
stored one. What decides, picture by picture: the size in the JSON where that is the upright size; where it is the
stored size, whether the outlines fit only one of the two frames. A picture that has the same size either way decides
nothing by itself; it follows the others, and is upright where none of them decides.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from grisq.data.inspection.findings import Fault, Findings
from grisq.data.pictures import Header, has_shape
from grisq.runtime.errors import InputError

CHOICES = ("auto", "upright", "stored")
_SLACK = 2.0  # pixels by which outlines may leave their frame
UPRIGHT = Fault("pictures", "{are} turned by EXIF", "annotated on the upright picture, which is what is read")
STORED = Fault(
    "pictures",
    "{are} turned by EXIF but annotated as stored",
    "the set gets {copies} without the turn, which viewers show as {they} {are} annotated",
)
ASSUMED = Fault(
    "pictures",
    "{are} turned by EXIF without a change of size",
    "taken as annotated on the upright picture, as viewers show it; --orientation stored takes it otherwise",
)


@dataclass(frozen=True)
class Photograph:
    """What bears on the frame of one picture."""

    name: str
    header: Header
    size: tuple[int, int] | None  # (width, height) in the JSON
    corners: tuple[tuple[float, float], ...] = field(default=(), repr=False)  # of all outlines and boxes


def find_stored(photographs: Mapping[int, Photograph], choice: str, findings: Findings) -> set[int]:
    """Find the ids of pictures that are annotated on the stored pixels; all others are upright.

    Args:
        photographs: by image id, those that EXIF turns.
        choice: decides on the pictures whose own size and outlines leave the frame open. With "upright" or "stored"
            it is that one, whatever the other pictures show. With "auto" they follow the others; where those do not
            agree, pictures of the same size either way are upright.
        findings: gets how many are turned.

    Raises:
        InputError: the choice is "auto", the outlines of a picture fit both frames or neither, and the other pictures
            do not agree on one.
    """
    verdicts = {image_id: _verdict(each) for image_id, each in photographs.items()}
    known = {verdict for verdict in verdicts.values() if verdict in ("upright", "stored")}
    by_others = known.pop() if len(known) == 1 else None
    stored = set()
    for image_id, verdict in verdicts.items():
        each, fault = photographs[image_id], None
        if verdict in ("either", "same size"):
            decided = by_others if choice == "auto" else choice
            if decided is None and verdict == "either":
                raise InputError(_undecided(photographs, verdicts))
            fault = ASSUMED if decided is None else None
            verdict = decided or "upright"
        if verdict == "stored":
            stored.add(image_id)
        findings.add(fault or (STORED if verdict == "stored" else UPRIGHT), each.name)
    return stored


def fits(corners: Iterable[tuple[float, float]], size: tuple[int, int]) -> bool:
    """Whether no corner lies to the right of a frame of that size (width, height) or below it.

    Both frames of a picture begin at 0, so negative corners lie outside of both and do not tell them apart.
    """
    return all(x <= size[0] + _SLACK and y <= size[1] + _SLACK for x, y in corners)


def _verdict(each: Photograph) -> str:
    """ "upright", "stored", "either" where outlines fit both frames, or "same size" where the frames have one size."""
    upright, stored = each.header.upright, each.header.stored
    if upright == stored:
        return "same size"
    size = each.size or stored
    like_upright, like_stored = has_shape(size, *upright), has_shape(size, *stored)
    if size == upright or (like_upright and not like_stored):
        return "upright"
    if size != stored and like_upright:  # nearly square, and reduced
        return "same size"
    in_stored, in_upright = fits(each.corners, size), fits(each.corners, size[::-1])
    if in_stored == in_upright:
        return "either" if each.size else "same size"
    return "stored" if in_stored else "upright"


def _undecided(photographs: Mapping[int, Photograph], verdicts: Mapping[int, str]) -> str:
    names = [photographs[image_id].name for image_id, verdict in verdicts.items() if verdict == "either"]
    return (
        f"{len(names):,} photographs, for example {names[0]}, are turned by EXIF, have the stored size in the JSON, "
        "and outlines that fit both frames or neither: give --orientation upright if they were annotated as viewers "
        "show them, or --orientation stored."
    )
