import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from grisq.analysis.trace import trace
from grisq.course import attention
from grisq.data.sample import collate


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_heat_lies_on_the_picture_and_not_on_the_padding(reader, mini):
    row = next(int(r) for r in mini.rows("train") if reader.read(int(r)).letterbox.fitted_height < 60)
    sample = reader.read(row)
    axis = plt.figure().subplots()
    values = torch.rand(8, 8)
    drawn = attention.heat_axis(axis, sample, values, top=2)
    assert drawn.get_clim() == (0, 2)  # what a color bar shows
    np.testing.assert_array_equal(drawn.get_array(), values)
    assert axis.images[1].get_extent() == [0, 64, 64, 0]  # the grid covers the canvas, of which the picture is a part
    assert axis.get_xlim() == (0, sample.letterbox.fitted_width)
    assert axis.get_ylim() == (sample.letterbox.fitted_height, 0)


def test_listening_maps_are_the_shares_of_each_token_on_one_scale(model, reader, mini):
    sample = reader.read(int(mini.rows("val")[0]))
    tokens = reader.tokenizer.tokens(sample.text)
    traced = trace(model, *collate([sample]).inputs())
    figure = attention.listening_figure(sample, tokens, traced, (2, 3))
    *axes, bar = figure.axes
    axes = np.array(axes).reshape(2, 1 + len(tokens))
    assert [axis.get_title() for axis in axes[1, 1:]] == tokens
    for line, stage, side in zip(axes, (2, 3), (8, 4)):
        maps = np.stack([axis.images[1].get_array() for axis in line[1:]])
        np.testing.assert_allclose(maps.sum(0), np.ones((side, side)), atol=1e-5)  # a position hears all tokens
        np.testing.assert_allclose(maps[1].flatten(), traced.word_attention[stage - 1][0, :, 1], atol=1e-6)
    scales = {axis.images[1].get_clim() for axis in axes[:, 1:].flat}
    assert len(scales) == 1
    assert bar.get_ylabel() == "share of attention"


def test_an_expression_longer_than_the_model_reads_is_cut(model, reader):
    axis = plt.figure().subplots()
    attention.word_axis(axis, [str(number) for number in range(30)], torch.full((20,), 0.05))
    assert len(axis.patches) == len(axis.get_yticklabels()) == 20
