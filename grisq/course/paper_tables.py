"""What compares trained systems: Tables 1 and 2 with the paper's rows, curves, answers side by side, claims."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grisq.analysis.significance import bootstrap_difference, sign_test
from grisq.analysis.thresholds import giou_at, giou_at_own_threshold, presence_area
from grisq.course.curves import example_tile
from grisq.course.figures import Tile, expression_tile, wall
from grisq.course.style import SCENARIO_COLORS, SCENARIO_MARKERS
from grisq.course.tables import MISSING, spread
from grisq.data.grefcoco import GRefCOCO
from grisq.evaluation.metrics import metrics_of
from grisq.experiments import paper
from grisq.experiments.claims import Verdict
from grisq.experiments.registry import EXPERIMENTS
from grisq.experiments.results import Result, Results, mean_and_spread, seeds_of, tallies

METRICS = ("gIoU", "cIoU", "N-acc")  # of the paper's tables
BUILT = {"lavt": "lavt", "rela": "rela", "ours": "grisq"}  # run of Table 1 -> the system that it trains
MANY = 3  # findings that are still written out one by one


def table_1(stored: Results, preset: str, cost: Mapping[str, Mapping]) -> pd.DataFrame:
    """Table 1: the paper's line for each system, and below it our own where the system was built and run here.

    Ours are mean ± standard deviation over seeds, with T-acc beside what the paper reports, since a model that always
    says "nothing" has an N-acc of 100. cost: as `grisq.experiments.results.read_cost`. Columns have two levels.
    """
    reported, systems, lines = paper.table1(), paper.systems(), []
    for key in reported.index:
        source = "paper" if key in BUILT else "paper (reported only)"
        values = {column: _or_missing(value, "{:.2f}") for column, value in reported.loc[key].items()}
        lines.append({("", "system"): systems.loc[key, "name"], ("", "source"): source} | values)
        if key in BUILT:
            lines.append(_own_line(stored, preset, key, reported.columns) | _cost_of(BUILT[key], preset, cost))
    table = pd.DataFrame(lines).fillna("")
    table.columns = pd.MultiIndex.from_tuples(table.columns)
    return table


def _own_line(stored: Results, preset: str, key: str, columns: pd.MultiIndex) -> dict:
    seeds = seeds_of(stored, key)
    source = f"run:{preset}, {len(seeds)} seed{'s' if len(seeds) != 1 else ''}" if seeds else "not run"
    line = {("", "system"): "", ("", "source"): source}
    for split, metric in [*columns, *((split, "T-acc") for split in columns.unique(0))]:
        values = [stored[key, seed].metrics(split)[metric] for seed in seeds] or [np.nan]
        place = ("T-acc", split) if metric == "T-acc" else (split, metric)
        line[place] = spread(*mean_and_spread(values))
    return line


def _cost_of(system: str, preset: str, cost: Mapping[str, Mapping]) -> dict:
    measured = cost.get(preset, {}).get(system, {})
    return {
        ("cost", "step, ms"): _or_missing(1000 * measured.get("step_s", np.nan), "{:.0f}"),
        ("cost", "memory, MB"): _or_missing(measured.get("peak_mb", np.nan), "{:.0f}"),
    }


def table_2(stored: Results, rows: Sequence[str]) -> pd.DataFrame:
    """Table 2: for each row that was run and each metric the paper's value, ours (mean ± std), and both steps from the
    row above; our step with its 95 % interval and the p of the sign test over pictures."""
    return pd.DataFrame([_row_of_table_2(stored, name, above) for name, above in zip(rows, [None, *rows])])


def _row_of_table_2(stored: Results, name: str, above: str | None) -> dict:
    reported, seeds = paper.table2(), seeds_of(stored, name)
    line: dict[tuple[str, str], object] = {("", "row"): EXPERIMENTS[name].title, ("", "seeds"): len(seeds)}
    pair = None if above is None else (tallies(stored, name), tallies(stored, above))
    for metric in METRICS:
        ours = [stored[name, seed].metrics("val")[metric] for seed in seeds]
        line[metric, "paper"] = f"{reported.loc[name, metric]:.2f}"
        line[metric, "here"] = spread(*mean_and_spread(ours))
        line[metric, "step, paper"] = line[metric, "step, here"] = ""
        if pair is not None:
            line[metric, "step, paper"] = f"{reported.loc[name, metric] - reported.loc[above, metric]:+.2f}"
            line[metric, "step, here"] = _step(*pair, metric)
    line["T-acc", "here"] = spread(*mean_and_spread(stored[name, seed].metrics("val")["T-acc"] for seed in seeds))
    return line


def about(stored: Results) -> str:
    """What stands beside every number: rules, data, and how many expressions of each kind a split has."""
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
    """Presence on val without the threshold of 0.5: gIoU at 0.5 and with each run's own threshold, and areas under the
    ROC curve of the presence and of the mask's size (see `grisq.analysis.thresholds`); mean ± std over seeds."""
    return pd.DataFrame([_line_without_one_half(stored, name) for name in names])


def _line_without_one_half(stored: Results, name: str) -> dict[str, str]:
    found = [stored[name, seed].samples["val"] for seed in seeds_of(stored, name)]
    own = [giou_at_own_threshold(each) for each in found]
    columns = {
        "gIoU at 0.5": ([giou_at(each, 0.5) for each in found], 1),
        "gIoU, own threshold": ([each.giou for each in own], 1),
        "own threshold": ([np.mean(each.chosen) for each in own], 2),
        "area, presence": ([presence_area(each) for each in found], 3),
        "area, mask size": ([presence_area(each, by_mask=True) for each in found], 3),
    }
    return {"row": name} | {key: spread(*mean_and_spread(values), digits) for key, (values, digits) in columns.items()}


def worth_of_presence(stored: Results, names: Sequence[str]) -> pd.DataFrame:
    """gIoU on val by who decides on presence: what a run's own word is worth over the 50-pixel rule, what the truth
    would be worth over its own word, each with a 95 % interval, and gIoU under the truth."""
    lines = {}
    for name in names:
        pixels, head, truth = (tallies(stored, f"{name}@{rule}") for rule in ("pixels", "head", "truth"))
        steps = {"head over pixels": (head, pixels), "truth over head": (truth, head)}
        found = {key: bootstrap_difference(*pair, "gIoU", same_trainings=True) for key, pair in steps.items()}
        lines[name] = {key: each.describe() for key, each in found.items()}
        lines[name]["gIoU under the truth"] = f"{metrics_of(truth.sum(1))['gIoU'].mean():.1f}"
    return pd.DataFrame.from_dict(lines, orient="index")


def means_on_val(stored: Results, runs: Mapping[str, str]) -> pd.DataFrame:
    """gIoU, cIoU and N-acc, means over seeds, of the runs (title -> run, which may have "@pixels" or "@truth")."""
    lines = {}
    for title, run in runs.items():
        if seeds_of(stored, run.partition("@")[0]):
            found = metrics_of(tallies(stored, run).sum(1))
            lines[title] = {metric: float(found[metric].mean()) for metric in METRICS}
    return pd.DataFrame.from_dict(lines, orient="index")


def summary(stored: Results, names: Sequence[str]) -> pd.DataFrame:
    """What the trainings of each run came to on val: mean ± standard deviation over the seeds there are, in percent."""
    lines = {}
    for name in [name for name in names if seeds_of(stored, name)]:
        found = [stored[name, seed].metrics("val") for seed in seeds_of(stored, name)]
        columns = [*METRICS, "T-acc", "IoU single", "IoU multi"]
        lines[name] = {"seeds": len(found)}
        lines[name] |= {key: spread(*mean_and_spread([each[key] for each in found])) for key in columns}
    return pd.DataFrame.from_dict(lines, orient="index")


def _step(of: np.ndarray, over: np.ndarray, metric: str) -> str:
    """`+8.6 (+6.1 to +11.0), p 3e-12`: how far the tallies of one run lie above those of another."""
    test = sign_test(of, over, metric)
    return f"{bootstrap_difference(of, over, metric).describe()}, p {test.p:.1g}"


def _or_missing(value: float, form: str) -> str:
    return MISSING if np.isnan(value) else form.format(value)


def plurality_curves(axis: Axes, evaluations: Mapping[str, Sequence[float]], *, labeled: bool = True) -> None:
    """Accuracy of the plurality head over the steps, single- and multi-target apart (Fig. 5b)."""
    for kind in ("single-target", "multi-target"):
        look = {"color": SCENARIO_COLORS[kind], "marker": SCENARIO_MARKERS[kind], "markersize": 4, "linewidth": 1}
        axis.plot(evaluations["step"], evaluations[f"plurality {kind}"], label=kind if labeled else None, **look)


def qualitative(
    data: GRefCOCO, systems: Mapping[str, Result], chosen: Sequence[int] | None = None, *, size: float = 1.9
) -> Figure:
    """A line for the annotation and one for each system (Fig. 6); columns: the chosen stored examples, or all of them.

    An answer has a tick and a blue title where it is right on presence; size: of a picture, inches."""
    first, *_ = systems.values()
    chosen = range(len(first.examples)) if chosen is None else chosen
    tiles: list[Tile] = [expression_tile(data, first.examples[number].row) for number in chosen]
    for result in systems.values():
        tiles += [example_tile(result.examples[number], data) for number in chosen]
    return wall(tiles, len(chosen), size=size, rows=("annotated", *systems))


def claims_table(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """One line a claim: where it stands, what it says, the paper's arithmetic, the evidence here, the verdict."""
    return pd.DataFrame(
        {
            "place": each.claim.place,
            "claim": each.claim.claim,
            "paper": each.claim.arithmetic,
            "here": _evidence(each),
            "verdict": each.word,
            "remark": each.claim.remark or each.claim.not_run,
        }
        for each in verdicts
    )


def _evidence(verdict: Verdict) -> str:
    """Findings in words; of many, how many have which verdict."""
    if len(verdict.findings) <= MANY:
        return "; ".join(finding.describe() for finding in verdict.findings)
    words = pd.Series([finding.verdict for finding in verdict.findings]).value_counts()
    counted = ", ".join(f"{count} {word}" for word, count in words.items())
    worst = min(verdict.findings, key=lambda finding: finding.value)
    return f"{len(verdict.findings)} comparisons: {counted}; the lowest: {worst.describe()}"
