"""The numbers of the paper's tables and of ours as data frames: percent, one line per run and metric.

`grisq.course.paper_tables` turns them into text.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from grisq.config.systems import has_sizes
from grisq.data.statistics import CURRENT
from grisq.evaluation.metrics import MCC, giou_at_share, metrics_of, targeted_iou
from grisq.evaluation.outcomes import Samples
from grisq.experiments import paper
from grisq.experiments.comparison import compare, experiment_of, means, tallies
from grisq.experiments.paper import METRICS
from grisq.experiments.registry import EXPERIMENTS, REFERENCES
from grisq.experiments.selection import Results, runs_of, seeds_of

ALL_METRICS = (*METRICS, "T-acc", MCC)  # N-acc alone can be gamed: always answering "nothing" has 100
SUMMARY = (*ALL_METRICS, "IoU single", "IoU multi")
# Reference rows as runs; under the true presence the second last shows what outlines alone are worth.
_REFERENCE_RUNS = ("blind-nothing", "blind-words", "blind-all", "blind-all@truth", "blind-category")


class Share(NamedTuple):
    """The share of no-target expressions of a val split, at which gIoU is restated.

    Nothing else is changed: today's gRefCOCO val has no single-target expressions, ours and the paper's have.
    """

    name: str  # of the restated metric
    value: float  # 0 to 1


@lru_cache
def val_shares() -> tuple[Share, Share]:
    """Return the shares of the paper's val, which is estimated, and of today's gRefCOCO val."""
    (total, no_target, *_), estimated = CURRENT.splits["val"], paper.no_target_share_of_val()
    shares = (estimated, no_target / total)
    return tuple(Share(f"gIoU at {100 * share:.0f} %", share) for share in shares)


def reference_runs(results: Results) -> dict[str, str]:
    """Return the reference rows that were measured: run -> title."""
    made = [run for run in _REFERENCE_RUNS if seeds_of(results, experiment_of(run))]
    return {run: REFERENCES[experiment_of(run)] + (", true presence" if "@" in run else "") for run in made}


def mean_and_spread(values: Iterable[float]) -> tuple[float, float]:
    """Mean and standard deviation between seeds (n - 1). Both are nan for no seed, the latter for one."""
    values = np.array(list(values), dtype=float)
    mean = float(values.mean()) if len(values) else float("nan")
    return mean, float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def frame(results: Results, protocol: str = "rela") -> pd.DataFrame:
    """Metrics in percent: one line per (experiment, split, seed), one column per metric."""
    lines = {
        (name, split, seed): result.metrics(split, protocol)
        for (name, seed), result in results.items()
        for split in result.results
    }
    index = ["experiment", "split", "seed"]
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis(index).sort_index() if lines else pd.DataFrame()


def built_systems(preset: str = "tiny") -> dict[str, str]:
    """The systems of Table 1 that a preset has sizes for, in the paper's order: name of the run -> of the model."""
    return {
        key: EXPERIMENTS[key].system
        for key in paper.table1().index
        if key in EXPERIMENTS and "Table 1" in EXPERIMENTS[key].shown_in and has_sizes(preset, EXPERIMENTS[key].system)
    }


def table_1(results: Results) -> pd.DataFrame:
    """Table 1: lines (system, split, metric), columns paper, seeds, mean, std; nan where there is no number.

    The systems of the paper come first, then the reference rows that were measured. Val also has its gIoU restated at
    the shares of `val_shares`; the paper's from its gIoU and N-acc, with the share that its val is estimated to have.
    """
    reported, lines = paper.table1(), {}
    for key in (*reported.index, *reference_runs(results)):
        for split in reported.columns.unique(0):
            published = reported.loc[key, split].to_dict() if key in reported.index else {}
            if split == "val":
                published |= _restated_of_paper(published)
            found = measured(results, key, split)
            for metric in (*ALL_METRICS, *(share.name for share in val_shares() if split == "val")):
                value = published.get(metric, np.nan)
                lines[key, split, metric] = {"paper": value} | spread_of(found.get(metric, ()))
    return indexed(lines, ["system", "split", "metric"])


def table_2(results: Results, rows: Sequence[str]) -> pd.DataFrame:
    """Table 2 on val: lines (row, metric); a step is the difference from the row above.

    Columns: paper, paper_step; seeds, mean, std; step with the ends low and high of its 95 % interval. gIoU restated at
    the shares of `val_shares` has steps without an interval. The reference rows that were measured come last and have
    no steps.
    """
    if not rows:
        return indexed({}, ["row", "metric"])
    reported = paper.table2()
    published = {name: line[[*METRICS]].astype(float).to_dict() for name, line in reported.iterrows()}
    published = {name: values | _restated_of_paper(values) for name, values in published.items()}
    lines, steps = {}, [*zip(rows, [None, *rows]), *((run, None) for run in reference_runs(results))]
    for name, above in steps:
        found = measured(results, name)
        for metric in (*ALL_METRICS, *(share.name for share in val_shares())):
            value, before = (published.get(row, {}).get(metric, np.nan) for row in (name, above))
            line = {"paper": value, "paper_step": value - before} | spread_of(found.get(metric, ()))
            lines[name, metric] = line | _step(results, name, above, metric)
    return indexed(lines, ["row", "metric"])


def _restated_of_paper(published: Mapping[str, float]) -> dict[str, float]:
    """A published gIoU on val at other shares; nan without N-acc, except at the share that it was measured at."""
    giou, n_acc = (published.get(metric, np.nan) for metric in ("gIoU", "N-acc"))
    measured_at, *others = val_shares()
    targeted = targeted_iou(giou, n_acc, measured_at.value)
    return {measured_at.name: giou} | {each.name: giou_at_share(n_acc, targeted, each.value) for each in others}


def _step(results: Results, name: str, above: str | None, metric: str) -> dict[str, float]:
    if above is None:
        return dict.fromkeys(("step", "low", "high"), np.nan)
    if metric not in ALL_METRICS:
        after, before = (np.mean(measured(results, run)[metric]) for run in (name, above))
        return {"step": float(after - before), "low": np.nan, "high": np.nan}
    found = compare(results, name, above, metric)
    return {"step": found.value, "low": found.low, "high": found.high}


def summary(results: Results, names: Sequence[str]) -> pd.DataFrame:
    """Every metric of runs on val: lines (run, metric), columns seeds, mean, std; without runs that were not made."""
    made = {name: measured(results, name) for name in names if seeds_of(results, experiment_of(name))}
    lines = {(name, metric): spread_of(found[metric]) for name, found in made.items() for metric in SUMMARY}
    return indexed(lines, ["run", "metric"])


def means_on_val(results: Results, runs: Mapping[str, str], metrics: Sequence[str] = METRICS) -> pd.DataFrame:
    """Metrics, by default gIoU, cIoU and N-acc, as means over seeds; a line for each title whose run was made.

    runs: title -> run, which may have a rule about presence, as in "rela@truth".
    """
    made = {title: run for title, run in runs.items() if seeds_of(results, experiment_of(run))}
    lines = {title: {metric: means(results, run)[metric] for metric in metrics} for title, run in made.items()}
    return pd.DataFrame.from_dict(lines, orient="index")


def measured(results: Results, run: str, split: str = "val") -> dict[str, np.ndarray]:
    """Compute every metric of a run by seed, (S,), from its samples, and gIoU restated; empty if it was not made."""
    stored = runs_of(results, experiment_of(run))
    if not stored or any(split not in result.samples for result in stored):
        return {}
    found = metrics_of(tallies(results, run, split).sum(1))
    restated = {share.name: giou_at_share(found["N-acc"], found["IoU targeted"], share.value) for share in val_shares()}
    return found | restated


def samples_of(results: Results, name: str, split: str = "val") -> list[Samples]:
    """Return the predictions of every seed of an experiment."""
    return [result.samples[split] for result in runs_of(results, name)]


def spread_of(values: Sequence[float]) -> dict[str, float]:
    """Return the columns of every table for the values of some seeds: seeds, mean, std."""
    mean, std = mean_and_spread(values)
    return {"seeds": len(values), "mean": mean, "std": std}


def indexed(lines: Mapping[tuple, Mapping[str, float]], names: list[str]) -> pd.DataFrame:
    """Make a data frame of lines by their place in an index with those names."""
    if not lines:
        return pd.DataFrame(index=pd.MultiIndex.from_tuples([], names=names))
    return pd.DataFrame(list(lines.values()), pd.MultiIndex.from_tuples(lines, names=names))
