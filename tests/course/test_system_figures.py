"""Cost and quality of the systems: a line for each that was trained, with what its stored runs reach."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from grisq.course.system_figures import cost_and_quality, gains_of_own_thresholds
from grisq.experiments.comparison import means
from grisq.experiments.diagnostic_tables import own_thresholds
from grisq.experiments.selection import collect
from grisq.runtime.paths import RESULTS

SYSTEMS = {"rela": ("ReLA", "a head"), "lavt": ("LAVT", "size of the mask"), "missing": ("nobody", "a word")}


@pytest.fixture(scope="module")
def runs():
    return {key: each for key, each in collect(RESULTS, "tiny").items() if key[0] in (*SYSTEMS, "blind-all")}


def points(axis):
    return [container.lines[0].get_xydata()[0].tolist() for container in axis.containers]


def test_the_fastest_stands_above_and_points_are_what_the_runs_reach(runs):
    figure = cost_and_quality(runs, SYSTEMS, {"lavt": 0.1, "rela": 0.25})
    time, own, true, presence = figure.axes
    assert [label.get_text() for label in time.get_yticklabels()] == ["LAVT", "ReLA"]
    assert time.yaxis_inverted()
    assert [bar.get_width() for bar in time.patches] == pytest.approx([2400 * 0.1 / 60, 2400 * 0.25 / 60])
    numbers = own_thresholds(runs, ["lavt", "rela"])["mean"]
    assert np.allclose(
        points(own),
        [
            [numbers[name, f"gIoU, {kind}"], place]
            for place, name in enumerate(("lavt", "rela"))
            for kind in ("as it is", "own threshold")
        ],
    )
    assert np.allclose(
        [x for x, _ in points(true)], [means(runs, f"{name}@truth")["gIoU"] for name in ("lavt", "rela")]
    )
    assert np.allclose([x for x, _ in points(presence)], [numbers[name, "AUROC"] for name in ("lavt", "rela")])
    line = true.lines[-1]
    assert line.get_xdata()[0] == means(runs, "blind-all@truth")["gIoU"]
    plt.close(figure)


def test_without_the_seconds_of_a_step_the_time_is_that_of_the_runs(runs):
    figure = cost_and_quality(runs, SYSTEMS)
    taken = {
        name: np.mean([run.cost.seconds for key, run in runs.items() if key[0] == name]) for name in ("lavt", "rela")
    }
    assert [bar.get_width() for bar in figure.axes[0].patches] == pytest.approx(
        sorted(each / 60 for each in taken.values())
    )
    plt.close(figure)


def test_lines_are_spreads_over_the_seeds_and_one_seed_has_none(runs):
    figure = gains_of_own_thresholds(runs, SYSTEMS)
    first = figure.axes[0].containers[0].lines[2][0].get_segments()[0]
    assert np.ptp(first[:, 0]) == pytest.approx(
        2 * own_thresholds(runs, ["rela"]).loc[("rela", "gIoU, as it is"), "std"]
    )
    plt.close(figure)
    one = {key: each for key, each in runs.items() if key[1] == 0}
    figure = gains_of_own_thresholds(one, SYSTEMS)
    assert all(not container.has_xerr for container in figure.axes[0].containers)
    plt.close(figure)


def test_nothing_trained_is_an_empty_figure():
    for figure in (cost_and_quality({}, SYSTEMS), gains_of_own_thresholds({}, SYSTEMS)):
        assert not any(axis.patches or axis.lines for axis in figure.axes)
        plt.close(figure)
