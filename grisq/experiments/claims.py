"""Verdicts on the paper's claims by our runs: the rule of `data/paper/verdict_rule.md`, version 4, applied.

Evidence takes four forms; all numbers are means over seeds with 95 % intervals (`grisq.analysis.significance`):

difference              one run lies above another in some metrics; where the paper reports a drop, below it
contrast                a weighted sum of several runs is positive, such as a main effect or an interaction
explained by presence   a gap in gIoU is there, presence decisions cause a part of it, and that is more than the masks'
at least                a metric reaches a value

The verdict on a finding, and that on a claim, which needs all of its findings that are judged:

holds          the whole interval lies on the claimed side of zero (of the value)  | every finding holds
contradicted   the whole interval lies on the other side                           | some finding is contradicted
undecided      the interval contains zero, or a single seed has none               | otherwise
not run        a run is missing                                                    | some finding is not run

A finding is "not judged" where the paper's own number lies on the other side of its claim.

Nothing is corrected for the number of intervals: it is counted (`count_intervals`) and stated with the verdicts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from grisq.analysis.significance import interval_of_shares
from grisq.data.scenarios import SCENARIOS
from grisq.evaluation.intervals import Difference
from grisq.experiments.comparison import GAP, MARGIN, PRESENCE, compare, contrast_of, decompose_gap, experiment_of
from grisq.experiments.paper import Claim, Evidence
from grisq.experiments.registry import describe_pair, label_of
from grisq.experiments.results import Result
from grisq.experiments.selection import Results, runs_of

RULE_VERSION = "4"  # of the rule in data/paper/verdict_rule.md
HOLDS, CONTRADICTED, UNDECIDED, NOT_RUN = "holds", "contradicted", "undecided", "not run"
VERDICTS = (HOLDS, UNDECIDED, CONTRADICTED, NOT_RUN)
NOT_JUDGED = "not judged"  # of a finding alone
# How many samples a periodic evaluation had: its columns by scenario.
_SAMPLES = dict(zip(SCENARIOS, ("n_no_target", "n_single", "n_multi")))
BY_WEIGHT = (NOT_RUN, CONTRADICTED, UNDECIDED, HOLDS)  # the first of these among the findings is that on the claim
_WRONG_SIDE = 0.025  # how often a 95 % interval lies on the wrong side if nothing differs


@dataclass(frozen=True)
class Finding:
    """One number for a claim."""

    what: str  # what was compared
    split: str
    metric: str
    paper: float | None  # the paper's points, or the percentage to be reached; None where it gives no number
    found: Difference | None  # in points, or the reached percentage; None if not run
    part: str = ""  # of a gap
    bound: float | None = None  # a percentage to be reached; None for a difference, whose sign is judged
    seeds: Mapping[str, int] = field(default_factory=dict)  # number of trainings of each experiment compared
    judged: bool = True  # False where the paper's own number is against its claim

    @property
    def verdict(self) -> str:
        """Its verdict by the rule."""
        if self.found is None:
            return NOT_RUN
        if not self.judged:
            return NOT_JUDGED
        return verdict_on(self.found, drop=(self.paper or 0) < 0, bound=self.bound or 0.0)

    @property
    def has_interval(self) -> bool:
        """Whether it was run with enough seeds for an interval."""
        return self.found is not None and self.found.has_interval

    def describe(self) -> str:
        """Return `query over baseline, val, gIoU +4.7 (+2.7 to +6.8; 3 seeds)`."""
        name = ", ".join(word for word in (self.what, self.split, self.part, self.metric) if word)
        if self.found is None:
            return f"{name}: {NOT_RUN}"
        sign = "+" if self.bound is None else ""
        reach = f"{self.found.low:{sign}.1f} to {self.found.high:{sign}.1f}; " if self.has_interval else ""
        return f"{name} {self.found.value:{sign}.1f} ({reach}{self._describe_seeds()})"

    def _describe_seeds(self) -> str:
        numbers = set(self.seeds.values())
        if len(numbers) > 1:
            return ", ".join(f"{label_of(name)} {number}" for name, number in self.seeds.items()) + " seeds"
        (number,) = numbers
        return f"{number} seed" + ("s" if number != 1 else "")


@dataclass(frozen=True)
class Verdict:
    """A claim with everything that was found about it."""

    claim: Claim
    findings: tuple[Finding, ...]

    @property
    def judged(self) -> tuple[Finding, ...]:
        """The findings that the verdict rests on."""
        return tuple(finding for finding in self.findings if finding.judged)

    @property
    def overall(self) -> str:
        """The verdict on the claim by the rule; "not run" if there is no finding."""
        found = {finding.verdict for finding in self.judged} or {NOT_RUN}
        return next(verdict for verdict in BY_WEIGHT if verdict in found)


def judge(claims: Sequence[Claim], results: Results) -> list[Verdict]:
    """Judge every claim by the results, in their order."""
    return [
        Verdict(claim, tuple(found for evidence in claim.evidence for found in _findings(evidence, results)))
        for claim in claims
    ]


def count_intervals(verdicts: Sequence[Verdict]) -> int:
    """Count the intervals behind the verdicts: a few of many exclude their bound by chance."""
    return sum(finding.has_interval for verdict in verdicts for finding in verdict.judged)


def count_decided(verdicts: Sequence[Verdict]) -> int:
    """Count the intervals that lie on one side of their bound, on whichever."""
    decided = (HOLDS, CONTRADICTED)
    return sum(finding.verdict in decided for verdict in verdicts for finding in verdict.findings)


def contradicted_by_chance(intervals: int) -> tuple[float, float]:
    """How often a claim with so many intervals is contradicted if nothing differs: at most, and if independent."""
    return min(1.0, _WRONG_SIDE * intervals), 1 - (1 - _WRONG_SIDE) ** intervals


def verdict_on(found: Difference, *, drop: bool = False, bound: float = 0.0) -> str:
    """Judge a number: its whole interval should lie above the bound, or below it where a drop is claimed."""
    above, below = found.low > bound, found.high < bound
    holds, fails = (below, above) if drop else (above, below)
    return HOLDS if holds else CONTRADICTED if fails else UNDECIDED


def _findings(evidence: Evidence, results: Results) -> list[Finding]:
    if evidence.test == "at least":
        return _reached(evidence, results)
    what = evidence.what or describe_pair(evidence.system, evidence.reference)
    names = dict.fromkeys(experiment_of(run) for run in evidence.runs)
    seeds = {name: sum(evidence.split in result.samples for result in runs_of(results, name)) for name in names}
    findings = []
    for metric, paper in evidence.metrics.items():
        for part, found in _differences(evidence, metric, results if all(seeds.values()) else None):
            reported = paper if part in ("", GAP) else None
            judged = metric not in evidence.aside
            findings.append(Finding(what, evidence.split, metric, reported, found, part, seeds=seeds, judged=judged))
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
    """Accuracies of a head: of the last checkpoint on the split, or in the first periodic evaluation."""
    what = f"{label_of(evidence.system)}, {'first evaluation' if evidence.when == 'first' else 'end'}"
    findings = []
    for metric, least in evidence.metrics.items():
        samples = next(column for scenario, column in _SAMPLES.items() if metric.endswith(scenario))
        measured = [_measured(result, evidence, metric, samples) for result in runs_of(results, evidence.system)]
        made = [each for each in measured if each is not None]
        found = interval_of_shares([share for share, _ in made], made[0][1]) if made else None
        seeds = {evidence.system: len(made)}
        findings.append(Finding(what, evidence.split, metric, least, found, bound=least, seeds=seeds))
    return findings


def _measured(result: Result, evidence: Evidence, metric: str, samples: str) -> tuple[float, int] | None:
    """The accuracy in percent and the number of samples behind it; None for a run without that head or split."""
    if evidence.when == "first":
        history = result.history["eval"]
        return (history[metric][0], history[samples][0]) if metric in history else None
    accuracy = result.results.get(evidence.split, {}).get("accuracy", {})
    return (accuracy[metric], result.metrics(evidence.split)[samples]) if metric in accuracy else None
