"""Verdicts on the paper's claims as a table to read."""

from collections.abc import Sequence

import pandas as pd

from grisq.analysis.multiple import holm, p_value
from grisq.course.paper_tables import INTERVALS
from grisq.experiments.claims import (
    BY_WEIGHT,
    CONTRADICTED,
    HOLDS,
    NOT_RUN,
    RULE_VERSION,
    VERDICTS,
    Verdict,
    contradicted_by_chance,
    count_decided,
    count_intervals,
)

_LEAST_P = 1e-6  # smaller ones say no more
MANY = 3  # more findings than this are counted instead of written out


def claims_table(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """Format a line for each claim: place, wording, the paper's arithmetic, our evidence, the verdict."""
    return pd.DataFrame(
        {
            "place": each.claim.place + (" (our question)" if each.claim.own else ""),
            "claim": each.claim.claim,
            "paper": each.claim.arithmetic,
            "here": _evidence(each),
            "verdict": each.overall,
            "remark": each.claim.remark or each.claim.not_run,
        }
        for each in verdicts
    )


def intervals_note(verdicts: Sequence[Verdict]) -> str:
    """Say by which rule was judged, how many intervals were drawn and how many would exclude their bound by chance."""
    n = count_intervals(verdicts)
    return (
        f"Verdicts by version {RULE_VERSION} of the rule in data/paper/verdict_rule.md. {n} intervals are judged, "
        f"uncorrected: {count_decided(verdicts)} exclude zero (or the value to be reached), about {0.05 * n:.0f} would "
        f"by chance if nothing differed. {INTERVALS}"
    )


def verdict_counts(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """Count the verdicts: a line for each of `VERDICTS`, columns for the paper's claims and for our own questions."""
    columns = {"claims of the paper": False, "questions asked here": True}
    counted = {
        title: [sum(each.overall == verdict and each.claim.own == own for each in verdicts) for verdict in VERDICTS]
        for title, own in columns.items()
    }
    return pd.DataFrame(counted, index=list(VERDICTS))


def contradictions_by_chance(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """List the contradicted claims: how many intervals each has, how many of them say so, and how often one would.

    The last two columns are percentages, if nothing differed: an upper limit, and what it is for independent intervals.
    """
    lines = []
    for verdict in verdicts:
        if verdict.overall == CONTRADICTED:
            intervals = sum(finding.has_interval for finding in verdict.judged)
            least, independent = contradicted_by_chance(intervals)
            lines.append(
                {
                    "claim": verdict.claim.title,
                    "intervals": intervals,
                    "on the other side": sum(finding.verdict == CONTRADICTED for finding in verdict.judged),
                    "by chance, at most": f"{100 * least:.1f} %",
                    "if independent": f"{100 * independent:.1f} %",
                }
            )
    return pd.DataFrame(lines)


def after_holm(verdicts: Sequence[Verdict], level: float = 0.05) -> pd.DataFrame:
    """Correct all intervals behind the verdicts for their number by Holm's method.

    Returns:
        A line for each finding that excludes its bound, the surest first: claim, comparison, verdict, p-value, the
        corrected one, and whether it stays below the level.
    """
    tried = [(each, one) for each in verdicts for one in each.judged if one.has_interval]
    values = [p_value(finding.found, finding.bound or 0.0) for _, finding in tried]
    lines = [
        {
            "claim": verdict.claim.title,
            "comparison": finding.describe(),
            "alone": finding.verdict,
            "p": _small(value),
            "p, corrected": _small(corrected),
            "remains": "yes" if corrected < level else "",
        }
        for value, corrected, (verdict, finding) in sorted(zip(values, holm(values), tried), key=lambda line: line[0])
        if finding.verdict in (HOLDS, CONTRADICTED)
    ]
    return pd.DataFrame(lines)


def _small(p: float) -> str:
    return f"{p:.2g}" if p >= _LEAST_P else f"< {_LEAST_P:g}"


def _evidence(verdict: Verdict) -> str:
    """Describe the findings; of many, count the verdicts and describe one that decides."""
    if len(verdict.findings) <= MANY:
        return "; ".join(finding.describe() for finding in verdict.findings)
    counts = pd.Series([finding.verdict for finding in verdict.findings]).value_counts()
    counted = ", ".join(f"{count} {found}" for found, count in counts.items())
    text = f"{len(verdict.findings)} comparisons: {counted}"
    if verdict.overall == NOT_RUN:
        return text
    decides = min(verdict.judged, key=lambda finding: (BY_WEIGHT.index(finding.verdict), finding.found.value))
    return f"{text}; e.g. {decides.describe()}"
