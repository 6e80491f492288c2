"""Verdicts on the paper's claims by our runs: the rule of `data/paper/verdict_rule.md`, version 2, applied.

Evidence takes four forms; all numbers are means over seeds with 95 % intervals (`grisq.analysis.significance`):

difference              one run lies above another in some metrics; where the paper reports a drop, below it
contrast                a weighted sum of several runs is positive, such as a main effect or an interaction
explained by presence   a gap in gIoU is there, presence decisions cause a part of it, and that is more than the masks'
at least                a metric reaches a value

The verdict on a finding, and that on a claim, which needs all of its findings:

holds          the whole interval lies on the claimed side of zero (of the value)  | every finding holds
contradicted   the whole interval lies on the other side                           | some finding is contradicted
undecided      the interval contains zero, or a single seed has none               | otherwise
not run        a run is missing                                                    | some finding is not run

Nothing is corrected for the number of intervals: it is counted (`count_intervals`) and stated with the verdicts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from grisq.analysis.significance import Difference, interval_of_shares
from grisq.data.scenarios import SCENARIOS
from grisq.experiments.comparison import GAP, MARGIN, PRESENCE, compare, contrast_of, decompose_gap, experiment_of
from grisq.experiments.paper import Claim, Evidence
from grisq.experiments.selection import Results, runs_of

RULE_VERSION = "2"  # of the rule in data/paper/verdict_rule.md
HOLDS, CONTRADICTED, UNDECIDED, NOT_RUN = "holds", "contradicted", "undecided", "not run"
VERDICTS = (HOLDS, UNDECIDED, CONTRADICTED, NOT_RUN)
# How many samples a periodic evaluation had: its columns by scenario.
_SAMPLES = dict(zip(SCENARIOS, ("n_no_target", "n_single", "n_multi")))
_FIRST_THAT_OCCURS = (NOT_RUN, CONTRADICTED, UNDECIDED, HOLDS)


@dataclass(frozen=True)
class Finding:
    """One number for a claim."""

    what: str  # what was compared, and on which split
    metric: str
    paper: float | None  # the paper's points, or the percentage to be reached; None where it gives no number
    found: Difference | None  # in points, or the reached percentage; None if not run
    bound: float = 0.0  # the value of which the interval should lie above, or below where the paper reports a drop
    seeds: tuple[int, ...] = ()  # number of trainings of each experiment compared

    @property
    def verdict(self) -> str:
        """Its verdict by the rule."""
        if self.found is None:
            return NOT_RUN
        return verdict_on(self.found, drop=not self.bound and (self.paper or 0) < 0, bound=self.bound)

    @property
    def has_interval(self) -> bool:
        """Whether it was run with enough seeds for an interval."""
        return self.found is not None and self.found.has_interval

    def describe(self) -> str:
        """Return `query over baseline, val, gIoU +4.7 (+2.7 to +6.8; 3 seeds)`."""
        name = f"{self.what}, {self.metric}"
        if self.found is None:
            return f"{name}: {NOT_RUN}"
        seeds = " and ".join(map(str, dict.fromkeys(self.seeds))) + (" seed" if set(self.seeds) == {1} else " seeds")
        sign = "" if self.bound else "+"
        reach = f"{self.found.low:{sign}.1f} to {self.found.high:{sign}.1f}; " if self.has_interval else ""
        return f"{name} {self.found.value:{sign}.1f} ({reach}{seeds})"


@dataclass(frozen=True)
class Verdict:
    """A claim with everything that was found about it."""

    claim: Claim
    findings: tuple[Finding, ...]

    @property
    def overall(self) -> str:
        """The verdict on the claim by the rule; "not run" if there is no finding."""
        found = {finding.verdict for finding in self.findings} or {NOT_RUN}
        return next(verdict for verdict in _FIRST_THAT_OCCURS if verdict in found)


def judge(claims: Sequence[Claim], results: Results) -> list[Verdict]:
    """Judge every claim by the results, in their order."""
    return [
        Verdict(claim, tuple(found for evidence in claim.evidence for found in _findings(evidence, results)))
        for claim in claims
    ]


def count_intervals(verdicts: Sequence[Verdict]) -> int:
    """Count the intervals behind the verdicts: a few of many exclude their bound by chance."""
    return sum(finding.has_interval for verdict in verdicts for finding in verdict.findings)


def count_decided(verdicts: Sequence[Verdict]) -> int:
    """Count the intervals that lie on one side of their bound, on whichever."""
    decided = (HOLDS, CONTRADICTED)
    return sum(finding.verdict in decided for verdict in verdicts for finding in verdict.findings)


def verdict_on(found: Difference, *, drop: bool = False, bound: float = 0.0) -> str:
    """Judge a number: its whole interval should lie above the bound, or below it where a drop is claimed."""
    above, below = found.low > bound, found.high < bound
    holds, fails = (below, above) if drop else (above, below)
    return HOLDS if holds else CONTRADICTED if fails else UNDECIDED


def _findings(evidence: Evidence, results: Results) -> list[Finding]:
    if evidence.test == "at least":
        return _reached(evidence, results)
    what = f"{evidence.what or f'{evidence.system} over {evidence.reference}'}, {evidence.split}"
    names = dict.fromkeys(experiment_of(run) for run in evidence.runs)
    seeds = tuple(sum(evidence.split in result.samples for result in runs_of(results, name)) for name in names)
    findings = []
    for metric, paper in evidence.metrics.items():
        for part, found in _differences(evidence, metric, results if all(seeds) else None):
            reported = paper if part in ("", GAP) else None
            findings.append(Finding(what + (part and f", {part}"), metric, reported, found, seeds=seeds))
    return findings


def _differences(evidence: Evidence, metric: str, results: Results | None) -> list[tuple[str, Difference | None]]:
    """(part, difference): one, or three parts of a gap; None in place of a difference without results."""
    parts = (GAP, PRESENCE, MARGIN) if evidence.test == "explained by presence" else ("",)
    if results is None:
        return [(part, None) for part in parts]
    if evidence.weights:
        return [("", contrast_of(results, evidence.weights, metric, evidence.split))]
    pair = (results, evidence.system, evidence.reference)
    if evidence.test == "difference":
        return [("", compare(*pair, metric, evidence.split))]
    found = decompose_gap(*pair, evidence.split)
    return [(part, found[part]) for part in parts]


def _reached(evidence: Evidence, results: Results) -> list[Finding]:
    """Accuracies of a head in the periodic evaluation, at its first or its last record."""
    place, when = (0, "first evaluation") if evidence.when == "first" else (-1, "end")
    findings = []
    for metric, least in evidence.metrics.items():
        made = [result for result in runs_of(results, evidence.system) if metric in result.history["eval"]]
        values = [result.history["eval"][metric][place] for result in made]
        samples = next(column for scenario, column in _SAMPLES.items() if metric.endswith(scenario))
        found = interval_of_shares(values, made[0].history["eval"][samples][place]) if made else None
        what = f"{evidence.system}, {when}"
        findings.append(Finding(what, metric, least, found, bound=least, seeds=(len(values),) if made else ()))
    return findings
