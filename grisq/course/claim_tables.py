"""Verdicts on the paper's claims as a table to read."""

from collections.abc import Sequence

import pandas as pd

from grisq.course.paper_tables import INTERVALS
from grisq.experiments.claims import BY_WEIGHT, NOT_RUN, RULE_VERSION, VERDICTS, Verdict, count_decided, count_intervals

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
        f"Verdicts by version {RULE_VERSION} of the rule in data/paper/verdict_rule.md. {n} intervals are drawn, "
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


def _evidence(verdict: Verdict) -> str:
    """Describe the findings; of many, count the verdicts and describe one that decides."""
    if len(verdict.findings) <= MANY:
        return "; ".join(finding.describe() for finding in verdict.findings)
    counts = pd.Series([finding.verdict for finding in verdict.findings]).value_counts()
    counted = ", ".join(f"{count} {found}" for found, count in counts.items())
    text = f"{len(verdict.findings)} comparisons: {counted}"
    if verdict.overall == NOT_RUN:
        return text
    decides = min(verdict.findings, key=lambda finding: (BY_WEIGHT.index(finding.verdict), finding.found.value))
    return f"{text}; e.g. {decides.describe()}"
