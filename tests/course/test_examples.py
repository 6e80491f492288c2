from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np

from grisq.course import examples
from grisq.course.style import SCENARIO_COLORS, rgb
from grisq.data.masks import encode
from grisq.data.sample import open_picture
from grisq.experiments.results import Example


def test_a_stored_answer_is_drawn_and_judged(mini):
    """A denied target is drawn without mask; the same answer for nothing is right."""
    single = next(int(row) for row in mini.rows("val") if mini.target_counts[row] == 1)
    nothing = next(int(row) for row in mini.rows("val") if mini.target_counts[row] == 0)
    picture = np.asarray(open_picture(mini.image_path(mini.expression(single).image_id)))
    stored = Example(single, "text", encode(mini.mask(single)), presence=0.2, plurality=0.9)
    denied = examples.example_tile(stored, mini)
    assert denied.title == "✗ nothing (0.20)"
    drawn = examples.example_tile(Example(single, "text", encode(mini.mask(single)), 0.7, 0.9), mini)
    assert drawn.title == "✓ several (0.70)\nIoU 1.00"
    assert not np.array_equal(drawn.image, denied.image)
    assert drawn.image.shape == picture.shape
    empty = encode(np.zeros_like(mini.mask(nothing)))
    assert examples.example_tile(Example(nothing, "text", empty, 0.2, None), mini).title == "✓ nothing (0.20)"
    assert examples.example_tile(Example(nothing, "text", empty, None, None), mini).title == "✓ nothing"


def test_a_right_answer_with_a_poor_mask_is_not_right(mini):
    single = next(int(row) for row in mini.rows("val") if mini.target_counts[row] == 1)
    nothing = next(int(row) for row in mini.rows("val") if mini.target_counts[row] == 0)
    annotated = mini.mask(single)
    inside = np.flatnonzero(annotated)
    for share, title in (
        (0.0, "✗ one (0.90)\nIoU 0.00"),
        (0.25, "✗ one (0.90)\nIoU 0.2"),
        (0.75, "✓ one (0.90)\nIoU 0.7"),
    ):
        part = np.zeros_like(annotated)
        part.flat[inside[: int(share * len(inside))]] = 1
        tile = examples.example_tile(Example(single, "text", encode(part), 0.9, 0.1), mini)
        assert tile.title.startswith(title)
        assert tile.color == SCENARIO_COLORS["single-target"]  # of the answer, right or wrong
        assert part.any() == (tile.image == rgb(tile.color)).all(-1).any()  # so is the outline
    full = encode(np.ones_like(mini.mask(nothing)))
    assert examples.example_tile(Example(nothing, "text", full, 0.9, 0.1), mini).title == "✗ one (0.90)"


def test_systems_stand_below_the_annotation(mini):
    rows = [int(row) for row in mini.rows("val")[:3]]
    result = SimpleNamespace(examples=[Example(row, "text", encode(mini.mask(row)), 0.9, 0.1) for row in rows])
    figure = examples.example_grid(mini, {"first": result, "second": result}, [0, 2])
    assert len(figure.axes) == 3 * 2
    assert [text.get_text() for axis in figure.axes for text in axis.texts] == ["annotated", "first", "second"]
    assert figure.axes[1].get_title().replace("\n", " ") == mini.expression(rows[2]).text
    assert len(examples.example_grid(mini, {"first": result}).axes) == 2 * 3
    plt.close("all")
