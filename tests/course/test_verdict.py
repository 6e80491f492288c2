import numpy as np
import pytest

from grisq.course.style import SCENARIO_COLORS, rgb
from grisq.course.verdict import color_of, iou, verdict
from grisq.inference.prediction import NO_ANSWER, OUTLINES

TARGET = np.array([[True, True, True, True], [False] * 4])
HALF, THIRD = np.array([[True, True, False, False], [False] * 4]), np.array([[True, True, False, False], [True] * 4])


@pytest.mark.parametrize(
    ("answer", "mask", "target", "title"),
    [
        ("nothing", HALF, None, "✓ nothing (0.25)"),  # the mask of a "nothing" is ignored
        ("one", HALF, None, "✗ one (0.25)"),
        ("nothing", TARGET, TARGET, "✗ nothing (0.25)"),
        ("one", HALF, TARGET, "✓ one (0.25)\nIoU 0.50"),
        ("several", THIRD, TARGET, "✗ several (0.25)\nIoU 0.25"),
        ("one", np.zeros_like(TARGET), TARGET, "✗ one (0.25)\nIoU 0.00"),  # a tick never stands above an empty mask
    ],
)
def test_a_mark_tells_whether_the_answer_is_right(answer, mask, target, title):
    assert verdict(answer, 0.25, mask, target) == title
    assert verdict(answer, None, mask, target) == title.replace(" (0.25)", "")


def test_the_color_is_that_of_the_kind_answered_whether_it_is_right_or_wrong():
    assert [color_of(answer) for answer in ("nothing", "one", "several")] == [*SCENARIO_COLORS.values()]
    assert color_of("present") not in SCENARIO_COLORS.values()


def test_iou_equals_a_count_by_hand_and_is_zero_for_two_empty_masks():
    assert iou(HALF, TARGET) == 2 / 4
    assert iou(THIRD, TARGET) == 2 / 8
    assert iou(np.zeros_like(TARGET), np.zeros_like(TARGET)) == 0


def test_pictures_of_the_segmenter_have_the_colors_of_the_figures():
    assert {answer: rgb(color_of(answer)) for answer in OUTLINES} == OUTLINES
    assert rgb(color_of("present")) == NO_ANSWER
