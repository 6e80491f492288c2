"""What became of the paper's claims here: each beside the evidence of our runs, with a verdict by one fixed rule.

The rule was fixed before the runs that it judges were finished, and not changed after. A claim says that one run is
above another in some metrics, or that a metric reaches a value. With the mean over seeds and the 95 % interval of
`grisq.analysis.significance`:

holds            every difference has the claimed sign and an interval without zero (every value is reached)
direction only   every difference has the claimed sign, but an interval holds zero
does not hold    some difference has the other sign (some value is not reached)
not run          a run that the claim is about is missing
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from grisq.analysis.significance import Difference, bootstrap_difference
from grisq.experiments.paper import Claim, Evidence
from grisq.experiments.results import Results, mean_and_spread, seeds_of, tallies
from grisq.runtime.errors import InputError

HOLDS, DIRECTION, FAILS, NOT_RUN = "holds", "direction only", "does not hold here", "not run"
_WORST_FIRST = (NOT_RUN, FAILS, DIRECTION, HOLDS)


@dataclass(frozen=True)
class Finding:
    """One comparison of a claim: the paper's points (None: it gives no number) and what was found here.

    value: difference or reached value, percent; low, high: its interval, nan for a reached value.
    """

    what: str
    paper: float | None
    value: float
    low: float
    high: float
    verdict: str

    def describe(self) -> str:
        """`query over baseline, val, gIoU +4.7 (+2.7 to +6.8)`."""
        if math.isnan(self.value):
            return f"{self.what}: {NOT_RUN}"
        if math.isnan(self.low):
            return f"{self.what} {self.value:.1f}"
        return f"{self.what} {Difference(self.value, self.low, self.high).describe()}"


@dataclass(frozen=True)
class Verdict:
    """A claim with all that was found about it."""

    claim: Claim
    findings: tuple[Finding, ...]

    @property
    def word(self) -> str:
        """The worst of its findings; "not run" if there is none."""
        found = {finding.verdict for finding in self.findings} or {NOT_RUN}
        return next(word for word in _WORST_FIRST if word in found)


def judge(claims: Sequence[Claim], results: Results) -> list[Verdict]:
    """Every claim against the results, in their order."""
    return [Verdict(claim, tuple(_findings(claim, results))) for claim in claims]


def _findings(claim: Claim, results: Results) -> list[Finding]:
    found = []
    for evidence in claim.evidence:
        found += (_differences if evidence.kind == "difference" else _reached)(evidence, results)
    return found


def _differences(evidence: Evidence, results: Results) -> list[Finding]:
    what = f"{evidence.of} over {evidence.over}, {evidence.split}"
    try:
        of, over = (tallies(results, run, evidence.split) for run in (evidence.of, evidence.over))
    except InputError:  # one of the two was not run
        return [_not_run(f"{what}, {metric}", paper) for metric, paper in evidence.metrics.items()]
    same = evidence.of.partition("@")[0] == evidence.over.partition("@")[0]
    findings = []
    for metric, paper in evidence.metrics.items():
        found = bootstrap_difference(of, over, metric, same_trainings=same)
        verdict = verdict_on(found, paper)
        findings.append(Finding(f"{what}, {metric}", paper, found.value, found.low, found.high, verdict))
    return findings


def _not_run(what: str, paper: float | None) -> Finding:
    return Finding(what, paper, math.nan, math.nan, math.nan, NOT_RUN)


def verdict_on(found: Difference, paper: float | None) -> str:
    """Whether a difference bears out what the paper says: a gain, or a drop where its number is negative."""
    claimed = -1 if paper is not None and paper < 0 else 1
    if not found.value * claimed > 0:
        return FAILS
    return HOLDS if found.excludes_zero else DIRECTION


def _reached(evidence: Evidence, results: Results) -> list[Finding]:
    """Means over seeds of columns of the periodic evaluation, at its first or its last record."""
    place, word = (0, "first evaluation") if evidence.when == "first" else (-1, "end")
    histories = [results[evidence.of, seed].history["eval"] for seed in seeds_of(results, evidence.of)]
    findings = []
    for metric, least in evidence.metrics.items():
        what, values = f"{evidence.of}, {metric}, {word}", [h[metric][place] for h in histories if metric in h]
        if not values:
            findings.append(_not_run(what, least))
            continue
        value, _ = mean_and_spread(values)
        findings.append(Finding(what, least, value, math.nan, math.nan, HOLDS if value >= least else FAILS))
    return findings
