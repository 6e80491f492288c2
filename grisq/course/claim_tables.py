"""Verdicts on the paper's claims as a table to read."""

from collections.abc import Sequence

import pandas as pd

from grisq.course.paper_tables import INTERVALS
from grisq.experiments.claims import Verdict, count_intervals

MANY = 3  # more findings than this are counted instead of written out


def claims_table(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """Format a line for each claim: place, wording, the paper's arithmetic, our evidence, the verdict."""
    return pd.DataFrame(
        {
            "place": each.claim.place,
            "claim": each.claim.claim,
            "paper": each.claim.arithmetic,
            "here": _evidence(each),
            "verdict": each.overall,
            "remark": each.claim.remark or each.claim.not_run,
        }
        for each in verdicts
    )


def intervals_note(verdicts: Sequence[Verdict]) -> str:
    """Say how many intervals were drawn, how many exclude zero by chance, and that they are too narrow."""
    n = count_intervals(verdicts)
    return (
        f"{n} intervals are drawn; if nothing differed, about {0.05 * n:.0f} would exclude zero by chance. {INTERVALS}"
    )


def _evidence(verdict: Verdict) -> str:
    """Describe the findings; of many, count the verdicts and describe the lowest."""
    if len(verdict.findings) <= MANY:
        return "; ".join(finding.describe() for finding in verdict.findings)
    counts = pd.Series([finding.verdict for finding in verdict.findings]).value_counts()
    counted = ", ".join(f"{count} {found}" for found, count in counts.items())
    lowest = min(verdict.findings, key=lambda finding: finding.value)
    return f"{len(verdict.findings)} comparisons: {counted}; the lowest: {lowest.describe()}"
