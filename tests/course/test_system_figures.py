"""Cost against quality: a point for each trained system, where its stored runs put it."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from grisq.course.system_figures import PANELS, cost_and_quality
from grisq.experiments.comparison import means
from grisq.experiments.selection import collect
from grisq.runtime.paths import RESULTS

SYSTEMS = {"lavt": ("LAVT", "size of the mask"), "rela": ("ReLA", "a head"), "missing": ("nobody", "a word")}


def test_points_are_means_and_bars_spreads_over_the_seeds():
    stored = collect(RESULTS, "tiny")
    figure = cost_and_quality(stored, SYSTEMS)
    minutes = np.mean([each.cost.seconds for (name, _), each in stored.items() if name == "rela"]) / 60
    for axis, (rule, metric, blind) in zip(figure.axes, PANELS.values()):
        points = [container.lines[0].get_xydata()[0] for container in axis.containers]
        assert len(points) == 2
        assert points[1] == pytest.approx([minutes, means(stored, "rela" + rule)[metric]])
        bar = axis.containers[1].lines[2][0].get_segments()[0]
        own = [means({key: stored[key]}, "rela" + rule)[metric] for key in stored if key[0] == "rela"]
        assert np.ptp(bar[:, 1]) == pytest.approx(2 * np.std(own, ddof=1))
        lines = [line.get_ydata()[0] for line in axis.lines if line.get_linestyle() == "--"]
        assert lines == ([means(stored, blind + rule)[metric]] if blind else [])
    plt.close(figure)


def test_with_the_seconds_of_a_step_the_time_is_that_of_all_steps():
    stored = collect(RESULTS, "tiny")
    figure = cost_and_quality(stored, SYSTEMS, {"lavt": 0.1, "rela": 0.25})
    minutes = [container.lines[0].get_xdata()[0] for container in figure.axes[0].containers]
    assert minutes == pytest.approx([2400 * 0.1 / 60, 2400 * 0.25 / 60])
    plt.close(figure)


def test_one_seed_has_no_bar_and_nothing_trained_no_point(stored):
    one = {key: each for key, each in stored.items() if key[1] == 0}
    figure = cost_and_quality(one, SYSTEMS)
    assert all(not container.has_yerr for container in figure.axes[0].containers)
    plt.close(figure)
    figure = cost_and_quality({}, SYSTEMS)
    assert not any(axis.containers for axis in figure.axes)
    plt.close(figure)
