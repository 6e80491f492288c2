"""What stands behind the metrics, as data frames: presence against masks, thresholds, objects, counterfactual pairs.

The numbers are percent on val, of one line per run and measure. `grisq.course.paper_tables` turns them into text.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from grisq.analysis.thresholds import OwnThreshold, at_own_threshold, giou_at, presence_auroc
from grisq.evaluation import counterfactual as pairs
from grisq.evaluation.outcomes import Samples
from grisq.evaluation.recall import GROUPS, recall
from grisq.experiments.comparison import compare, means
from grisq.experiments.paper import METRICS
from grisq.experiments.selection import Results, runs_of, seeds_of
from grisq.experiments.tables import SUMMARY, indexed, measured, samples_of, spread_of

_USUAL = "as in the tables"
LEAST_T_ACC = 95.0  # percent; the second way to choose a threshold: the highest N-acc that keeps this T-acc


def oracle_gains(results: Results, names: Sequence[str]) -> pd.DataFrame:
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
    return indexed(lines, ["run", "step"])


def oracle_presence_and_masks(results: Results, names: Sequence[str]) -> pd.DataFrame:
    """Every run on val as it is, with perfect presence and its own masks, and with perfect masks and its own presence.

    Lines (run, variant, metric) with the variants "as it is", "perfect presence" and "perfect masks"; columns seeds,
    mean, std. Under perfect masks IoU is 1 wherever the model answers "present" to an expression with a target. IoU of
    single and of multi-target expressions stands beside the metrics.
    """
    variants = {"as it is": "", "perfect presence": "@truth", "perfect masks": "@masks"}
    lines = {}
    for name in names:
        for variant, rule in variants.items() if seeds_of(results, name) else ():
            found = measured(results, f"{name}{rule}")
            lines |= {(name, variant, metric): spread_of(found[metric]) for metric in SUMMARY}
    return indexed(lines, ["run", "variant", "metric"])


def threshold_free_presence(results: Results, names: Sequence[str], kinds: np.ndarray | None = None) -> pd.DataFrame:
    """Presence on val without the threshold of 0.5 (see `grisq.analysis.thresholds`).

    Lines (run, measure): gIoU at 0.5 and at each run's own threshold, N-acc and T-acc there, that threshold, and areas
    under the ROC curve of the presence and of the mask's size, in percent. Columns seeds, mean, std; nan for a run
    without head.

    Args:
        results: by experiment and seed.
        names: of the runs.
        kinds: of every row of the data set, "near" and "far" where there is no target, as in the synthetic sets; with
            them the area of the presence is given against each of the two, too.
    """
    lines, asked = {}, () if kinds is None else ("near", "far")
    for name in names:
        samples = samples_of(results, name)
        headed = [each for each in samples if each.presence is not None]
        own = [at_own_threshold(each) for each in headed]
        measures = {
            "gIoU at 0.5": [giou_at(each, 0.5) for each in headed],
            **{f"{metric}, own threshold": values for metric, values in _metrics_at(own).items()},
            "own threshold": [np.mean(each.chosen) for each in own],
            "AUROC, presence": [100 * presence_auroc(each) for each in headed],
            **{f"AUROC, {kind} no-target": [_against(each, kinds, kind) for each in headed] for kind in asked},
            "AUROC, mask size": [100 * presence_auroc(each, by_mask=True) for each in samples],
        }
        lines |= {(name, measure): spread_of(values) for measure, values in measures.items()}
    return indexed(lines, ["run", "measure"])


def _against(samples: Samples, kinds: np.ndarray, kind: str) -> float:
    """Area under the ROC curve, in percent, of all expressions with a target against the no-target ones of a kind."""
    return 100 * presence_auroc(samples, keep=(np.array(samples.target_count) > 0) | (kinds[samples.row] == kind))


def thresholds(results: Results, names: Sequence[str]) -> pd.DataFrame:
    """Who decides on presence, on val: the head or the mask's size, each as it is and with its own threshold.

    Own thresholds are chosen on one half of the pictures and used on the other (`grisq.analysis.thresholds`).

    Lines (run, rule, metric). The rules are "head at 0.5", "head, best gIoU", "head, T-acc >= 95" and "50 pixels",
    "mask size, best gIoU", "mask size, T-acc >= 95": the highest N-acc whose T-acc is at least 95 where it is chosen.
    The metrics are gIoU, N-acc, T-acc and the threshold, a probability or the mask's share of the picture in percent.
    Columns seeds, mean, std. A run without head has the second three rules only.
    """
    lines = {}
    for name in names:
        for rule, found in _rules(results, name).items():
            lines |= {(name, rule, metric): spread_of(values) for metric, values in found.items()}
    return indexed(lines, ["run", "rule", "metric"])


def own_thresholds(results: Results, names: Sequence[str]) -> pd.DataFrame:
    """Every run on val as it decides on presence, and with a threshold of its own on the same score.

    The score is the run's probability of presence, or the mask's size where it has none. The threshold is chosen by
    gIoU on one half of the pictures and used on the other (`grisq.analysis.thresholds`).

    Lines (run, measure): gIoU, N-acc and T-acc "as it is" and "own threshold"; then what needs no threshold, "AUROC" of
    the score and "pairs ranked right" of the counterfactual ones. Columns seeds, mean, std.
    """
    lines = {}
    for name in names:
        samples = samples_of(results, name)
        if not samples:
            continue
        by = "mask size" if any(each.presence is None for each in samples) else "presence"
        as_it_is, own = measured(results, name), [at_own_threshold(each, by) for each in samples]
        measures = {f"{metric}, as it is": as_it_is[metric] for metric in ("gIoU", "N-acc", "T-acc")}
        measures |= {f"{metric}, own threshold": values for metric, values in _metrics_at(own).items()}
        measures |= {
            "AUROC": [100 * presence_auroc(each, by_mask=by == "mask size") for each in samples],
            "pairs ranked right": [
                pairs.cells(each.counterfactual)[pairs.ALL].ranking_accuracy
                for each in runs_of(results, name)
                if each.counterfactual
            ],
        }
        lines |= {(name, measure): spread_of(values) for measure, values in measures.items()}
    return indexed(lines, ["run", "measure"])


def _rules(results: Results, name: str) -> dict[str, dict[str, Sequence[float]]]:
    samples = samples_of(results, name)
    if not samples:
        return {}
    found = {}
    for by, unit, rule, fixed in (("presence", 1, "head", "head at 0.5"), ("mask size", 100, "pixels", "50 pixels")):
        if by == "presence" and any(each.presence is None for each in samples):
            continue
        as_it_is = measured(results, f"{name}@{rule}")
        found[fixed] = {metric: as_it_is[metric] for metric in ("gIoU", "N-acc", "T-acc")}
        title = "head" if by == "presence" else by
        for choice, least in (("best gIoU", None), (f"T-acc >= {LEAST_T_ACC:.0f}", LEAST_T_ACC)):
            own = [at_own_threshold(each, by, least_t_acc=least) for each in samples]
            chosen = [unit * np.mean(each.chosen) for each in own]
            found[f"{title}, {choice}"] = {**_metrics_at(own), "threshold": chosen}
    return found


def _metrics_at(own: Sequence[OwnThreshold]) -> dict[str, list[float]]:
    """Metrics by seed, each run at its own threshold."""
    return {
        "gIoU": [each.giou for each in own],
        "N-acc": [each.n_acc for each in own],
        "T-acc": [each.t_acc for each in own],
    }


def recall_of_objects(results: Results, names: Sequence[str]) -> pd.DataFrame:
    """Recall of annotated objects on val by the number of targets, see `grisq.evaluation.recall`.

    Lines (run, measure): objects of expressions with one target, two, and three or more; multi-target expressions that
    are incomplete, and those that lose an object altogether. Columns seeds, mean, std. Runs that were stored without
    their objects are left out.
    """
    lines = {}
    for name in names:
        samples = [each for each in samples_of(results, name) if each.instance_pixels is not None]
        found = [recall(each) for each in samples]
        measures = {f"objects of {group}": [each.objects[group] for each in found] for group in GROUPS}
        measures |= {"incomplete": [each.incomplete for each in found], "lost": [each.lost for each in found]}
        lines |= {(name, measure): spread_of(values) for measure, values in measures.items() if values}
    return indexed(lines, ["run", "measure"])


def counterfactual(results: Results, names: Sequence[str]) -> pd.DataFrame:
    """Answers to counterfactual pairs, see `grisq.evaluation.counterfactual`; runs without pairs are left out.

    Lines (run, edit, measure), with "all" for all edits together; columns seeds, mean, std.
    """
    lines = {}
    for name in names:
        stored = [result.counterfactual for result in runs_of(results, name)]
        found = [pairs.table(each).stack() for each in stored if each is not None]
        if found:
            for (edit, measure), values in pd.concat(found, axis=1).iterrows():
                lines[name, edit, measure] = spread_of(values)
    return indexed(lines, ["run", "edit", "measure"])


def other_ways(results: Results, names: Sequence[str]) -> pd.DataFrame:
    """Runs on val as in the tables, and evaluated in the ways that only one system has: `grisq.evaluation.variants`.

    Lines (run, way, metric), the way "as in the tables" first; columns seeds, mean, std. Runs without such a way are
    left out.
    """
    lines = {}
    for name in names:
        runs = [result for result in runs_of(results, name) if result.variants]
        for way, metrics in runs[0].variants.items() if runs else ():  # the same for every run of a system
            for metric in (*METRICS, "T-acc"):
                lines[name, _USUAL, metric] = spread_of([result.metrics("val")[metric] for result in runs])
            for metric in metrics:
                lines[name, way, metric] = spread_of([result.variants[way][metric] for result in runs])
    return indexed(lines, ["run", "way", "metric"])
