"""Verdicts on the paper's claims: every claim is judged by the evidence of our runs, under one rule.

Evidence takes three forms; differences are means over seeds with 95 % intervals (`grisq.analysis.significance`):

difference              one run lies above another in some metrics; where the paper reports a drop, below it
at least                a metric reaches a value
explained by presence   of the gap between two runs, a part disappears when both get the true presence, and that part is
                        larger than the rest

The verdict on a claim is the worst of its findings:

holds                every difference has the claimed sign and an interval without zero; every value is reached
direction only       every difference has the claimed sign, but some interval contains zero
does not hold here   some difference has the other sign, or some value is not reached
not run              a run that the claim is about is missing

The rule was fixed before the runs were finished. The evidence of two claims was replaced afterwards, because it could
not have failed or did not test what is claimed: that presence holds ReLA back, and that the gap to ReLA comes from it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from grisq.analysis.significance import Difference
from grisq.experiments.comparison import compare, experiment_of, explained_by_presence
from grisq.experiments.paper import Claim, Evidence
from grisq.experiments.selection import Results, runs_of
from grisq.experiments.tables import mean_and_spread

HOLDS, DIRECTION, FAILS, NOT_RUN = "holds", "direction only", "does not hold here", "not run"
_WORST_FIRST = (NOT_RUN, FAILS, DIRECTION, HOLDS)


@dataclass(frozen=True)
class Finding:
    """One comparison for a claim."""

    what: str
    paper: float | None  # the paper's points; None where it gives no number
    value: float  # difference in points or reached percentage; nan if not run
    low: float  # ends of the 95 % interval; nan for a reached percentage
    high: float
    verdict: str
    seeds: tuple[int, ...] = ()  # number of trainings of each experiment compared

    @property
    def has_interval(self) -> bool:
        """Whether it is a difference that was run."""
        return not math.isnan(self.low)

    def describe(self) -> str:
        """Return `query over baseline, val, gIoU +4.7 (+2.7 to +6.8; 3 seeds)`."""
        if math.isnan(self.value):
            return f"{self.what}: {NOT_RUN}"
        seeds = " and ".join(map(str, dict.fromkeys(self.seeds))) + (" seed" if set(self.seeds) == {1} else " seeds")
        if not self.has_interval:
            return f"{self.what} {self.value:.1f} ({seeds})"
        return f"{self.what} {self.value:+.1f} ({self.low:+.1f} to {self.high:+.1f}; {seeds})"


@dataclass(frozen=True)
class Verdict:
    """A claim with everything that was found about it."""

    claim: Claim
    findings: tuple[Finding, ...]

    @property
    def overall(self) -> str:
        """The worst verdict of its findings; "not run" if there is none."""
        found = {finding.verdict for finding in self.findings} or {NOT_RUN}
        return next(verdict for verdict in _WORST_FIRST if verdict in found)


def judge(claims: Sequence[Claim], results: Results) -> list[Verdict]:
    """Judge every claim by the results, in their order."""
    return [
        Verdict(claim, tuple(found for evidence in claim.evidence for found in _findings(evidence, results)))
        for claim in claims
    ]


def count_intervals(verdicts: Sequence[Verdict]) -> int:
    """Count the intervals behind the verdicts: a few of many exclude zero by chance."""
    return sum(finding.has_interval for verdict in verdicts for finding in verdict.findings)


def verdict_on(found: Difference, paper: float | None) -> str:
    """Judge a difference: it should be a gain, or a drop where the paper's number is negative."""
    claimed = -1 if paper is not None and paper < 0 else 1
    if not found.value * claimed > 0:
        return FAILS
    return HOLDS if found.excludes_zero else DIRECTION


def _findings(evidence: Evidence, results: Results) -> list[Finding]:
    if evidence.test == "at least":
        return _reached(evidence, results)
    compared = f"{evidence.system} over {evidence.reference}, {evidence.split}"
    names = dict.fromkeys(experiment_of(run) for run in (evidence.system, evidence.reference))
    seeds = tuple(sum(evidence.split in result.samples for result in runs_of(results, name)) for name in names)
    findings = []
    for metric, paper in evidence.metrics.items():
        what = f"{compared}, {metric}"
        if not all(seeds):
            findings.append(_not_run(what, paper))
            continue
        for part, found in _differences(evidence, metric, results):
            verdict = verdict_on(found, paper)
            findings.append(Finding(what + part, paper, found.value, found.low, found.high, verdict, seeds))
    return findings


def _differences(evidence: Evidence, metric: str, results: Results) -> list[tuple[str, Difference]]:
    pair = (results, evidence.system, evidence.reference, metric, evidence.split)
    if evidence.test == "difference":
        return [("", compare(*pair))]
    part, margin = explained_by_presence(*pair)
    return [(", part that disappears under the true presence", part), (", that part minus the rest", margin)]


def _not_run(what: str, paper: float | None) -> Finding:
    return Finding(what, paper, math.nan, math.nan, math.nan, NOT_RUN)


def _reached(evidence: Evidence, results: Results) -> list[Finding]:
    """Means over seeds of columns of the periodic evaluation, at its first or its last record."""
    place, when = (0, "first evaluation") if evidence.when == "first" else (-1, "end")
    histories = [result.history["eval"] for result in runs_of(results, evidence.system)]
    findings = []
    for metric, least in evidence.metrics.items():
        what = f"{evidence.system}, {metric}, {when}"
        values = [history[metric][place] for history in histories if metric in history]
        if not values:
            findings.append(_not_run(what, least))
            continue
        value, _ = mean_and_spread(values)
        verdict = HOLDS if value >= least else FAILS
        findings.append(Finding(what, least, value, math.nan, math.nan, verdict, (len(values),)))
    return findings
