import matplotlib.pyplot as plt

from grisq.course import curves
from grisq.course.style import SCENARIO_COLORS


def test_curves_come_from_stored_history():
    train = {"step": [10, 20], "pixel": [0.5, 0.4], "presence": [0.6, 0.5], "plurality": [0.6, 0.1]}
    evaluations = {"step": [20], "gIoU": [30.0], "cIoU": [40.0], "N-acc": [0.0], "T-acc": [100.0]}
    evaluations |= {"presence no-target": [0.0], "plurality single-target": [99.0]}
    figure = curves.learning_curves({"train": train, "eval": evaluations})
    losses, metrics, heads = figure.axes
    assert [line.get_label() for line in losses.lines] == ["pixel", "presence", "plurality"]
    assert [line.get_label() for line in metrics.lines] == ["gIoU", "cIoU", "N-acc", "T-acc"]
    assert [line.get_label() for line in heads.lines] == ["presence, no-target", "plurality, single-target"]
    plt.close(figure)


def test_plurality_is_drawn_for_one_and_for_several():
    evaluations = {"step": [10, 20], "plurality single-target": [50.0, 99.0], "plurality multi-target": [0.0, 98.0]}
    figure, axis = plt.subplots()
    curves.plurality_curves(axis, evaluations)
    curves.plurality_curves(axis, evaluations, labeled=False)
    assert [line.get_ydata().tolist() for line in axis.lines[:2]] == [[50, 99], [0, 98]]
    assert axis.lines[0].get_color() == SCENARIO_COLORS["single-target"]
    assert axis.get_legend_handles_labels()[1] == ["single-target", "multi-target"]
    plt.close(figure)
