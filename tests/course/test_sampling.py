import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from grisq.analysis.trace import trace
from grisq.course import sampling
from grisq.data.sample import collate
from grisq.runtime.errors import InputError

SIDE, PLACE = 64, (2, 3)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


@pytest.fixture
def sample(reader, mini):
    """A picture that is padded below."""
    samples = (reader.read(int(row)) for row in mini.rows("train"))
    return next(sample for sample in samples if sample.letterbox.fitted_height < 60)


@pytest.fixture
def traced(model, sample):
    return trace(model, *collate([sample]).inputs())


def dots(axis):
    """The spots of an axis in drawing order: places (points, 2) and areas (points,) of every head."""
    found = [each for each in axis.collections if len(each.get_offsets()) == 2 and len(each.get_sizes()) == 2]
    return np.stack([each.get_offsets() for each in found]), np.stack([each.get_sizes() for each in found])


def test_spots_are_those_of_the_position_and_their_areas_the_weights(sample, traced):
    weights = traced.sampling[1][1]
    weights.copy_(torch.rand_like(weights).flatten(3).softmax(-1).view_as(weights))  # before training all are equal
    figure = sampling.sampling_figure(sample, traced, 1, PLACE)
    locations, weights = (each[0, PLACE[0] * 8 + PLACE[1]].numpy() for each in traced.sampling[1])
    for level, axis in enumerate(figure.axes[1:]):
        places, areas = dots(axis)
        expected = SIDE * locations[:, level]  # (heads, points, 2)
        near = ((expected > -10) & (expected < 10 + sample.letterbox.fitted_height)).all(-1)
        assert near.any()
        np.testing.assert_allclose(places[near], expected[near], atol=1e-4)
        share = weights[:, level] / len(weights)
        np.testing.assert_allclose(np.corrcoef(areas.flat, share.flat)[0, 1], 1, atol=1e-6)
        assert f"{100 * share.sum():.0f} % of the weight" in axis.get_title()


def test_a_spot_far_outside_stands_hollow_at_the_edge(sample, traced):
    locations, weights = traced.sampling[0]
    locations[...] = 0.4
    locations[0, PLACE[0] * 8 + PLACE[1], 0, 0, 1, 0] = 5.0  # head 1, finest level, second point, x
    axis = sampling.sampling_figure(sample, traced, 0, PLACE).axes[1]
    places, _ = dots(axis)
    assert sample.letterbox.fitted_width < places[0, 1, 0] < axis.get_xlim()[1]
    assert places[0, 1, 1] == pytest.approx(0.4 * SIDE)
    faces = axis.collections[2].get_facecolors()  # after the two sets of grid lines
    assert faces[0, 3] == 1
    assert faces[1, 3] == 0
    share = 100 * float(weights[0, PLACE[0] * 8 + PLACE[1], 0, 0, 1]) / weights.shape[2]
    assert f"{share:.0f} % outside" in axis.get_title()


def test_a_cell_has_the_mean_color_of_the_picture_in_it(sample, traced):
    axis = sampling.sampling_figure(sample, traced, 0, PLACE).axes[2]  # stride 16
    drawn = np.asarray(axis.images[0].get_array())
    np.testing.assert_allclose(drawn[0, 1], sample.image[:16, 16:32].mean((0, 1)) / 255, atol=1e-6)
    height = sample.letterbox.fitted_height
    row = height // 16  # the last one, of which a part is padding
    expected = sample.image[16 * row : height, :16].mean((0, 1)) / 255
    np.testing.assert_allclose(drawn[row, 0], expected, atol=1e-6)


def test_the_legend_names_every_head_and_the_axes_show_no_numbers(sample, traced):
    figure = sampling.sampling_figure(sample, traced, 0, PLACE)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[:2] == ["head 1", "head 2"]
    assert all(axis.get_xticks().size == 0 for axis in figure.axes)


def test_a_position_beyond_the_grid_is_named(sample, traced):
    with pytest.raises(InputError, match="8x8"):
        sampling.sampling_figure(sample, traced, 0, (2, 8))
