from xml.etree import ElementTree

import pytest

from grisq.course import svg

SPACE = '<svg xmlns="http://www.w3.org/2000/svg">{}</svg>'


def runs(line, **how):
    """(text, how far below the baseline, italic) of each run of a line."""
    element, found, height = ElementTree.fromstring(svg.text((0, 0), line, **how)), [], 0.0
    if element.text:
        found.append((element.text, height, False))
    for run in element:
        height += float(run.get("dy", 0))
        found.append((run.text, height, run.get("font-style") == "italic"))
        if run.tail:
            found.append((run.tail, height, False))
    return found


def test_mathematics_stands_high_and_low_and_what_follows_on_the_line():
    assert runs("a & b") == [("a & b", 0, False)]
    (f, low, high, back, rest) = runs("$f_0^{M,2}$ in")
    assert f == ("f", 0, True)
    assert (low[0], high[0], rest[0]) == ("0", "M,2", " in")
    assert low[1] > 0 > high[1]
    assert back[1] == rest[1] == 0


def test_the_last_part_of_a_line_is_a_link():
    line = ElementTree.fromstring(svg.text((1, 2), "Eq. 1 · notebook <5>", address="a?b&c"))
    assert line.text == "Eq. 1 · "
    assert (line[0].tag, line[0].text, line[0].get("href")) == ("a", "notebook <5>", "a?b&c")


def test_marks_of_mathematics_are_not_spoken():
    assert svg.spoken("add $F^{M,1}$ to $e_0$") == "add F^M,1 to e_0"


@pytest.mark.parametrize(
    ("end", "corners", "way"),
    [
        ((50, 2, 10, 10), (), [(10, 6), (50, 6)]),  # to the right, in the middle of what they share
        ((-30, 0, 10, 4), (), [(0, 2), (-20, 2)]),
        ((4, 40, 10, 10), (), [(7, 10), (7, 40)]),
        ((4, -40, 10, 10), (), [(7, 0), (7, -30)]),
        ((40, 40, 10, 10), ((45, 5),), [(10, 5), (45, 5), (45, 40)]),
    ],
)
def test_arrows_leave_and_arrive_at_the_edges(end, corners, way):
    assert svg.way((0, 0, 10, 10), end, corners) == way


@pytest.mark.parametrize(("end", "head"), [((9, 0), "9,0 2,-3.5 2,3.5"), ((0, 9), "0,9 -3.5,2 3.5,2")])
def test_the_head_points_where_the_line_goes(end, head):
    drawn = ElementTree.fromstring(SPACE.format(svg.arrow([(0, 0), end])))
    drawn_head = {tuple(point.split(",")) for point in drawn[1].get("points").split()}
    assert drawn_head == {tuple(point.split(",")) for point in head.split()}


def test_what_leads_nowhere_is_no_link_and_nothing_needs_no_group():
    assert svg.link("<rect/>", "", "title") == "<rect/>"
    assert svg.dimmed("") == ""
