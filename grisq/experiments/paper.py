"""The paper as data: its tables, figures and claims, and where each equation lives in this project."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from grisq.runtime.errors import InputError
from grisq.runtime.files import read_json
from grisq.runtime.paths import DATA

PAPER = DATA / "paper"


@dataclass(frozen=True)
class Evidence:
    """What would bear a claim out: one run above another, or a metric that reaches a value.

    of, over: names of experiments, with "@pixels" or "@truth" for another word on presence; over is None for a value to
    be reached. metrics: the paper's points by metric, None where it gives no number, negative where it reports a drop;
    or the least percentage. when: which periodic evaluation has to reach it.
    """

    kind: Literal["difference", "at least"]
    of: str
    split: str
    metrics: dict[str, float | None]
    over: str | None = None
    when: Literal["first", "end"] | None = None


@dataclass(frozen=True)
class Claim:
    """A claim of Sec. 4.3-4.5 in our words, the paper's arithmetic behind it, and what would bear it out here.

    not_run: why there is no evidence; remark: what else there is to say.
    """

    id: str
    place: str
    claim: str
    arithmetic: str
    evidence: tuple[Evidence, ...]
    not_run: str = ""
    remark: str = ""


def table1() -> pd.DataFrame:
    """Table 1, percent: a line for each system by key, columns (split, metric); nan where the paper has a dash."""
    stored = _read("table1.json")
    columns = pd.MultiIndex.from_product([stored["splits"], stored["metrics"]])
    values = [[value for split in stored["splits"] for value in row[split]] for row in stored["rows"]]
    return pd.DataFrame(values, [row["key"] for row in stored["rows"]], columns, dtype=float)


def systems() -> pd.DataFrame:
    """Who is in Table 1: name, citation, backbone, its parameters in millions, whether an LMM is part; by key."""
    named = ["key", "name", "citation", "backbone", "backbone_parameters_m", "lmm"]
    return pd.DataFrame(_read("table1.json")["rows"])[named].set_index("key")


def table2() -> pd.DataFrame:
    """Table 2, val, percent: a line for each row by the name of its experiment; four switches, three metrics."""
    return pd.DataFrame(_read("table2.json")["rows"]).set_index("key")


def figure4() -> pd.DataFrame:
    """Figure 4, val, percent: lines (system, augmented), three metrics; nan where the text gives no number."""
    return pd.DataFrame(_read("figures.json")["figure4"]["bars"]).set_index(["system", "augmented"]).astype(float)


def figure5a() -> pd.DataFrame:
    """Figure 5a, gIoU on val in percent: a line for each bar by name, and the run that it is."""
    return pd.DataFrame(_read("figures.json")["figure5a"]["bars"]).set_index("name")


def claims() -> list[Claim]:
    """Errors: InputError if the file lacks a field, or has one that there is not."""
    try:
        return [
            Claim(**(each | {"evidence": tuple(Evidence(**evidence) for evidence in each["evidence"])}))
            for each in _read("claims.json")["claims"]
        ]
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{PAPER / 'claims.json'} has a claim that cannot be read ({error}): compare it with git."
        ) from None


def equations() -> pd.DataFrame:
    """Where each equation, table and section lives: place, what, module, notebook, test."""
    return pd.DataFrame(_read("equations.json")["rows"])


def _read(name: str, folder: Path = PAPER) -> dict:
    return read_json(folder / name)
