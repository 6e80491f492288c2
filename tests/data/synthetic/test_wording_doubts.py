"""Doubtful wordings, counted in records made by hand."""

import pytest

from grisq.data.synthetic import wording_doubts
from grisq.data.synthetic.wording_doubts import count_doubts

INSTANCES = {
    "images": [{"id": 1, "width": 100, "height": 50}],
    "annotations": [{"id": i, "bbox": [10 * i, 5 * i, 4, 4]} for i in range(1, 10)],  # on the diagonal
}


def ref(form, sentence, targets, *words):
    tree = [form, ["kind", "cup"], *words]
    sentences = [{"sent": sentence}]
    return {
        "image_id": 1,
        "kind": form,
        "tree": tree,
        "sentences": sentences,
        "ann_id": targets or [-1],
        "no_target": not targets,
    }


@pytest.mark.parametrize(
    ("doubt", "record", "expected"),
    [
        (wording_doubts.ALL_BUT_ONE_OF_TWO, ref("except", "cups but the left one", [1]), (1, 1)),
        (wording_doubts.ALL_BUT_ONE_OF_TWO, ref("one", "cup", [1]), (0, 1)),
        (wording_doubts.ALL_BUT_ONE_OF_TWO, ref("except", "cups but the left one", [1, 2]), (0, 0)),
        (wording_doubts.OTHER_HALF, ref("extreme", "far left cup", [6], "left"), (1, 1)),
        (wording_doubts.OTHER_HALF, ref("extreme", "far left cup", [4], "left"), (0, 1)),
        (wording_doubts.OTHER_HALF, ref("extreme", "cup at the very bottom", [2], "bottom"), (1, 1)),
        (wording_doubts.OTHER_HALF, ref("extreme", "leftmost cup", [6], "left"), (0, 0)),
        (wording_doubts.GROUP_IN_OTHER_HALF, ref("group", "two cups on the left", [1, 6], 2, "left"), (1, 1)),
        (wording_doubts.GROUP_IN_OTHER_HALF, ref("group", "2 cups on right", [7, 8], 2, "right"), (0, 1)),
        (wording_doubts.GROUP_IN_OTHER_HALF, ref("group", "two leftmost cups", [1, 6], 2, "left"), (0, 0)),
        (wording_doubts.CLOTHES, ref("and", "girl in white and red backpack", [1, 2]), (1, 1)),
        (wording_doubts.CLOTHES, ref("and", "man with red shirt & bag", [1, 2]), (1, 1)),
        (wording_doubts.CLOTHES, ref("and", "girl in white and the red backpack", [1, 2]), (0, 1)),
        (wording_doubts.CLOTHES, ref("and", "red cup and blue cup", []), (0, 0)),
    ],
)
def test_each_doubt_is_counted_among_those_that_it_could_apply_to(doubt, record, expected):
    assert count_doubts([record], INSTANCES)[doubt] == expected
