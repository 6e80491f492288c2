"""Which frame photographs were annotated on: by size, by outlines, by the other photographs, by the user."""

import pytest

from grisq.data.inspection.findings import Findings
from grisq.data.inspection.orientation import Photograph, find_stored
from grisq.data.pictures import Header
from grisq.runtime.errors import InputError

SIDEWAYS = Header((160, 120), 6)
UPSIDE_DOWN, SQUARE = Header((160, 120), 3), Header((160, 160), 6)
UP, STORED = (120, 160), (160, 120)
LOW, RIGHT, MIDDLE = (50.0, 150.0), (150.0, 50.0), (60.0, 60.0)


def stored(*photographs, choice="auto"):
    given = {i: Photograph(f"{i}.jpg", *each) for i, each in enumerate(photographs)}
    findings = Findings()
    found = find_stored(given, choice, findings)
    return found, " ".join(findings.lines())


@pytest.mark.parametrize(
    ("photographs", "expected"),
    [
        ([(SIDEWAYS, UP, (MIDDLE,))], set()),
        ([(SIDEWAYS, UP, (RIGHT,))], set()),  # the size decides
        ([(SIDEWAYS, STORED, (LOW, MIDDLE))], set()),  # outlines fit the upright frame alone
        ([(SIDEWAYS, STORED, (RIGHT, MIDDLE))], {0}),
        ([(SIDEWAYS, (320, 240), (tuple(2 * v for v in RIGHT),))], {0}),  # annotated on an enlarged copy
        ([(SIDEWAYS, (60, 80), (MIDDLE,))], set()),
        ([(SIDEWAYS, STORED, (MIDDLE,)), (SIDEWAYS, STORED, (LOW,))], set()),  # follows the other
        ([(SIDEWAYS, STORED, (MIDDLE,)), (SIDEWAYS, STORED, (RIGHT,))], {0, 1}),
        ([(SIDEWAYS, STORED, (LOW,)), (SIDEWAYS, STORED, (RIGHT,))], {1}),
        ([(SQUARE, (160, 160), (LOW, RIGHT))], set()),
        ([(UPSIDE_DOWN, STORED, (RIGHT,))], set()),
        ([(SQUARE, (160, 160), ()), (SIDEWAYS, STORED, (RIGHT,))], {0, 1}),
        ([(SIDEWAYS, None, (MIDDLE,))], set()),
        ([(SIDEWAYS, None, (RIGHT,))], {0}),
    ],
)
def test_what_decides(photographs, expected):
    assert stored(*photographs)[0] == expected


def test_undecidable_asks_and_the_answer_decides():
    either = (SIDEWAYS, STORED, (MIDDLE,))
    with pytest.raises(InputError, match=r"1 photographs, for example 0\.jpg, .* --orientation upright .* or"):
        stored(either)
    assert stored(either, choice="upright")[0] == set()
    assert stored(either, choice="stored")[0] == {0}


def test_what_was_assumed_is_said():
    assert "--orientation stored takes it otherwise" in stored((SQUARE, (160, 160), ()))[1]
    assert "annotated on the upright picture" in stored((SIDEWAYS, UP, ()))[1]
    assert "annotated as stored" in stored((SQUARE, (160, 160), ()), choice="stored")[1]
