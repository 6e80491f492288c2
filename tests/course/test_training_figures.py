import itertools
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text

from grisq.course import training_figures
from grisq.experiments.tuning import Trial
from grisq.runtime.errors import InputError


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def trial(system, lr, score):
    return Trial(system, lr, score, {"N-acc": score / 2, "IoU single": score / 4}, 1.0)


def result(norms=(), pixel=(), giou=()):
    train = {"step": 10 * (1 + np.arange(max(len(norms), len(pixel)))), "gradient_norm": norms, "pixel": pixel}
    evaluations = {"step": [10, 20], "gIoU": giou}
    return SimpleNamespace(
        history={"train": train, "eval": evaluations},
        settings={"train": {"batch": 4}},
        counts={"train": {"expressions": 80}},
    )


def test_rates_are_compared_with_each_systems_best():
    trials = [trial("grisq", 2e-3, 40.0), trial("grisq", 1e-3, 44.0), trial("rela", 1e-3, 20.0)]
    left, right = training_figures.rate_figure(trials, "grisq", "ours").axes
    *others, ours = left.lines
    assert [list(line.get_ydata()) for line in others] == [[0]]
    assert (list(ours.get_xdata()), list(ours.get_ydata())) == ([1e-3, 2e-3], [0, -4])
    assert [list(line.get_ydata()) for line in right.lines] == [[11, 10], [22, 20]]  # IoU single, N-acc
    assert right.get_title() == "ours"
    assert [(text.get_text(), text.xy) for text in left.texts] == [("ReLA", (1e-3, 0))]
    assert [label.get_text() for label in left.get_xticklabels()] == ["0.001", "0.002"]
    with pytest.raises(InputError, match="'lavt'"):
        training_figures.rate_figure(trials, "lavt", "LAVT")


def test_names_of_curves_that_start_together_stand_apart():
    systems = ("grisq", "rela", "lavt", "cris", "vlt", "lts", "mattnet")
    trials = [trial(name, lr, score) for name in systems for lr, score in ((1e-3, 30.0), (2e-3, 40.0))]
    figure = training_figures.rate_figure(trials, "grisq", "ours")
    figure.canvas.draw()
    boxes = sorted((Text.get_window_extent(name) for name in figure.axes[0].texts), key=lambda box: box.y0)
    assert len(boxes) == 6
    assert all(below.y1 <= above.y0 + 1 for below, above in itertools.pairwise(boxes))
    assert boxes[-1].y1 < figure.bbox.y1


def test_clipped_steps_of_all_seeds_are_counted():
    results = {("ours", 0): result(norms=[0.5, 2.0]), ("ours", 1): result(norms=[0.7, 0.9, 0.3, 3.0, 0.2, 0.1])}
    (axis,) = training_figures.clipping_figure(results, ["ours"], 1.0).axes
    assert axis.get_title() == "ours: 25 % are clipped"
    dots, line = axis.lines
    assert len(dots.get_xdata()) == 8
    assert set(line.get_ydata()) == {1.0}
    with pytest.raises(InputError, match="rela has no stored result"):
        training_figures.clipping_figure(results, ["ours", "rela"], 1.0)


def test_steps_become_passes_over_the_expressions():
    results = {("ours", seed): result(pixel=[0.4, 0.2], giou=[10.0, 30.0]) for seed in range(2)}
    loss, giou = training_figures.passes_figure(results, ["ours"]).axes
    assert len(loss.lines) == len(giou.lines) == 2
    np.testing.assert_allclose(giou.lines[0].get_xdata(), [0.5, 1.0])
    np.testing.assert_allclose(loss.lines[0].get_ydata(), [0.3, 0.3])  # smoothed over what there is


def test_curves_are_told_apart_without_color():
    axis = plt.figure().subplots()
    training_figures.step_curves(axis, {name: ([1, 2], [1, 2]) for name in ("one", "other", "third")})
    assert len({line.get_linestyle() for line in axis.lines}) == 3
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["one", "other", "third"]
