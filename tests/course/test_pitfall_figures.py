"""The figures of notebook 14: every number that is drawn stands where it belongs."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from grisq.course import pitfall_figures
from grisq.course.style import SCENARIO_COLORS
from grisq.evaluation.intervals import Difference


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def labels(artist):
    return [text.get_text() for text in artist.get_texts()]


def test_always_nothing_is_the_diagonal_and_marks_are_named():
    figure = pitfall_figures.giou_over_share(
        {"blind-nothing": (100, 0), "lavt": (35, 61), "lts": (20, 50)}, {"val": 41}
    )
    (axis,) = figure.axes
    nothing, lavt, gray, _, mark = axis.lines
    assert np.allclose(nothing.get_xdata(), nothing.get_ydata())
    assert lavt.get_ydata()[0] == pytest.approx(61)
    assert lavt.get_ydata()[-1] == pytest.approx(0.8 * 35 + 0.2 * 61)
    assert gray.get_color() != lavt.get_color()
    assert mark.get_xdata()[0] == 41
    assert [text.get_text() for text in axis.texts] == ["val"]
    assert labels(axis.get_legend()) == ["always nothing", "LAVT", "the other systems"]


def test_a_run_is_a_line_and_its_threshold_a_point():
    t_acc = np.array([50.0, 100.0])
    figure = pitfall_figures.presence_tradeoff(t_acc, {"ours": np.array([90.0, 10.0])}, {"ours": (96, 44)})
    line, point, coin = figure.axes[0].lines
    assert line.get_ydata().tolist() == [90, 10]
    assert point.get_xydata().tolist() == [[96, 44]]
    assert coin.get_xdata().sum() == coin.get_ydata().sum() == 100


def test_kinds_keep_their_colors_and_the_diagonal_is_painting_everything():
    index = pd.MultiIndex.from_product([["multi-target", "single-target"], ["low", "high"]])
    bands = pd.DataFrame({"part": [20, 80, 10, 60], "iou": [40, 80, 50, 70], "sem": 2.0}, index)
    (axis,) = pitfall_figures.iou_by_part(bands, "LAVT").axes
    drawn = {container.get_label(): container.lines[0] for container in axis.containers}
    assert drawn["LAVT, single-target"].get_xydata().tolist() == [[10, 50], [60, 70]]
    assert all(line.get_color() == SCENARIO_COLORS[name.removeprefix("LAVT, ")] for name, line in drawn.items())
    assert "all objects painted" in labels(axis.get_legend())


def test_the_dots_are_at_the_step_with_the_best_giou():
    found = pd.DataFrame({"step": [1, 2, 3], "without single": [60, 50, 55], "IoU single": [1, 20, 40]})
    axis, other = pitfall_figures.chosen_steps({"cris": [found], "lavt": [found, found]}).axes
    _, best, _, single = axis.lines
    assert best.get_xydata().tolist() == [[1, 60]]
    assert single.get_xydata().tolist() == [[1, 1]]
    assert len(other.lines) == 8
    assert axis.get_title() == "CRIS"


def test_every_pair_is_a_dot_and_the_mean_has_its_interval():
    figure = pitfall_figures.single_pairs({"a over b": (np.array([-1.0, 2.0, 3.0]), Difference(1.3, -1, 4))})
    (axis,) = figure.axes
    assert axis.lines[0].get_xdata().tolist() == [-1, 2, 3]
    (mean,) = axis.containers
    assert mean.lines[0].get_xdata()[0] == 1.3
    assert mean.lines[2][0].get_segments()[0][:, 0].tolist() == pytest.approx([-1, 4])
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a over b"]
    assert axis.yaxis_inverted()


def test_edits_stand_in_the_order_asked_for():
    table = pd.DataFrame({"pairs": [4, 9], "ranking accuracy": [50.0, 90.0]}, index=["moved", "removed"])
    intervals = {(run, edit): (45, 95) for run in ("ours", "lavt") for edit in ("removed", "moved")}
    (axis,) = pitfall_figures.ranking_by_edit({"ours": table, "lavt": table}, ["removed", "moved"], intervals).axes
    assert axis.lines[0].get_xdata().tolist() == [90, 50]
    drawn = axis.containers[0].lines[2][0].get_segments()
    assert [segment[:, 0].tolist() for segment in drawn] == [pytest.approx([45, 95])] * 2
    assert [label.get_text() for label in axis.get_yticklabels()] == ["removed (9 pairs)", "moved (4 pairs)"]
