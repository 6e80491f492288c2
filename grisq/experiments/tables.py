"""The numbers of the paper's tables and of ours as data frames: percent, one line per run and metric.

`grisq.course.paper_tables` turns them into text.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from grisq.analysis.thresholds import giou_at, giou_at_own_threshold, presence_area
from grisq.experiments import paper
from grisq.experiments.comparison import compare, experiment_of, means
from grisq.experiments.paper import METRICS
from grisq.experiments.registry import EXPERIMENTS
from grisq.experiments.selection import Results, runs_of, seeds_of

ALL_METRICS = (*METRICS, "T-acc")  # N-acc alone is no measure: a model that never sees a target has 100
SUMMARY = (*ALL_METRICS, "IoU single", "IoU multi")


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


def built_systems() -> dict[str, str]:
    """The systems of Table 1 that are built here: name of the run -> name of the model, in the paper's order."""
    return {
        key: EXPERIMENTS[key].system
        for key in paper.table1().index
        if key in EXPERIMENTS and "Table 1" in EXPERIMENTS[key].shown_in
    }


def table_1(results: Results) -> pd.DataFrame:
    """Table 1: lines (system, split, metric), columns paper, seeds, mean, std; nan where there is no number."""
    reported, lines = paper.table1(), {}
    for key in reported.index:
        for split in reported.columns.unique(0):
            for metric in ALL_METRICS:
                value = reported.loc[key].get((split, metric), np.nan)
                lines[key, split, metric] = {"paper": value} | _over_seeds(results, key, metric, split)
    return _indexed(lines, ["system", "split", "metric"])


def table_2(results: Results, rows: Sequence[str]) -> pd.DataFrame:
    """Table 2 on val: lines (row, metric); a step is the difference from the row above.

    Columns: paper, paper_step; seeds, mean, std; step with the ends low and high of its 95 % interval.
    """
    reported, lines = paper.table2(), {}
    for name, above in zip(rows, [None, *rows]):
        for metric in ALL_METRICS:
            value, before = (reported.get(metric, {}).get(row, np.nan) for row in (name, above))
            line = {"paper": value, "paper_step": value - before} | _over_seeds(results, name, metric)
            lines[name, metric] = line | _interval(results, name, above, metric)
    return _indexed(lines, ["row", "metric"])


def _interval(results: Results, name: str, above: str | None, metric: str) -> dict[str, float]:
    if above is None:
        return dict.fromkeys(("step", "low", "high"), np.nan)
    found = compare(results, name, above, metric)
    return {"step": found.value, "low": found.low, "high": found.high}


def summary(results: Results, names: Sequence[str]) -> pd.DataFrame:
    """Every metric of runs on val: lines (run, metric), columns seeds, mean, std; without runs that were not made."""
    names = [name for name in names if seeds_of(results, name)]
    lines = {(name, metric): _over_seeds(results, name, metric) for name in names for metric in SUMMARY}
    return _indexed(lines, ["run", "metric"])


def without_one_half(results: Results, names: Sequence[str]) -> pd.DataFrame:
    """Presence on val without the threshold of 0.5 (see `grisq.analysis.thresholds`).

    Lines (run, measure): gIoU at 0.5 and at each run's own threshold, that threshold, and areas under the ROC curve of
    the presence and of the mask's size. Columns seeds, mean, std.
    """
    lines = {}
    for name in names:
        samples = [result.samples["val"] for result in runs_of(results, name)]
        own = [giou_at_own_threshold(each) for each in samples]
        measures = {
            "gIoU at 0.5": [giou_at(each, 0.5) for each in samples],
            "gIoU, own threshold": [each.giou for each in own],
            "own threshold": [np.mean(each.chosen) for each in own],
            "area, presence": [presence_area(each) for each in samples],
            "area, mask size": [presence_area(each, by_mask=True) for each in samples],
        }
        lines |= {(name, measure): _spread_of(values) for measure, values in measures.items()}
    return _indexed(lines, ["run", "measure"])


def worth_of_presence(results: Results, names: Sequence[str]) -> pd.DataFrame:
    """What presence is worth in gIoU on val, compared with what masks are worth.

    Lines (run, step), columns value, low, high: the model's own presence over the 50-pixel rule, the true presence over
    its own, perfect masks over its own masks, and the gIoU under the true presence, which has no interval.
    """
    lines = {}
    for name in names:
        steps = {
            "head over pixels": (f"{name}@head", f"{name}@pixels"),
            "truth over head": (f"{name}@truth", f"{name}@head"),
            "perfect masks over own": (f"{name}@masks", f"{name}@head"),
        }
        for step, pair in steps.items():
            found = compare(results, *pair, "gIoU")
            lines[name, step] = {"value": found.value, "low": found.low, "high": found.high}
        lines[name, "gIoU under the truth"] = {"value": means(results, f"{name}@truth")["gIoU"]}
    return _indexed(lines, ["run", "step"])


def means_on_val(results: Results, runs: Mapping[str, str]) -> pd.DataFrame:
    """gIoU, cIoU and N-acc, means over seeds; a line for each title whose run was made.

    runs: title -> run, which may have a rule about presence, as in "rela@truth".
    """
    made = {title: run for title, run in runs.items() if seeds_of(results, experiment_of(run))}
    lines = {title: {metric: means(results, run)[metric] for metric in METRICS} for title, run in made.items()}
    return pd.DataFrame.from_dict(lines, orient="index")


def _over_seeds(results: Results, name: str, metric: str, split: str = "val") -> dict[str, float]:
    return _spread_of([result.metrics(split)[metric] for result in runs_of(results, name)])


def _spread_of(values: Sequence[float]) -> dict[str, float]:
    mean, std = mean_and_spread(values)
    return {"seeds": len(values), "mean": mean, "std": std}


def _indexed(lines: Mapping[tuple, Mapping[str, float]], names: list[str]) -> pd.DataFrame:
    if not lines:
        return pd.DataFrame(index=pd.MultiIndex.from_tuples([], names=names))
    return pd.DataFrame(list(lines.values()), pd.MultiIndex.from_tuples(lines, names=names))
