"""The paper's tables next to ours as text to read: the numbers are those of `grisq.experiments`."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from grisq.course.tables import MISSING, number, spread
from grisq.evaluation.intervals import Difference
from grisq.evaluation.metrics import MCC
from grisq.experiments import diagnostic_tables, paper, tables
from grisq.experiments.comparison import PRESENCE, decompose_gap
from grisq.experiments.paper import METRICS
from grisq.experiments.registry import EXPERIMENTS, describe_pair, label_of
from grisq.experiments.results import Result
from grisq.experiments.selection import Results, runs_of, seeds_of

_SHOWN_UNDER = {
    "as it is": ("gIoU", "cIoU", "N-acc", "T-acc"),
    "perfect presence": ("gIoU", "cIoU", "IoU single", "IoU multi"),
    "perfect masks": ("gIoU",),
}
INTERVALS = (
    "Intervals (95 %) are about other trainings and other pictures: spread between seeds plus resampled pictures, with "
    "t-quantiles for few seeds."
)


def table_1(stored: Results, preset: str, cost: Mapping[str, Mapping]) -> pd.DataFrame:
    """Format Table 1: the paper's line for each system, and below it ours where the system is built here.

    Ours are mean ± standard deviation over seeds, with T-acc and MCC, which the paper does not report: a model that
    predicts "nothing" for every expression has an N-acc of 100. Val also has gIoU restated at other shares of no-target
    expressions. The reference rows, which need no training, come last.

    Args:
        stored: results by experiment and seed.
        preset: the preset that they were made with.
        cost: as `grisq.experiments.costs.read_cost`.
    Returns:
        A table of text, columns in two levels.
    """
    numbers, systems, built, lines = tables.table_1(stored), paper.systems(), tables.built_systems(), []
    references = tables.reference_runs(stored)
    for key in numbers.index.unique("system"):
        found = numbers.loc[key]
        if key in references:
            lines.append({("", "system"): references[key], ("", "source"): "no training"} | _own_values(found))
            continue
        source = "paper" if key in built else "paper (reported only)"
        values = {place: number(line["paper"], 2) for place, line in found.iterrows()}
        lines.append({("", "system"): systems.loc[key, "name"], ("", "source"): source} | values)
        if key in built:
            source = _source(preset, len(seeds_of(stored, key)))
            ours = {("", "system"): "", ("", "source"): source} | _own_values(found)
            lines.append(ours | _cost_of(built[key], preset, cost, runs_of(stored, key)))
    return _two_levels(pd.DataFrame(lines).fillna(""))


def _source(preset: str, seeds: int) -> str:
    return f"run:{preset}, {seeds} seed{'s' if seeds != 1 else ''}" if seeds else "not run"


def _own_values(found: pd.DataFrame) -> dict[tuple[str, str], str]:
    return {place: spread(line["mean"], line["std"]) for place, line in found.iterrows()}


def _cost_of(system: str, preset: str, cost: Mapping[str, Mapping], made: Sequence[Result]) -> dict:
    """Time and memory, unless they were measured on a model of another size than the stored runs have."""
    measured = cost.get(preset, {}).get(system, {})
    if made and measured.get("parameters") != sum(made[0].parameters.values()):
        measured = {}
    return {
        ("cost", "step, ms"): number(1000 * (measured.get("step_s") or np.nan), 0),
        ("cost", "memory, MB"): number(measured.get("peak_mb") or np.nan, 0),
    }


def table_2(stored: Results, rows: Sequence[str]) -> pd.DataFrame:
    """Format Table 2: for each row and metric the paper's value and ours (mean ± std), and both steps.

    A step is the difference from the row above, ours with its 95 % interval. The reference rows, which are not trained,
    come last.
    """
    numbers, references, lines = tables.table_2(stored, rows), tables.reference_runs(stored), []
    for name in numbers.index.unique("row"):
        title = references.get(name) or EXPERIMENTS[name].title
        line: dict[tuple[str, str], object] = {("", "row"): title, ("", "seeds"): 0}
        for metric, found in numbers.loc[name].iterrows():
            line["", "seeds"] = "" if name in references else int(found["seeds"])
            if metric not in ("T-acc", MCC):  # which the paper does not report
                line[metric, "paper"] = number(found["paper"], 2)
            line[metric, "here"] = spread(found["mean"], found["std"])
            if metric in METRICS:
                has_step = not np.isnan(found["step"])
                line[metric, "step, paper"] = f"{found['paper_step']:+.2f}" if has_step else ""
                line[metric, "step, here"] = _difference(found, "step") if has_step else ""
        lines.append(line)
    return _two_levels(pd.DataFrame(lines))


def about(stored: Results) -> str:
    """Describe what every number rests on: rules, data, and how many expressions of each scenario a split has."""
    result = next((each for each in stored.values() if each.results), None)  # a run that chose a rate measured no split
    if result is None:
        return "Nothing was run yet."
    names = ("n_no_target", "n_single", "n_multi")
    counts = {split: [result.metrics(split)[name] for name in names] for split in result.results}
    sizes = ", ".join(f"{split} {'/'.join(map(str, numbers))}" for split, numbers in counts.items())
    return (
        f"Here: preset {result.preset}, last checkpoints, protocol rela, data {result.data[:12]} with "
        f"no/single/multi-target expressions {sizes}."
    )


def threshold_free_presence(stored: Results, names: Sequence[str], kinds: np.ndarray | None = None) -> pd.DataFrame:
    """Format `grisq.experiments.diagnostic_tables.threshold_free_presence`: mean ± std over seeds, a line a run."""
    numbers = diagnostic_tables.threshold_free_presence(stored, names, kinds)
    texts = {
        (name, measure): spread(line["mean"], line["std"], 2 if measure == "own threshold" else 1)
        for (name, measure), line in numbers.iterrows()
    }
    return _wide(texts, names)


def thresholds(stored: Results, names: Sequence[str]) -> pd.DataFrame:
    """Format `grisq.experiments.diagnostic_tables.thresholds`: mean ± std over seeds, a line for each run and rule."""
    return _line_for_each(diagnostic_tables.thresholds(stored, names), "presence by", {"threshold": 2}).fillna("")


def oracle_presence_and_masks(stored: Results, names: Sequence[str]) -> pd.DataFrame:
    """Format `grisq.experiments.diagnostic_tables.oracle_presence_and_masks`, a line for each run.

    Metrics are mean ± std over seeds; gains are those of the mean gIoU. Under perfect presence N-acc and T-acc are 100,
    under perfect masks those of the run as it is; cIoU is then near 100, for a false alarm draws nothing.
    """
    numbers, lines = diagnostic_tables.oracle_presence_and_masks(stored, names), []
    for name in numbers.index.unique("run"):
        found = numbers.loc[name]
        line = {("", "row"): label_of(name)}
        for variant, metric in found.index:
            if metric in _SHOWN_UNDER[variant]:
                line[variant, metric] = spread(*found.loc[(variant, metric), ["mean", "std"]])
            if variant != "as it is" and metric == "gIoU":
                gain = found.loc[(variant, metric), "mean"] - found.loc[("as it is", metric), "mean"]
                line[variant, "gain"] = f"{gain:+.1f}"
        lines.append(line)
    return _two_levels(pd.DataFrame(lines))


def own_thresholds(stored: Results, names: Sequence[str]) -> pd.DataFrame:
    """Format `grisq.experiments.diagnostic_tables.own_thresholds`: mean ± std over seeds, a line for each run."""
    return _spreads(diagnostic_tables.own_thresholds(stored, names), names)


def recall_of_objects(stored: Results, names: Sequence[str]) -> pd.DataFrame:
    """Format `grisq.experiments.diagnostic_tables.recall_of_objects`: mean ± std over seeds, a line for each run."""
    return _spreads(diagnostic_tables.recall_of_objects(stored, names), names)


def counterfactual(stored: Results, names: Sequence[str]) -> pd.DataFrame:
    """Format `grisq.experiments.diagnostic_tables.counterfactual`, a line for each run and edit."""
    numbers, lines = diagnostic_tables.counterfactual(stored, names), []
    for (name, edit), found in numbers.groupby(level=["run", "edit"], sort=False):
        line = {"row": label_of(name), "edit": edit}
        for (*_, measure), values in found.iterrows():
            line[measure] = number(values["mean"], 0) if measure == "pairs" else spread(values["mean"], values["std"])
        lines.append(line)
    return pd.DataFrame(lines)


def other_ways(stored: Results, names: Sequence[str]) -> pd.DataFrame:
    """Format `grisq.experiments.diagnostic_tables.other_ways`, a line for each run and way of evaluating it."""
    return _line_for_each(diagnostic_tables.other_ways(stored, names), "evaluated").fillna(MISSING)


def oracle_gains(stored: Results, names: Sequence[str]) -> pd.DataFrame:
    """Format `grisq.experiments.diagnostic_tables.oracle_gains`: differences, a line for each run."""
    texts = {}
    for place, line in diagnostic_tables.oracle_gains(stored, names).iterrows():
        texts[place] = number(line["value"], 1) if np.isnan(line["low"]) else _difference(line, "value")
    return _wide(texts, names)


def gap_by_part(stored: Results, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Format `grisq.experiments.comparison.decompose_gap` on val: where a gap in gIoU between two runs comes from.

    pairs: system and reference; those of which one was not run are left out. -> a line for each, with intervals.
    """
    made = [pair for pair in pairs if all(seeds_of(stored, name) for name in pair)]
    texts = {
        (describe_pair(system, reference), part): found.describe()
        for system, reference in made
        for part, found in decompose_gap(stored, system, reference).items()
        if part != PRESENCE
    }
    return _wide(texts, [describe_pair(system, reference) for system, reference in made])


def summary(stored: Results, names: Sequence[str]) -> pd.DataFrame:
    """Format `grisq.experiments.tables.summary`: mean ± std over seeds, in percent, a line for each run."""
    numbers = tables.summary(stored, names)
    seeds = {(name, "seeds"): int(line["seeds"]) for (name, _), line in numbers.iterrows()}
    return _spreads(numbers, names, seeds)


def _spreads(
    numbers: pd.DataFrame, names: Sequence[str], first: Mapping[tuple[str, str], object] | None = None
) -> pd.DataFrame:
    """Mean ± std of lines (run, measure), a line for each run, after the columns of `first`."""
    texts = {place: spread(line["mean"], line["std"]) for place, line in numbers.iterrows()}
    return _wide({**(first or {}), **texts}, names)


def _line_for_each(numbers: pd.DataFrame, column: str, digits: Mapping[str, int] | None = None) -> pd.DataFrame:
    """Mean ± std of lines (run, part, metric), a line for each run and part, whose column has that name."""
    lines = []
    for (name, part), found in numbers.groupby(level=[0, 1], sort=False):
        texts = {
            metric: spread(values["mean"], values["std"], (digits or {}).get(metric, 1))
            for (*_, metric), values in found.iterrows()
        }
        lines.append({"row": label_of(name), column: part} | texts)
    return pd.DataFrame(lines)


def _difference(line: pd.Series, name: str) -> str:
    return Difference(line[name], line["low"], line["high"]).describe()


def _wide(texts: Mapping[tuple[str, str], object], names: Sequence[str]) -> pd.DataFrame:
    """One line for each run that has texts, in the order of `names`; a column for each second part of the keys.

    The first column, "row", holds the labels of the runs.
    """
    columns, made = list(dict.fromkeys(column for _, column in texts)), {name for name, _ in texts}
    lines = [[label_of(name), *(texts[name, column] for column in columns)] for name in names if name in made]
    return pd.DataFrame(lines, columns=["row", *columns])


def _two_levels(table: pd.DataFrame) -> pd.DataFrame:
    if len(table.columns):
        table.columns = pd.MultiIndex.from_tuples(table.columns)
    return table
