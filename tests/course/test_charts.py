import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from grisq.course.charts import (
    difference_points,
    grouped_bars,
    head_points,
    level_points,
    mean_points,
    roc_bars,
    stacked_shares,
)
from grisq.course.style import SCENARIO_COLORS, rgb
from grisq.data.scenarios import SCENARIOS
from grisq.evaluation.intervals import Difference


@pytest.fixture
def axis():
    yield plt.figure().subplots()
    plt.close("all")


def test_bars_stand_in_groups_and_keep_their_values(axis):
    table = pd.DataFrame({"one": [1.0, 2.0], "other": [3.0, 4.0]}, index=["a", "b"])
    grouped_bars(axis, table)
    bars = axis.patches
    assert [bar.get_height() for bar in bars] == [1, 2, 3, 4]
    centers = [bar.get_x() + bar.get_width() / 2 for bar in bars]
    assert np.allclose([(centers[0] + centers[2]) / 2, (centers[1] + centers[3]) / 2], [0, 1])
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["one", "other"]
    assert bars[0].get_hatch() != bars[2].get_hatch()


def test_bars_about_anything_but_scenarios_have_other_colors(axis):
    grouped_bars(axis, pd.DataFrame({name: [1.0] for name in "abcdefg"}, index=["x"]))
    of_scenarios = {rgb(color) for color in SCENARIO_COLORS.values()}
    drawn = [tuple(round(255 * channel) for channel in bar.get_facecolor()[:3]) for bar in axis.patches]
    assert not of_scenarios & set(drawn)
    assert len(set(drawn)) == 5  # then hatching alone tells them apart


def test_shares_fill_a_bar_with_the_first_row_on_top_and_digits_on_a_patch(axis):
    shares = pd.DataFrame([[10.0, 60.0, 30.0], [50.0, 25.0, 25.0]], index=["first", "second"], columns=list(SCENARIOS))
    stacked_shares(axis, shares)
    assert [label.get_text() for label in axis.get_yticklabels()] == ["second", "first"]
    ends = {round(bar.get_y(), 2): max(b.get_x() + b.get_width() for b in axis.patches) for bar in axis.patches}
    assert set(ends.values()) == {100}
    assert {text.get_text() for text in axis.texts} == {"10.0", "60.0", "30.0", "50.0", "25.0"}
    assert all(text.get_bbox_patch().get_facecolor()[3] == 1 for text in axis.texts)
    assert [text.get_text() for text in axis.figure.legends[0].get_texts()] == list(SCENARIOS)


def test_scenarios_keep_their_colors(axis):
    table = pd.DataFrame({"before": [1.0, 2.0, 3.0], "after": [1.0, 1.0, 1.0]}, index=list(SCENARIOS))
    grouped_bars(axis, table, fmt=None)
    for bar, scenario in zip(axis.patches, [*SCENARIOS, *SCENARIOS]):
        assert np.allclose(np.array(bar.get_facecolor())[:3] * 255, rgb(SCENARIO_COLORS[scenario]), atol=0.5)
    assert not axis.texts


def test_heads_are_drawn_apart(axis):
    head_points(axis, np.arange(16.0).reshape(2, 4, 2))
    first, second = axis.lines
    assert first.get_color() != second.get_color()
    assert first.get_marker() != second.get_marker()
    assert np.array_equal(first.get_xydata(), [[0, 1], [2, 3], [4, 5], [6, 7]])


def test_areas_start_at_chance_and_have_their_errors(axis):
    roc_bars(axis, {"words": (0.7, 0.01), "coin": (0.45, 0.02)})
    assert [bar.get_y() for bar in axis.patches] == [0.5, 0.5]
    np.testing.assert_allclose([bar.get_y() + bar.get_height() for bar in axis.patches], [0.7, 0.45])
    (stems,) = [drawn for drawn in axis.collections if len(drawn.get_segments()) == 2]
    assert np.allclose([np.ptp(segment[:, 1]) for segment in stems.get_segments()], [0.04, 0.08])
    assert [label.get_text() for label in axis.texts] == ["0.70", "0.45"]
    assert axis.get_ylim()[0] < 0.45 - 0.04 < 0.5  # also what is worse than a coin is on the axis


def test_differences_are_filled_where_sure_and_drawn_from_the_top(axis):
    difference_points(axis, {"sure": Difference(2, 1, 3), "unsure": Difference(-1, -2, 1)}, [1.0, np.nan])
    sure, unsure = (container.lines[0] for container in axis.containers)
    assert sure.get_markerfacecolor() != "white"
    assert unsure.get_markerfacecolor() == "white"
    assert [label.get_text() for label in axis.get_yticklabels()] == ["sure", "unsure"]
    assert axis.yaxis_inverted()


def test_the_legend_of_bars_can_stand_below_the_figure():
    figure, axis = plt.subplots()
    grouped_bars(axis, pd.DataFrame({"one": [1.0], "other": [2.0]}), legend="below")
    assert axis.get_legend() is None
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "other"]
    plt.close(figure)


def test_the_legend_of_differences_stands_below_the_figure_once():
    """Inside the axes its diamond looks like a number of the paper."""
    figure, axes = plt.subplots(1, 2, layout="constrained")
    for each in axes:
        difference_points(each, {"one": Difference(2, 1, 3)}, [1.0])
    assert not any(each.get_legend() for each in axes)
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["here, interval without zero", "here, interval contains zero", "paper"]
    figure.canvas.draw()
    assert legend.get_window_extent().y1 < min(each.get_window_extent().y0 for each in axes)


def test_a_difference_without_interval_is_a_cross_without_a_line(axis):
    """An open dot would say that its interval contains zero."""
    difference_points(axis, {"one seed": Difference(2, np.nan, np.nan), "unsure": Difference(2, -1, 5)})
    ((bar,), _) = (container.lines[2] for container in axis.containers)
    assert np.ptp(bar.get_segments()[0][:, 0]) == 0
    assert [container.lines[0].get_marker() for container in axis.containers] == ["x", "o"]
    assert "here, a single training: no interval" in [text.get_text() for text in axis.figure.legends[0].get_texts()]


def test_levels_show_every_seed_and_leave_a_run_that_is_missing_empty(axis):
    level_points(axis, {"made": ((1.0, 4.0), Difference(2.5, 1, 4)), "missing": ((), None)}, [3.0, 5.0])
    seeds, point, diamonds = (line for line in axis.lines if len(line.get_xdata()) and line.get_marker() in "oD")
    assert list(seeds.get_xdata()) == [1, 4]
    assert list(point.get_xdata()) == [2.5]
    assert list(diamonds.get_xdata()) == [3, 5]
    assert len(axis.containers) == 1
    assert [label.get_text() for label in axis.get_yticklabels()] == ["made", "missing"]
    assert axis.yaxis_inverted()


@pytest.mark.parametrize("reported", [(), (np.nan, np.nan)])
def test_no_diamond_stands_in_the_legend_where_the_paper_gives_no_number(axis, reported):
    level_points(axis, {"one": ((1.0,), Difference(1, 1, 1)), "two": ((), None)}, reported)
    (legend,) = axis.figure.legends
    assert "paper" not in [text.get_text() for text in legend.get_texts()]


def test_a_point_is_a_mean_with_its_normal_interval(axis):
    rng = np.random.default_rng(0)
    values = {"colors": {"relation": rng.random(40), "list": rng.random(30) / 4}, "side": {"relation": rng.random(40)}}
    mean_points(axis, values, {"relation": ("black", "o"), "list": ("gray", "s")})
    assert [label.get_text() for label in axis.get_yticklabels()] == ["colors", "side"]
    drawn = {(bar[0].get_color(), round(float(bar[0].get_ydata()[0]))): bar for bar in axis.containers}
    assert set(drawn) == {("black", 0), ("gray", 0), ("black", 1)}
    for (color, place), bar in drawn.items():
        each = list(values.values())[place]["relation" if color == "black" else "list"]
        assert bar[0].get_xdata()[0] == pytest.approx(each.mean())
        (ends,) = bar[2][0].get_segments()
        expected = norm.interval(0.95, each.mean(), each.std(ddof=1) / np.sqrt(len(each)))
        np.testing.assert_allclose(ends[:, 0], expected, atol=1e-4)
    assert [text.get_text() for text in axis.figure.legends[0].get_texts()] == ["relation", "list"]
    alone = plt.figure().subplots()
    mean_points(alone, {"colors": {"": np.arange(3)}}, {"": ("black", "o")})
    assert not alone.figure.legends  # nothing to tell apart
