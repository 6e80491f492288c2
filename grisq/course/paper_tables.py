"""The paper's tables next to ours as text to read: `grisq.experiments.tables` has the numbers."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from grisq.analysis.significance import Difference
from grisq.course.tables import number, spread
from grisq.experiments import paper, tables
from grisq.experiments.comparison import PRESENCE, decompose_gap
from grisq.experiments.paper import METRICS
from grisq.experiments.registry import EXPERIMENTS
from grisq.experiments.selection import Results, seeds_of

INTERVALS = (
    "Intervals (95 %) are about other trainings and other pictures: spread between seeds plus resampled pictures, with "
    "t-quantiles for few seeds."
)


def table_1(stored: Results, preset: str, cost: Mapping[str, Mapping]) -> pd.DataFrame:
    """Format Table 1: the paper's line for each system, and below it ours where the system is built here.

    Ours are mean ± standard deviation over seeds, with T-acc, which the paper does not report: a model that predicts
    "nothing" for every expression has an N-acc of 100.

    Args:
        stored: results by experiment and seed.
        preset: the preset that they were made with.
        cost: as `grisq.experiments.costs.read_cost`.
    Returns:
        A table of text, columns in two levels.
    """
    numbers, systems, built, lines = tables.table_1(stored), paper.systems(), tables.built_systems(), []
    splits = numbers.index.unique("split")
    for key in numbers.index.unique("system"):
        found = numbers.loc[key]
        source = "paper" if key in built else "paper (reported only)"
        line = {("", "system"): systems.loc[key, "name"], ("", "source"): source}
        places = [(split, metric) for split in splits for metric in METRICS]
        lines.append(line | {place: number(found.loc[place, "paper"], 2) for place in places})
        if key in built:
            lines.append(_own_line(found, preset, seeds_of(stored, key)) | _cost_of(built[key], preset, cost))
    return _two_levels(pd.DataFrame(lines).fillna(""))


def _own_line(found: pd.DataFrame, preset: str, seeds: Sequence[int]) -> dict:
    source = f"run:{preset}, {len(seeds)} seed{'s' if len(seeds) != 1 else ''}" if seeds else "not run"
    values = {place: spread(line["mean"], line["std"]) for place, line in found.iterrows()}
    splits = found.index.unique("split")
    ordered = {(split, metric): values[split, metric] for split in splits for metric in METRICS}
    ordered |= {("T-acc", split): values[split, "T-acc"] for split in splits}
    return {("", "system"): "", ("", "source"): source} | ordered


def _cost_of(system: str, preset: str, cost: Mapping[str, Mapping]) -> dict:
    measured = cost.get(preset, {}).get(system, {})
    return {
        ("cost", "step, ms"): number(1000 * measured.get("step_s", np.nan), 0),
        ("cost", "memory, MB"): number(measured.get("peak_mb", np.nan), 0),
    }


def table_2(stored: Results, rows: Sequence[str]) -> pd.DataFrame:
    """Format Table 2: for each row and metric the paper's value and ours (mean ± std), and both steps.

    A step is the difference from the row above, ours with its 95 % interval.
    """
    numbers, lines = tables.table_2(stored, rows), []
    for name in rows:
        line: dict[tuple[str, str], object] = {("", "row"): EXPERIMENTS[name].title, ("", "seeds"): 0}
        for metric, found in numbers.loc[name].iterrows():
            line["", "seeds"] = int(found["seeds"])
            if metric in METRICS:
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
    if not stored:
        return "Nothing was run yet."
    result = next(iter(stored.values()))
    names = ("n_no_target", "n_single", "n_multi")
    counts = {split: [result.metrics(split)[name] for name in names] for split in result.results}
    sizes = ", ".join(f"{split} {'/'.join(map(str, numbers))}" for split, numbers in counts.items())
    return (
        f"Here: preset {result.preset}, last checkpoints, protocol rela, data {result.data[:12]} with "
        f"no/single/multi-target expressions {sizes}."
    )


def without_one_half(stored: Results, names: Sequence[str]) -> pd.DataFrame:
    """Format `grisq.experiments.tables.without_one_half`: mean ± std over seeds, a line for each run."""
    numbers = tables.without_one_half(stored, names)
    digits = {"gIoU at 0.5": 1, "gIoU, own threshold": 1, "own threshold": 2}
    texts = {
        (name, measure): spread(line["mean"], line["std"], digits.get(measure, 3))
        for (name, measure), line in numbers.iterrows()
    }
    return _wide(texts, names).rename_axis("row").reset_index().rename_axis(columns=None)


def worth_of_presence(stored: Results, names: Sequence[str]) -> pd.DataFrame:
    """Format `grisq.experiments.tables.worth_of_presence`: differences with their intervals, a line for each run."""
    texts = {}
    for place, line in tables.worth_of_presence(stored, names).iterrows():
        texts[place] = number(line["value"], 1) if np.isnan(line["low"]) else _difference(line, "value")
    return _wide(texts, names)


def gap_by_part(stored: Results, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Format `grisq.experiments.comparison.decompose_gap` on val: where a gap in gIoU between two runs comes from.

    pairs: system and reference; those of which one was not run are left out. -> a line for each, with intervals.
    """
    made = [pair for pair in pairs if all(seeds_of(stored, name) for name in pair)]
    texts = {
        (f"{system} over {reference}", part): found.describe()
        for system, reference in made
        for part, found in decompose_gap(stored, system, reference).items()
        if part != PRESENCE
    }
    return _wide(texts, [f"{system} over {reference}" for system, reference in made])


def summary(stored: Results, names: Sequence[str]) -> pd.DataFrame:
    """Format `grisq.experiments.tables.summary`: mean ± std over seeds, in percent, a line for each run."""
    numbers = tables.summary(stored, names)
    texts: dict[tuple[str, str], object] = {}
    for (name, metric), line in numbers.iterrows():
        texts.setdefault((name, "seeds"), int(line["seeds"]))
        texts[name, metric] = spread(line["mean"], line["std"])
    return _wide(texts, names)


def _difference(line: pd.Series, name: str) -> str:
    return Difference(line[name], line["low"], line["high"]).describe()


def _wide(texts: Mapping[tuple[str, str], object], names: Sequence[str]) -> pd.DataFrame:
    """One line for each run that has texts, in the order of `names`; a column for each second part of the keys."""
    columns, made = list(dict.fromkeys(column for _, column in texts)), {name for name, _ in texts}
    lines = {name: [texts[name, column] for column in columns] for name in names if name in made}
    return pd.DataFrame.from_dict(lines, orient="index", columns=columns)


def _two_levels(table: pd.DataFrame) -> pd.DataFrame:
    if len(table.columns):
        table.columns = pd.MultiIndex.from_tuples(table.columns)
    return table
