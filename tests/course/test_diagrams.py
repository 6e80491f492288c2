"""The drawings of the systems: the color of a box says what its arrows say."""

import matplotlib.pyplot as plt
import pytest

from grisq.course.diagrams import DIAGRAMS, draw_system
from grisq.models.registry import SYSTEMS
from grisq.runtime.errors import InputError


def reached(diagram, start):
    """The boxes that arrows lead to from a box, and the box itself."""
    arrows = [arrow.split(" > ") for arrow in diagram.arrows]
    found = {start}
    while more := {end for begin, end in arrows if begin in found} - found:
        found |= more
    return found


def test_every_system_is_drawn():
    assert set(DIAGRAMS) == set(SYSTEMS)


@pytest.mark.parametrize("system", DIAGRAMS)
def test_a_box_has_seen_what_the_arrows_bring(system):
    diagram = DIAGRAMS[system]
    seen, heard = reached(diagram, "x"), reached(diagram, "t")
    for name, box in diagram.boxes.items():
        assert name in seen | heard, "nothing leads to it"
        if box.kind != "answer":
            assert (
                box.kind
                == {(True, False): "picture", (False, True): "words", (True, True): "both"}[name in seen, name in heard]
            )
    assert "mask" in seen & heard


def test_plurality_of_ours_never_sees_the_picture():
    """Sec. 3.2: it is read from the query after the words, before the features."""
    assert "plurality" not in reached(DIAGRAMS["grisq"], "x")
    assert "presence" in reached(DIAGRAMS["grisq"], "x") & reached(DIAGRAMS["grisq"], "t")


@pytest.mark.parametrize("system", DIAGRAMS)
def test_boxes_do_not_overlap(system):
    figure, axis = plt.subplots()
    draw_system(axis, system)
    extents = [patch.get_window_extent() for patch in axis.patches if hasattr(patch, "get_boxstyle")]
    assert len(extents) == len(DIAGRAMS[system].boxes)
    for i, one in enumerate(extents):
        assert not any(one.overlaps(other) for other in extents[i + 1 :])
    plt.close(figure)


def test_an_unknown_system_is_refused():
    with pytest.raises(InputError, match="There is no drawing of 'nobody'"):
        draw_system(None, "nobody")
