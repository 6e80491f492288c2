"""What the paper's figures draw, against the stored runs."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from grisq.course import paper_figures
from grisq.experiments import comparison, paper, selection


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def seeds_in(axis, place):
    return sorted(
        value for line in axis.lines if np.allclose(line.get_ydata(), place - 0.2) for value in line.get_xdata()
    )


def test_the_parts_of_a_gap_have_a_panel_each_and_add_up_to_it(stored):
    pairs = [("ours", "rela"), ("ours", "nobody"), ("ours", "plurality")]
    figure = paper_figures.gap_parts(stored, pairs)
    assert figure.axes[0].get_title() == comparison.GAP
    drawn = np.array([[bars.lines[0].get_xdata()[0] for bars in axis.containers] for axis in figure.axes])
    assert drawn.shape == (4, 2)
    np.testing.assert_allclose(drawn[0], drawn[1:].sum(0))
    wanted = [comparison.decompose_gap(stored, *pair)[comparison.GAP].value for pair in (pairs[0], pairs[2])]
    assert drawn[0] == pytest.approx(wanted)
    assert not any(axis.containers for axis in paper_figures.gap_parts({}, pairs).axes)


def test_figure_4_has_every_seed_the_means_with_intervals_and_the_papers_values(stored):
    figure = paper_figures.figure4(stored)
    assert [axis.get_title() for axis in figure.axes] == ["gIoU", "cIoU", "N-acc"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [*paper_figures.FIGURE_4]
    reported = paper.figure4()
    bars = [("rela", False), ("rela", True), ("ours", False), ("ours", True)]
    runs = ["rela", "rela-augmented", "plurality", "ours"]
    for axis in figure.axes:
        metric = axis.get_title()
        for place, (run, container) in enumerate(zip(runs, axis.containers, strict=True)):
            wanted = [result.metrics("val")[metric] for result in selection.runs_of(stored, run)]
            assert seeds_in(axis, place) == pytest.approx(sorted(wanted))
            found = comparison.level_of(stored, run, metric)
            point, _, (bar,) = container.lines
            assert (*point.get_xdata(), *point.get_ydata()) == (found.value, place)
            assert bar.get_segments()[0][:, 0] == pytest.approx([found.low, found.high])
        (diamonds,) = [line for line in axis.lines if line.get_marker() == "D"]
        np.testing.assert_array_equal(diamonds.get_xdata(), reported.loc[bars, metric])  # nan: not in the text
        assert axis.get_legend() is None
    assert len(figure.legends) == 1


def test_figure_5a_draws_one_model_under_three_presence_decisions(stored):
    (axis,) = paper_figures.figure5a(stored).axes
    runs = ["rela@pixels", "rela", "rela@truth", "ours"]
    for place, run in enumerate(runs):
        wanted = comparison.metrics_of(comparison.tallies(stored, run).sum(1))["gIoU"]
        assert seeds_in(axis, place) == pytest.approx(sorted(wanted))
    (diamonds,) = [line for line in axis.lines if line.get_marker() == "D"]
    assert list(diamonds.get_xdata()) == [63.33, 63.60, 81.64, 71.32]


def test_runs_that_were_not_made_leave_their_line_empty(stored):
    (axis,) = paper_figures.figure5a({key: each for key, each in stored.items() if key[0] == "ours"}).axes
    assert len(axis.containers) == 1
    assert [label.get_text() for label in axis.get_yticklabels()] == [*paper.figure5a().index]


def test_the_two_by_two_connects_the_means_of_a_presence_head(make_two_by_two):
    results = make_two_by_two()
    figure = paper_figures.two_by_two(results)
    axis = figure.axes[0]
    lines = {line.get_linestyle(): line for line in axis.lines if line.get_linestyle() in ("-", "--")}
    for style, runs in (("--", ("baseline", "baseline-augmented")), ("-", ("query", "query-augmented"))):
        means = [comparison.means(results, run)["gIoU"] for run in runs]
        assert lines[style].get_ydata() == pytest.approx(means)
    found = comparison.contrast_of(
        results, {"query-augmented": -1, "baseline-augmented": 1, "query": 1, "baseline": -1}, "gIoU"
    )
    assert axis.get_title() == f"gIoU\noverlap {found.describe()}"
    seeds = [value for line in axis.lines if line.get_fillstyle() == "none" for value in line.get_ydata()]
    assert len(seeds) == 4 * 2
    assert len(figure.legends) == 1


def test_the_two_by_two_says_what_was_not_run(make_two_by_two):
    results = {key: each for key, each in make_two_by_two().items() if "-augmented" not in key[0]}
    for axis in paper_figures.two_by_two(results).axes:
        assert axis.get_title().endswith("overlap: not run")
        assert len(axis.containers) == 2
    assert not any(axis.containers for axis in paper_figures.two_by_two({}).axes)


@pytest.fixture
def make_two_by_two(stored):
    """Stored runs under the names of the 2 x 2."""
    names = {
        "baseline": "baseline",
        "query": "query",
        "baseline-augmented": "rela",
        "query-augmented": "ours",
    }
    return lambda: {(name, seed): stored[run, seed] for name, run in names.items() for seed in range(2)}
