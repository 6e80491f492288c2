import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from grisq.course import cells
from grisq.runtime.errors import InputError


@pytest.fixture
def axis():
    figure, axis = plt.subplots()
    yield axis
    plt.close(figure)


def lines_of(axis, width):
    """Where vertical lines of a width lie."""
    drawn = [lines for lines in axis.collections if lines.get_linewidth()[0] == width]
    ends = [segment[:, 0] for lines in drawn for segment in lines.get_segments()]
    return sorted({float(x[0]) for x in ends if x[0] == x[1]})


@pytest.mark.parametrize(("shift", "borders"), [(0, [16, 32, 48]), (2, [8, 24, 40, 56])])
def test_windows_cut_the_picture_where_they_begin(axis, reader, mini, shift, borders):
    rows = mini.rows("train")
    sample = next(s for s in map(reader.read, map(int, rows)) if s.letterbox.fitted_width == 64)
    cells.cut_axis(axis, sample, 4, 4, shift=shift)
    assert lines_of(axis, 1.8) == borders
    assert lines_of(axis, 0.5) == list(range(4, 64, 4))


def test_a_window_has_its_color_and_every_cell_its_letter(axis):
    windows = np.array([[0, 1], [2, 4]])
    cells.window_axis(axis, windows, letters=[["a", "b"], ["c", "d"]])
    image = axis.images[0]
    drawn = [[to_hex(color).upper() for color in line] for line in image.to_rgba(image.get_array())]
    assert drawn == [[cells.WINDOW_COLORS[number] for number in line] for line in windows]
    assert {text.get_text(): text.get_position() for text in axis.texts} == {
        "a": (0, 0),
        "b": (1, 0),
        "c": (0, 1),
        "d": (1, 1),
    }
    with pytest.raises(InputError, match="colors for 4 windows, not for 5"):
        cells.window_axis(axis, [[5]])


def test_what_is_exactly_zero_is_not_colored(axis):
    cells.value_axis(axis, [[0.0, 1e-12], [-1.0, 2.0]], mark=(1, 0), vmin=-2, vmax=2)
    assert axis.images[0].get_array().mask.tolist() == [[True, False], [False, False]]
    assert axis.lines[0].get_xydata().tolist() == [[0, 1]]


def test_the_figure_of_windows_shows_the_pairs_of_each_cut():
    """A row of two windows of two, shifted by one: the roll moves the letters, and a piece sees itself alone."""
    plain, shifted, pieces = ([line, line] for line in ([1, 1, 2, 2], [2, 1, 1, 2], [0, 1, 1, 2]))
    figure = cells.windows_figure(plain, shifted, pieces, shift=1)
    drawn = [axis.images[0].get_array() for axis in figure.axes]
    assert drawn[3].tolist() == [[1, 1, 2, 2]] * 2
    letters = {text.get_position(): text.get_text() for text in figure.axes[3].texts}
    assert "".join(letters[x, 0] for x in range(4)) == "BBCA"
    assert (drawn[1] > 0).sum() == 2 * 4**2
    assert (drawn[4] > 0).sum() == 4**2 + 2 * 2**2
    assert drawn[4][0].tolist() == [2, 0, 0, 0, 2, 0, 0, 0]  # the first position sees its own column
    plt.close(figure)


def test_biases_are_drawn_where_the_head_looks():
    """The number of the offset "the one that looks minus the one looked at" = (-1, 0) belongs to what lies below."""
    table = np.zeros(9)
    table[1] = 1  # of the 3x3 offsets of a window of 2: (-1, 0)
    figure = cells.bias_figure(np.arange(16).reshape(4, 4), {"head": table})
    assert figure.axes[1].images[0].get_array().filled(0).tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert [text.get_text() for text in figure.axes[0].texts] == [str(number) for number in range(16)]
    plt.close(figure)


def test_the_figure_of_stages_cuts_at_each_stages_stride(reader, mini):
    sample = next(s for s in map(reader.read, map(int, mini.rows("train"))) if s.letterbox.fitted_width == 64)
    figure = cells.stages_figure(sample, 4, [(1, 0), (2, 0), (2, 2)])
    assert [lines_of(axis, 1.8) for axis in figure.axes[1:]] == [[16, 32, 48], [32], [16, 48]]
    assert [axis.get_title() for axis in figure.axes] == ["the picture", "stage 1", "stage 2", "stage 2, shifted"]
    plt.close(figure)


def test_words_and_vectors_are_named_beside_what_moves():
    figure = cells.exchange_figure({"a": np.ones((2, 4)), "b": np.eye(2, 4)}, ["[CLS]", "red", "cup", "[SEP]"], "dog")
    for axis in figure.axes[:2]:
        assert [label.get_text() for label in axis.get_xticklabels()] == ["[CLS]", "red", "cup", "[SEP]"]
        assert [label.get_text() for label in axis.get_yticklabels()] == ["red", "cup"]
    plt.close(figure)


def test_maps_share_one_color_bar():
    figure = cells.values_figure({"one": [[0.0, 1.0]], "two": [[2.0, 0.0]]}, mark=(0, 0), label="far", vmax=3)
    assert [axis.get_title() for axis in figure.axes] == ["one", "two", ""]
    assert all(axis.images[0].get_clim() == (0, 3) for axis in figure.axes[:2])
    plt.close(figure)
