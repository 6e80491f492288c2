"""What became of the paper's claims here: each beside the evidence of our runs, with a verdict by one fixed rule.

The rule was fixed before the runs that it judges were finished, and not changed after. A claim says that one run is
above another in some metrics, or that a metric reaches a value. With the mean over seeds and the 95 % interval of
`grisq.compare`:

holds            every difference has the claimed sign and an interval without zero (every value is reached)
direction only   every difference has the claimed sign, but an interval holds zero
does not hold    some difference has the other sign (some value is not reached)
not run          a run that the claim is about is missing
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from grisq.compare import Difference, bootstrap_difference
from grisq.errors import InputError
from grisq.paper import Claim, Evidence
from grisq.results import Results, mean_and_spread, seeds_of, tallies

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
        """`gIoU +2.3 (0.4 to 4.1)`."""
        if math.isnan(self.value):
            return f"{self.what}: {NOT_RUN}"
        if math.isnan(self.low):
            return f"{self.what} {self.value:.1f}"
        return f"{self.what} {self.value:+.1f} ({self.low:+.1f} to {self.high:+.1f})"


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
        for metric, paper in evidence.metrics.items():
            if evidence.kind == "difference":
                found.append(_difference(evidence, metric, paper, results))
            else:
                found.append(_reached(evidence, metric, paper, results))
    return found


def _difference(evidence: Evidence, metric: str, paper: float | None, results: Results) -> Finding:
    what = f"{evidence.of} over {evidence.over}, {evidence.split}, {metric}"
    try:
        of, over = (tallies(results, run, evidence.split) for run in (evidence.of, evidence.over))
    except InputError:  # one of the two was not run
        return Finding(what, paper, math.nan, math.nan, math.nan, NOT_RUN)
    same = evidence.of.partition("@")[0] == evidence.over.partition("@")[0]
    found = bootstrap_difference(of, over, metric, same_trainings=same)
    return Finding(what, paper, found.value, found.low, found.high, verdict_on(found, paper))


def verdict_on(found: Difference, paper: float | None) -> str:
    """Whether a difference bears out what the paper says: a gain, or a drop where its number is negative."""
    claimed = -1 if paper is not None and paper < 0 else 1
    if not found.value * claimed > 0:
        return FAILS
    return HOLDS if found.low * found.high > 0 else DIRECTION


def _reached(evidence: Evidence, metric: str, least: float, results: Results) -> Finding:
    """The mean over seeds of a column of the periodic evaluation, at its first or its last record."""
    what = f"{evidence.of}, {metric}, {'first evaluation' if evidence.when == 'first' else 'end'}"
    place = 0 if evidence.when == "first" else -1
    values = [
        results[evidence.of, seed].history["eval"][metric][place]
        for seed in seeds_of(results, evidence.of)
        if metric in results[evidence.of, seed].history["eval"]
    ]
    if not values:
        return Finding(what, least, math.nan, math.nan, math.nan, NOT_RUN)
    value, _ = mean_and_spread(values)
    return Finding(what, least, value, math.nan, math.nan, HOLDS if value >= least else FAILS)
