"""Order, size and relations of annotated instances, with margins beyond which people agree.

Every function returns None where the answer is unclear: nearly equal heights, nearly equal sizes, diagonal positions.
"""

from typing import NamedTuple

import numpy as np

from grisq.data.synthetic.noun_phrases import SIDE_BAND, Meaning
from grisq.data.synthetic.scene import Instance, Scene

POSITION_MARGIN = 0.07  # share of the picture's side: centers closer than this have no clear order
CENTER_BAND = 0.15  # share of the picture's width: how far from its center the middle one may be "in the middle"
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
    """Find the first `count` members from a side, counted by their centers.

    People also look at where a thing begins, so a large one whose edge lies farther out must not come later.

    Args:
        members: The instances to order.
        scene: The scene that holds them.
        side: left, right, top or bottom.
        count: How many to take.

    Returns:
        Their annotation ids, or None where the next member follows without a margin or begins farther out.
    """
    extent = scene.width if side in ("left", "right") else scene.height
    depths = {member.ann_id: _depths(member, side) for member in members}
    ordered = sorted(members, key=lambda m: depths[m.ann_id].center)
    first, rest = ([depths[m.ann_id] for m in part] for part in (ordered[:count], ordered[count:]))
    if first and rest:
        margin = rest[0].center - first[-1].center
        begins_later = max(depth.edge for depth in first) > min(depth.edge for depth in rest)
        if margin < POSITION_MARGIN * extent or begins_later:
            return None
    return frozenset(member.ann_id for member in ordered[:count])


class _Depths(NamedTuple):
    """How far a member lies from one side, in pixels; only differences between members matter."""

    center: float
    edge: float  # the one nearest to the side


def _depths(member: Instance, side: str) -> _Depths:
    axis = 0 if side in ("left", "right") else 1
    start, extent = member.box[axis], member.box[axis + 2]
    if side in ("left", "top"):
        return _Depths(member.center[axis], start)
    return _Depths(-member.center[axis], -(start + extent))


def middle(members: list[Instance], scene: Scene) -> Meaning:
    """Find the middle one of an odd number of members in a horizontal row; else None."""
    half = len(members) // 2
    if len(members) % 2 == 0 or len(members) < 3 or not _lies_across(members):
        return None
    before, after = (row(members, scene, side, half) for side in ("left", "right"))
    if before is None or after is None:
        return None
    return frozenset(member.ann_id for member in members) - before - after


def is_far_out(member: Instance, scene: Scene, side: str) -> bool:
    """Return whether a center lies clearly in the half of the picture at a side."""
    x, y = member.center[0] / scene.width, member.center[1] / scene.height
    depth = {"left": x, "right": 1 - x, "top": y, "bottom": 1 - y}[side]
    return depth <= 0.5 - SIDE_BAND


def is_most_central(member: Instance, members: list[Instance], scene: Scene) -> bool:
    """Return whether a member is near the picture's center, across its width, and clearly nearer than the others."""
    off = {other.ann_id: abs(other.center[0] / scene.width - 0.5) for other in members}
    own = off.pop(member.ann_id)
    return own <= CENTER_BAND and all(other - own >= POSITION_MARGIN for other in off.values())


def _lies_across(members: list[Instance]) -> bool:
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
