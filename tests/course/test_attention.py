import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from grisq.analysis.trace import trace
from grisq.course import attention
from grisq.data.sample import collate
from grisq.runtime.errors import InputError


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_heat_lies_on_the_picture_and_not_on_the_padding(reader, mini):
    row = next(int(r) for r in mini.rows("train") if reader.read(int(r)).letterbox.fitted_height < 60)
    sample = reader.read(row)
    axis = plt.figure().subplots()
    attention.heat_axis(axis, sample, torch.rand(8, 8))
    assert axis.images[1].get_extent() == [0, 64, 64, 0]  # the grid covers the canvas, of which the picture is a part
    assert axis.get_xlim() == (0, sample.letterbox.fitted_width)
    assert axis.get_ylim() == (sample.letterbox.fitted_height, 0)


def test_sampling_spots_are_those_of_the_position(model, reader, mini):
    sample = reader.read(int(mini.rows("val")[0]))
    traced = trace(model, *collate([sample]).inputs())
    figure = attention.sampling_figure(sample, traced, 1, (2, 3))
    locations, weights = (each[0, 2 * 8 + 3] for each in traced.sampling[1])
    for level, axis in enumerate(figure.axes):
        drawn = np.concatenate([dots.get_offsets() for dots in axis.collections if len(dots.get_offsets()) == 2])
        np.testing.assert_allclose(drawn, 64 * locations[:, level].reshape(-1, 2), atol=1e-4)
        share = 100 * float(weights[:, level].sum() / len(weights))
        assert f"{share:.0f} % of the weight" in axis.get_title()


def test_a_position_beyond_the_grid_is_named(model, reader, mini):
    sample = reader.read(int(mini.rows("val")[0]))
    traced = trace(model, *collate([sample]).inputs())
    with pytest.raises(InputError, match="8x8"):
        attention.sampling_figure(sample, traced, 0, (2, 8))


def test_an_expression_longer_than_the_model_reads_is_cut(model, reader):
    axis = plt.figure().subplots()
    attention.word_axis(axis, [str(number) for number in range(30)], torch.full((20,), 0.05))
    assert len(axis.patches) == len(axis.get_yticklabels()) == 20
