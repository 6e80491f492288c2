"""Counts wordings that promise something else than their label.

To mend them changes every expression that is drawn after them, so the sets keep them until the next FORMAT; each is an
expected failure in the tests.
"""

import re
from collections.abc import Iterator
from typing import Any

_PLACE = re.compile(r"\bfar |\bvery ")
_GROUP_AT_SIDE = re.compile(r" on (the )?(left|right)$")
_COLORS = "red|orange|yellow|green|blue|purple|pink|brown|white|black"
_CARRIED = "backpack|rucksack|bag|handbag|purse|suitcase|umbrella"
_CLOTHES = re.compile(rf"\b(in|wearing|with) ({_COLORS})( shirt)? (and|&) ({_COLORS}|{_CARRIED})\b")

ALL_BUT_ONE_OF_TWO = 'single-target expressions are worded as a plural: "all dogs except the red one" of two dogs'
OTHER_HALF = 'expressions with "far" or "very" are about something in the other half of the picture'
GROUP_IN_OTHER_HALF = 'expressions such as "two cups on the left" include one in the other half of the picture'
CLOTHES = '"and"-lists could be read as one person\'s clothes: "girl in white and red backpack"'


def count_doubts(refs: list[dict[str, Any]], instances: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Count doubtful sentences.

    Args:
        refs: The ref records of a set.
        instances: Its instances document.

    Returns:
        For each doubt in words: the number of sentences, and the number of those that it could apply to.
    """
    sides = {image["id"]: (image["width"], image["height"]) for image in instances["images"]}
    boxes = {record["id"]: record["bbox"] for record in instances["annotations"]}
    counts = {doubt: [0, 0] for doubt in (ALL_BUT_ONE_OF_TWO, OTHER_HALF, GROUP_IN_OTHER_HALF, CLOTHES)}
    for ref in refs:
        if ref["no_target"]:
            continue
        centers = [_center(boxes[i], *sides[ref["image_id"]]) for i in ref["ann_id"]]
        for sentence in ref["sentences"]:
            for doubt, holds in _doubts(ref, sentence["sent"], centers):
                counts[doubt][0] += holds
                counts[doubt][1] += 1
    return {doubt: (found, total) for doubt, (found, total) in counts.items()}


def _doubts(ref: dict[str, Any], sentence: str, centers: list[tuple[float, float]]) -> Iterator[tuple[str, bool]]:
    """Yield each doubt that could apply to a sentence, and whether it does."""
    if len(centers) == 1:
        yield ALL_BUT_ONE_OF_TWO, ref["kind"] == "except"
    if ref["kind"] == "extreme" and _PLACE.search(sentence):
        yield OTHER_HALF, not _is_toward(ref["tree"][2], centers[0])
    if ref["kind"] == "group" and _GROUP_AT_SIDE.search(sentence):
        yield GROUP_IN_OTHER_HALF, not all(_is_toward(ref["tree"][3], center) for center in centers)
    if ref["kind"] == "and":
        yield CLOTHES, bool(_CLOTHES.search(sentence))


def _center(box: list[float], width: int, height: int) -> tuple[float, float]:
    """Return the center of a box in shares of the picture."""
    return (box[0] + box[2] / 2) / width, (box[1] + box[3] / 2) / height


def _is_toward(side: str, center: tuple[float, float]) -> bool:
    """Return whether a center lies in the half of the picture at this side."""
    along = center[0] if side in ("left", "right") else center[1]
    return along <= 0.5 if side in ("left", "top") else along >= 0.5
