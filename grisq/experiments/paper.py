"""The paper as data: its tables, figures and claims, and where each equation lives in this project."""

from pathlib import Path
from typing import Literal

import msgspec
import pandas as pd

from grisq.runtime.errors import InputError
from grisq.runtime.files import read_json
from grisq.runtime.paths import DATA

PAPER = DATA / "paper"
METRICS = ("gIoU", "cIoU", "N-acc")  # of Tables 1 and 2


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What would support a claim here; runs are named as in `grisq.experiments.comparison`."""

    test: Literal["difference", "at least", "explained by presence", "contrast"]  # see `grisq.experiments.claims`
    system: str | None  # the run that the claim is about; None for a contrast
    split: str
    # By metric: the paper's points, negative for a drop, None where it gives no number; for "at least" the percentage.
    metrics: dict[str, float | None]
    reference: str | None = None  # the run that it is compared with
    when: Literal["first", "end"] | None = None  # which periodic evaluation, for "at least"
    weights: dict[str, float] | None = None  # of the runs in a contrast
    what: str | None = None  # a contrast in words
    aside: tuple[str, ...] = ()  # metrics in which the paper's own number is against its claim: shown, not judged

    def __post_init__(self):
        needed = {"at least": ("system", "when"), "contrast": ("weights", "what")}
        for field in needed.get(self.test, ("system", "reference")):
            if not getattr(self, field):
                raise ValueError(f"the test `{self.test}` needs the field `{field}`")

    @property
    def runs(self) -> tuple[str, ...]:
        """Every run that it needs."""
        return tuple(self.weights or (run for run in (self.system, self.reference) if run))


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A claim of the paper (or a question of our own), and what would support it here."""

    id: str
    place: str  # section, table or figure
    claim: str  # in our words
    arithmetic: str  # the paper's numbers behind it
    evidence: tuple[Evidence, ...]
    not_run: str = ""  # why there is no evidence
    remark: str = ""  # what else a reader should know
    title: str = ""  # a few words, for a figure
    own: bool = False  # a question that the paper leaves open, asked here


def table1() -> pd.DataFrame:
    """Table 1, percent: a line for each system by key, columns (split, metric); nan where the paper has a dash."""
    stored = _read("table1.json")
    columns = pd.MultiIndex.from_product([stored["splits"], stored["metrics"]])
    values = [[value for split in stored["splits"] for value in row[split]] for row in stored["rows"]]
    return pd.DataFrame(values, [row["key"] for row in stored["rows"]], columns, dtype=float)


def systems() -> pd.DataFrame:
    """Systems of Table 1 by key: name, citation, backbone, its parameters in millions, whether an LMM is part of it."""
    named = ["key", "name", "citation", "backbone", "backbone_parameters_m", "lmm"]
    return pd.DataFrame(_read("table1.json")["rows"])[named].set_index("key")


def table2() -> pd.DataFrame:
    """Table 2, val, percent: a line for each row by the name of its experiment; four switches, three metrics."""
    return pd.DataFrame(_read("table2.json")["rows"]).set_index("key")


def no_target_share_of_val() -> float:
    """Estimate the share of no-target expressions of the paper's val, about 0.41; the paper does not report it.

    The true presence lifts ReLA's gIoU (Fig. 5a) by turning the 0 of every no-target expression that it missed, 100
    less its N-acc (Table 1), into a 1. This is an upper bound: the IoU that the true presence gives back to denied
    targets is counted as no-target, too. It is not published; every point of it would lower the share by 0.014.
    """
    bars, rela = figure5a().set_index("run")["gIoU"], table1().loc["rela", "val"]
    return float((bars["rela@truth"] - bars["rela"]) / (100 - rela["N-acc"]))


def figure4() -> pd.DataFrame:
    """Figure 4, val, percent: lines (system, augmented), three metrics; nan where the text gives no number."""
    return pd.DataFrame(_read("figures.json")["figure4"]["bars"]).set_index(["system", "augmented"]).astype(float)


def figure5a() -> pd.DataFrame:
    """Figure 5a, gIoU on val in percent: a line for each bar by name, with the run that it shows."""
    return pd.DataFrame(_read("figures.json")["figure5a"]["bars"]).set_index("name")


def claims(path: Path = PAPER / "claims.json") -> list[Claim]:
    """Read every claim. Raises InputError naming the file, the claim and the field that is missing or wrong."""
    stored = read_json(path)
    if not isinstance(stored, dict) or not isinstance(stored.get("claims"), list):
        raise InputError(f'{path} has no list "claims": compare it with git.')
    found = []
    for number, each in enumerate(stored["claims"], start=1):
        try:
            found.append(msgspec.convert(each, Claim))
        except msgspec.ValidationError as error:
            name = each.get("id", number) if isinstance(each, dict) else number
            raise InputError(f"{path}: claim {name} cannot be read ({error}): compare it with git.") from None
    return found


def verdict_rule() -> str:
    """Read the rule by which claims are judged, as Markdown; its line "Version: ..." has the version."""
    return (PAPER / "verdict_rule.md").read_text(encoding="utf-8")


def equations() -> pd.DataFrame:
    """Where each equation, table and section lives: place, what, module, notebook, test."""
    return pd.DataFrame(_read("equations.json")["rows"])


def _read(name: str) -> dict:
    return read_json(PAPER / name)
