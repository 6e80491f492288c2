"""The verdicts on the paper's claims in one picture."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from grisq.course.charts import PAPER_STYLE, legend_below, reach
from grisq.course.style import OKABE_ITO
from grisq.experiments.claims import CONTRADICTED, HOLDS, NOT_JUDGED, NOT_RUN, UNDECIDED, Finding, Verdict

# Color and marker of each verdict: to be told apart without color too.
VERDICT_STYLES = {
    HOLDS: {"color": OKABE_ITO["black"], "marker": "o"},
    UNDECIDED: {"color": "#767676", "marker": "o", "markerfacecolor": "white"},
    CONTRADICTED: {"color": OKABE_ITO["reddish purple"], "marker": "s"},
}
_ASIDE_STYLE = {"color": "#767676", "marker": "^", "markerfacecolor": "white"}
_ASIDE = "here, not judged: the paper's table has ours lower, its text higher"
_SINGLE_STYLE = {"color": VERDICT_STYLES[UNDECIDED]["color"], "marker": "x"}  # of what rests on a single training
_PANELS = ("gIoU", "cIoU", "N-acc")
_REACHED = "points above the claimed value"  # the panel of values that are to be reached


class _Row(NamedTuple):
    """A line of the forest: all that was found in one comparison, a finding for each panel."""

    verdict: Verdict
    label: str
    findings: tuple[Finding, ...]
    first: bool  # of its claim


def forest(verdicts: Sequence[Verdict], *, width: float = 12.0) -> Figure:
    """Draw every finding of every claim: ours as a dot with its interval, the paper's number as an open diamond.

    Lines are grouped by claim, with a panel for each metric; color and marker of a dot say the verdict on it, the word
    at the right that on the claim. A cross rests on a single training and has no interval. Claims without evidence are
    left out; those "asked here" are not the paper's.

    Args:
        verdicts: as `grisq.experiments.claims.judge` returns them.
        width: of the figure, inches.
    """
    rows = list(_rows(verdicts))
    panels = [panel for panel in (*_PANELS, _REACHED) if any(panel == _panel(f) for row in rows for f in row.findings)]
    ratios = [6.0, *[1.5] * len(panels), 2.0]
    figure, axes = plt.subplots(
        1, len(ratios), figsize=(width, 1.2 + 0.28 * len(rows)), sharey=True, width_ratios=ratios, squeeze=False
    )
    names, *drawn, words = axes[0]
    for axis, panel in zip(drawn, panels):
        for place, row in enumerate(rows):
            for finding in row.findings:
                if _panel(finding) == panel:
                    _draw(axis, place, finding)
        axis.axvline(0, color="black", linewidth=0.8, linestyle=":")
        axis.set_title(panel if panel in _PANELS else "plurality", fontsize=10)
        axis.set_xlabel("points" if panel in _PANELS else "points above\nthe claimed %", fontsize=9)
        axis.tick_params(axis="y", left=False, labelleft=False)
        axis.spines["left"].set_visible(False)
    _write(names, words, rows)
    _band(axes[0], rows)
    names.set_ylim(len(rows) - 0.4, -0.6)
    findings = [finding for row in rows for finding in row.findings if finding.found is not None]
    seen = {finding.verdict for finding in findings}
    styles = {f"here: {verdict}": style for verdict, style in VERDICT_STYLES.items() if verdict in seen}
    handles = [Line2D([], [], linestyle="-", label=label, **style) for label, style in styles.items()]
    if NOT_JUDGED in seen:
        handles.append(Line2D([], [], linestyle="-", label=_ASIDE, **_ASIDE_STYLE))
    if not all(finding.has_interval for finding in findings):
        handles.append(Line2D([], [], linestyle="none", label="here: a single training, no interval", **_SINGLE_STYLE))
    legend_below(figure, [*handles, Line2D([], [], label="paper", **PAPER_STYLE)])
    return figure


def _rows(verdicts: Sequence[Verdict]) -> Iterator[_Row]:
    for verdict in verdicts:
        by_label: dict[str, list[Finding]] = {}
        for finding in verdict.findings:
            by_label.setdefault(_label(finding), []).append(finding)
        for number, (label, findings) in enumerate(by_label.items()):
            yield _Row(verdict, label, tuple(findings), first=number == 0)


def _label(finding: Finding) -> str:
    """What was compared; where nothing else is said, on val."""
    split = "" if finding.split == "val" else finding.split
    metric = "" if finding.bound is None else finding.metric.removeprefix("plurality ")
    return ", ".join(word for word in (finding.what, split, finding.part, metric) if word)


def _panel(finding: Finding) -> str:
    return finding.metric if finding.bound is None else _REACHED


def _draw(axis: Axes, place: int, finding: Finding) -> None:
    if finding.paper is not None and finding.bound is None:
        axis.plot(finding.paper, place, zorder=3, **PAPER_STYLE)
    if finding.found is None:
        return
    value = finding.found.value - (finding.bound or 0)
    of_verdict = VERDICT_STYLES.get(finding.verdict, _ASIDE_STYLE) | {"capsize": 2}
    looks = of_verdict if finding.found.has_interval else _SINGLE_STYLE
    style = {"markersize": 5, "elinewidth": 1.4} | looks
    axis.errorbar(value, place, xerr=reach(finding.found), linestyle="none", **style)


def _write(names: Axes, words: Axes, rows: Sequence[_Row]) -> None:
    """Write titles and comparisons to the left of the panels and the verdicts to the right."""
    for axis in (names, words):
        axis.set_xlim(0, 1)
        axis.axis("off")
    for place, row in enumerate(rows):
        names.text(1, place, row.label, ha="right", va="center", fontsize=9, color="#404040")
        if row.first:
            overall, note = row.verdict.overall, " (asked here)" if row.verdict.claim.own else ""
            color = VERDICT_STYLES.get(overall, VERDICT_STYLES[UNDECIDED])["color"]
            names.text(0, place, row.verdict.claim.title or row.verdict.claim.id, va="center", fontsize=9)
            words.text(
                0,
                place,
                overall + note,
                va="center",
                fontsize=9,
                color=color,
                weight="normal" if overall == NOT_RUN else "bold",
            )


def _band(axes: Sequence[Axes], rows: Sequence[_Row]) -> None:
    """Shade every other claim over all panels."""
    claims = list(dict.fromkeys(row.verdict.claim.id for row in rows))
    for place, row in enumerate(rows):
        if claims.index(row.verdict.claim.id) % 2 == 0:
            for axis in axes:
                axis.axhspan(place - 0.5, place + 0.5, color="#F2F2F2", linewidth=0, zorder=0)
