"""What the forest of claims draws, against the verdicts that it is made from."""

import math

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from grisq.course import claim_figures, style
from grisq.evaluation.intervals import Difference
from grisq.experiments import claims, paper
from grisq.experiments.claims import Finding, Verdict
from grisq.experiments.paper import Claim


@pytest.fixture(autouse=True)
def _close():
    with mpl.rc_context():
        yield
    plt.close("all")


def verdict(name, *findings, own=False):
    return Verdict(Claim(name, "", "", "", (), title=f"title of {name}", own=own), findings)


VERDICTS = [
    verdict(
        "first",
        Finding("a over b", "val", "gIoU", 2.0, Difference(3, 1, 5), seeds={"a": 3, "b": 3}),
        Finding("a over b", "val", "N-acc", 4.0, Difference(-3, -5, -1), seeds={"a": 3, "b": 3}),
        Finding("a over b", "testA", "gIoU", None, Difference(1, -1, 3), seeds={"a": 3, "b": 3}),
    ),
    verdict("second", Finding("c over d", "val", "gIoU", 7.0, None), own=True),
    verdict(
        "third",
        Finding("a, end", "val", "plurality single-target", 90.0, Difference(97, 95, 99), bound=90.0, seeds={"a": 3}),
    ),
    verdict(
        "fourth", Finding("e over f", "val", "gIoU", None, Difference(2, math.nan, math.nan), seeds={"e": 1, "f": 3})
    ),
    verdict("without evidence"),
]


def drawn(axis):
    """(line, value, low, high, color, marker) of every dot with an interval."""
    found = []
    for container in axis.containers:
        point, _, (bar,) = container.lines
        ((low, _), (high, _)) = bar.get_segments()[0]
        (x,), (y,) = point.get_data()
        found.append((y, x, low, high, point.get_color(), point.get_marker()))
    return found


def test_every_finding_stands_in_its_panel_with_its_interval_and_verdict():
    giou, n_acc, reached = claim_figures.forest(VERDICTS).axes[1:-1]
    assert [axis.get_title() for axis in (giou, n_acc, reached)] == ["gIoU", "N-acc", "plurality"]
    styles = {name: (look["color"], look["marker"]) for name, look in claim_figures.VERDICT_STYLES.items()}
    assert drawn(giou) == [
        (0, 3, 1, 5, *styles[claims.HOLDS]),
        (1, 1, -1, 3, *styles[claims.UNDECIDED]),
        (4, 2, 2, 2, "#767676", "x"),  # one seed: no interval, which is a cross everywhere
    ]
    assert drawn(n_acc) == [(0, -3, -5, -1, *styles[claims.CONTRADICTED])]
    assert drawn(reached) == [(3, 7, 5, 9, *styles[claims.HOLDS])]


def test_the_papers_numbers_are_diamonds_for_differences_alone():
    figure = claim_figures.forest(VERDICTS)
    diamonds = [
        [(*line.get_xdata(), *line.get_ydata()) for line in axis.lines if line.get_marker() == "D"]
        for axis in figure.axes
    ]
    assert diamonds == [[], [(2, 0), (7, 2)], [(4, 0)], [], []]
    assert not any(axis.get_legend() for axis in figure.axes)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "here: holds",
        "here: undecided",
        "here: contradicted",
        "here: a single training, no interval",
        "paper",
    ]


def test_lines_have_titles_comparisons_and_overall_verdicts():
    names, *_, words = claim_figures.forest(VERDICTS).axes
    texts = {text.get_text(): text.get_position()[1] for text in names.texts}
    assert texts == {
        "title of first": 0, "a over b": 0, "a over b, testA": 1, "title of second": 2, "c over d": 2,
        "title of third": 3, "a, end, single-target": 3, "title of fourth": 4, "e over f": 4,
    }  # fmt: skip
    assert [(text.get_text(), text.get_position()[1]) for text in words.texts] == [
        ("contradicted", 0), ("not run (asked here)", 2), ("holds", 3), ("undecided", 4)
    ]  # fmt: skip


def test_verdicts_differ_by_more_than_color():
    looks = [(look["marker"], look.get("markerfacecolor")) for look in claim_figures.VERDICT_STYLES.values()]
    assert len(set(looks)) == len(claims.VERDICTS) - 1  # nothing is drawn for what was not run


def test_the_papers_claims_are_drawn_without_any_run():
    figure = claim_figures.forest(claims.judge(paper.claims(), {}))
    overall = [text.get_text().partition(" (")[0] for text in figure.axes[-1].texts]
    assert overall == [claims.NOT_RUN] * sum(bool(claim.evidence) for claim in paper.claims())
    assert not any(axis.containers for axis in figure.axes)
    assert np.isfinite(figure.axes[0].get_ylim()).all()


def test_what_is_not_judged_looks_like_no_verdict_and_the_legend_says_why():
    aside = Finding("a over b", "testB", "cIoU", -0.5, Difference(7, 4, 10), seeds={"a": 3, "b": 3}, judged=False)
    figure = claim_figures.forest([verdict("first", aside)])
    ((*_, marker),) = drawn(figure.axes[1])
    assert marker not in [look["marker"] for look in claim_figures.VERDICT_STYLES.values()]
    assert "the paper's table has ours lower" in figure.legends[0].get_texts()[0].get_text()
    assert [text.get_text() for text in figure.axes[-1].texts] == [claims.NOT_RUN]  # nothing was judged


def test_no_text_runs_into_another():
    style.use()
    verdicts = claims.judge(paper.claims(), {})
    compared = [
        each for each in verdicts if not each.claim.own and each.claim.place.startswith(("Sec. 4.3", "Sec. 4.4"))
    ]
    for half in (compared, [each for each in verdicts if each not in compared]):  # as the notebook draws them
        figure = claim_figures.forest(half)
        figure.canvas.draw()
        by_line: dict[float, list] = {}
        for text in figure.axes[0].texts:
            by_line.setdefault(text.get_position()[1], []).append(text.get_window_extent())
        pairs = [sorted(boxes, key=lambda box: box.x0) for boxes in by_line.values() if len(boxes) == 2]
        assert len(pairs) == len(half)
        assert all(title.x1 + 15 < comparison.x0 for title, comparison in pairs)
        assert all(text.get_window_extent().x1 <= figure.bbox.x1 for text in figure.axes[-1].texts)
