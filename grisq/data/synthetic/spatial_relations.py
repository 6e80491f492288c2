"""Order, size and relations of annotated instances, with margins beyond which people agree.

Every function returns None where the answer is unclear: nearly equal heights, nearly equal sizes, diagonal positions.
"""

import numpy as np

from grisq.data.synthetic.noun_phrases import Meaning
from grisq.data.synthetic.scene import Instance, Scene

POSITION_MARGIN = 0.07  # share of the picture's side: centers closer than this have no clear order
SIZE_RATIO = 1.4  # the biggest must be this many times as large as the second biggest
REACH = 0.2  # share of the picture's side: largest distance between two boxes that are "next to" each other


def extreme_in_size(members: list[Instance], largest: bool) -> Meaning:
    """Find the instance that is largest (or smallest) by a margin, both by visible area and by box; else None."""
    winners = set()
    for size in (lambda m: m.area, lambda m: m.box[2] * m.box[3]):
        first, second = sorted(members, key=size, reverse=largest)[:2]
        ratio = size(first) / max(size(second), 1e-9) if largest else size(second) / max(size(first), 1e-9)
        winners.add(first.ann_id if ratio >= SIZE_RATIO else None)
    return None if len(winners) > 1 or None in winners else frozenset(winners)


def row(members: list[Instance], scene: Scene, side: str, count: int) -> Meaning:
    """Find the first `count` members from a side.

    Args:
        members: The instances to order by their centers.
        scene: The scene that holds them.
        side: left, right, top or bottom.
        count: How many to take.

    Returns:
        Their annotation ids, or None where the next member follows without a margin.
    """
    axis, extent = (0, scene.width) if side in ("left", "right") else (1, scene.height)
    ordered = sorted(members, key=lambda m: m.center[axis], reverse=side in ("right", "bottom"))
    places = [member.center[axis] for member in ordered]
    if 0 < count < len(ordered) and abs(places[count] - places[count - 1]) < POSITION_MARGIN * extent:
        return None
    return frozenset(member.ann_id for member in ordered[:count])


def lies_across(members: list[Instance]) -> bool:
    """Return whether the centers form a row, not a column or a heap, so that one can be in the middle."""
    xs, ys = zip(*(member.center for member in members))
    return max(xs) - min(xs) >= 1.5 * (max(ys) - min(ys))


def holds(relation: str, member: Instance, landmark: Instance, scene: Scene) -> bool | None:
    """Return whether a relation holds between two centers.

    It is also unclear between an object and what contains most of it: an apple is not "left of" its bowl.

    Args:
        relation: left of, right of, above or below.
        member: The instance that stands in the relation.
        landmark: The instance that it is related to.
        scene: The scene that holds both.

    Returns:
        None where the relation neither clearly holds nor clearly fails.
    """
    if _overlap(member, landmark) > 0.5:
        return None
    dx = landmark.center[0] - member.center[0]
    dy = landmark.center[1] - member.center[1]
    along, across = (dx, dy) if relation in ("left of", "right of") else (dy, dx)
    if relation in ("right of", "below"):
        along = -along
    margin = POSITION_MARGIN * min(scene.width, scene.height)
    if along >= margin and along >= abs(across):
        return True
    return False if along <= -margin / 2 else None


def _overlap(first: Instance, second: Instance) -> float:
    """Return the share of the smaller box that lies inside the other one."""
    (x1, y1, w1, h1), (x2, y2, w2, h2) = first.box, second.box
    width, height = min(x1 + w1, x2 + w2) - max(x1, x2), min(y1 + h1, y2 + h2) - max(y1, y2)
    return max(width, 0) * max(height, 0) / max(min(w1 * h1, w2 * h2), 1e-9)


def _gap(first: Instance, second: Instance) -> float:
    """Return the distance between two boxes in pixels; 0 where they touch or overlap."""
    (x1, y1, w1, h1), (x2, y2, w2, h2) = first.box, second.box
    dx, dy = max(x1 - x2 - w2, x2 - x1 - w1, 0), max(y1 - y2 - h2, y2 - y1 - h1, 0)
    return float(np.hypot(dx, dy))


def nearest(members: list[Instance], landmark: Instance, scene: Scene) -> Meaning:
    """Find the one of several members that is nearest to the landmark, within reach and by a margin; else None."""
    if len(members) < 2:
        return None
    side = min(scene.width, scene.height)
    ranked = sorted(members, key=lambda m: _gap(m, landmark))
    first, second = _gap(ranked[0], landmark), _gap(ranked[1], landmark)
    clear = first <= REACH * side and second - first >= 1.5 * POSITION_MARGIN * side
    return frozenset({ranked[0].ann_id}) if clear else None
