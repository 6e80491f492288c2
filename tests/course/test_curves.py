import matplotlib.pyplot as plt
import pytest

from grisq.course import curves
from grisq.course.style import SCENARIO_COLORS
from grisq.runtime.errors import InputError


def test_curves_come_from_stored_history():
    train = {"step": [10, 20], "pixel": [0.5, 0.4], "presence": [0.6, 0.5], "plurality": [0.6, 0.1]}
    evaluations = {"step": [20], "gIoU": [30.0], "cIoU": [40.0], "N-acc": [0.0], "T-acc": [100.0]}
    evaluations |= {"presence no-target": [0.0], "presence multi-target": [90.0], "plurality single-target": [99.0]}
    figure = curves.learning_curves({"train": train, "eval": evaluations})
    losses, metrics, presence, plurality = figure.axes
    assert [line.get_label() for line in losses.lines] == ["pixel", "presence", "plurality"]
    assert [line.get_label() for line in metrics.lines] == ["gIoU", "cIoU"]
    assert [(line.get_label(), line.get_color()) for line in presence.lines] == [
        (scenario, SCENARIO_COLORS[scenario]) for scenario in ("no-target", "multi-target")
    ]
    assert [line.get_label() for line in plurality.lines] == ["single-target"]
    plt.close(figure)


def test_a_head_that_is_missing_leaves_its_panel_empty():
    train = {"step": [10], "pixel": [0.5], "presence": [0.0], "plurality": [0.0]}
    figure = curves.learning_curves({"train": train, "eval": {"step": [10], "gIoU": [30.0], "cIoU": [40.0]}})
    assert [len(axis.lines) for axis in figure.axes] == [3, 2, 0, 0]
    assert [axis.get_legend() is None for axis in figure.axes] == [False, False, True, True]
    plt.close(figure)


def test_plurality_is_drawn_for_one_and_for_several():
    one = {"step": [10, 20], "plurality single-target": [50.0, 99.0], "plurality multi-target": [0.0, 98.0]}
    other = {"step": [10, 20], "plurality single-target": [60.0, 97.0], "plurality multi-target": [0.0, 100.0]}
    figure, axis = plt.subplots()
    curves.plurality_curves(axis, [one, other])
    assert [line.get_ydata().tolist() for line in axis.lines] == [[55, 98], [0, 99]]
    single, multi = (band.get_paths()[0].get_extents() for band in axis.collections)
    assert (single.ymin, single.ymax) == (50, 99)
    assert (multi.ymin, multi.ymax) == (0, 100)
    assert axis.lines[0].get_color() == SCENARIO_COLORS["single-target"]
    assert axis.get_legend_handles_labels()[1] == ["single-target", "multi-target"]
    plt.close(figure)


def test_presence_over_steps_has_a_panel_a_run_a_line_a_seed_and_their_mean():
    class Stored:
        def __init__(self, steps, values):
            self.history = {"eval": {"step": steps, "N-acc": values}}

    results = {
        ("query", 0): Stored([10, 20], [0.0, 10.0]),
        ("query", 1): Stored([10, 20, 30], [4.0, 30.0, 50.0]),
        ("baseline", 0): Stored([10, 20], [1.0, 2.0]),
        ("unregistered", 0): Stored([10], [3.0]),
        ("rela-lr0.0012", 0): Stored([10], [40.0]),  # on held-out train pictures, not on val
        ("blind-all", 0): Stored([], []),
    }
    results["blind-all", 0].history = {"train": {}, "eval": {}}  # a reference row is not trained
    figure = curves.presence_curves(results, columns=2)
    panels = [axis for axis in figure.axes if axis.axison]
    assert [axis.get_title() for axis in panels] == ["baseline, 1 seed", "query, 2 seeds", "unregistered, 1 seed"]
    *seeds, mean = panels[1].lines
    assert [list(line.get_ydata()) for line in seeds] == [[0, 10], [4, 30, 50]]
    assert (list(mean.get_xdata()), list(mean.get_ydata())) == ([10, 20], [2, 20])  # steps that all seeds have
    assert mean.get_linewidth() > 2 * seeds[0].get_linewidth()
    assert panels[0].get_ylim() == (0, 100)
    chosen = curves.presence_curves(results, ["query", "not run"])
    assert [axis.get_title() for axis in chosen.axes] == ["query, 2 seeds"]
    with pytest.raises(InputError, match="no run to draw"):
        curves.presence_curves(results, ["not run"])
    plt.close("all")
