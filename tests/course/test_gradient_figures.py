import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from grisq.course.gradient_figures import cosine_points, gradient_dots
from grisq.runtime.errors import InputError

LABELS = {"pixel": "1 × pixel", "presence": "0.1 × presence"}


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def table(**columns):
    return pd.DataFrame(columns, index=["query", "decoder"])


def test_dots_are_medians_with_their_range_and_zero_stands_apart():
    batches = [table(pixel=[0.0, 0.1 * n], presence=[0.2, 0.4 * n]) for n in (1, 2, 4)]
    none, axis = gradient_dots(batches, LABELS).axes
    drawn = [container.lines[0].get_xdata()[0] for container in axis.containers]
    np.testing.assert_allclose(drawn, [0.2, 0.2, 0.8])  # the decoder's pixel term; presence of both parts
    np.testing.assert_allclose(axis.containers[0].lines[2][0].get_segments()[0][:, 0], [0.1, 0.4])
    (dot,) = [line for line in none.lines if len(line.get_xdata())]
    assert dot.get_ydata()[0] == pytest.approx(0, abs=0.3)  # the query, which the pixel loss does not reach
    assert axis.get_xscale() == "log"
    assert axis.yaxis_inverted()
    (legend,) = axis.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(LABELS.values())


def test_the_legend_lies_inside_the_canvas_and_outside_the_axes():
    figure = gradient_dots([table(pixel=[0.1, 0.2], presence=[0.2, 0.3])], LABELS)
    figure.canvas.draw()
    legend, canvas = figure.legends[0].get_window_extent(), figure.bbox
    assert canvas.x0 <= legend.x0 < legend.x1 <= canvas.x1
    assert canvas.y0 <= legend.y0 < legend.y1 < min(axis.get_window_extent().y0 for axis in figure.axes)


def test_nothing_but_zeros_is_one_sentence():
    with pytest.raises(InputError, match="no gradient"):
        gradient_dots([table(pixel=[0.0, 0.0])], LABELS)


def test_cosines_show_every_batch_and_their_mean():
    (axis,) = cosine_points({"encoder": [0.1, 0.3], "decoder": [-0.5, -0.1]}).axes
    dots = [list(line.get_xdata()) for line in axis.lines if line.get_marker() == "o"]
    means = [line.get_xdata()[0] for line in axis.lines if line.get_marker() == "|"]
    assert dots == [[0.1, 0.3], [-0.5, -0.1]]
    np.testing.assert_allclose(means, [0.2, -0.3])
    assert axis.get_xlim() == (-1, 1)
