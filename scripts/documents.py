"""Write the numbers of the stored runs into README.md and docs/systems.md: `make documents`.

Two places hold measured numbers that every new run changes: README's table of all runs, found by its header, and the
line "Published" of each system's page with the line "Here" below it. A test asks that
both are as this would write them.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from grisq.course.tables import number, spread
from grisq.evaluation.counterfactual import cells
from grisq.experiments import comparison, paper
from grisq.experiments.registry import EXPERIMENTS
from grisq.experiments.selection import Results, collect, runs_of, seeds_of
from grisq.experiments.tables import built_systems, mean_and_spread, reference_runs
from grisq.runtime.paths import RESULTS, ROOT

README, SYSTEMS = ROOT / "README.md", ROOT / "docs" / "systems.md"
_HEADER = "| run (seeds) | val gIoU |"
_COLUMNS = (("val", "gIoU"), ("val", "cIoU"), ("val", "N-acc"), ("val", "T-acc"), ("testA", "gIoU"), ("testB", "gIoU"))


def fill_readme(text: str, stored: Results) -> str:
    """Return README's text with the lines of its table of runs written anew."""
    before, table = text.split(_HEADER, 1)
    header, rule, *_ = table.split("\n", 2)
    after = table[re.search(r"\n(?!\|)", table).start() :]
    runs = [_line_of_run(stored, name) for name in _in_order(stored)]
    rows = [_line_of_reference(stored, *each) for each in _references(stored).items()]
    return "\n".join([before + _HEADER + header, rule, *runs, *rows]) + after


def fill_systems(text: str, stored: Results) -> str:
    """Return the text of docs/systems.md with published and measured numbers written anew."""
    for name, title in paper.systems()["name"].items():
        page = re.search(rf"^## {title} .*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        lines = [line for line in page[0].split("\n") if not line.startswith("* *Here*")]
        place = next(i for i, line in enumerate(lines) if line.startswith("* *Published*"))
        lines[place : place + 1] = [_published(name), *_measured(stored, name)]
        text = text[: page.start()] + "\n".join(lines) + text[page.end() :]
    return text


def _in_order(stored: Results) -> list[str]:
    """Table 2's runs, the other systems in the paper's order, then everything else that was run."""
    table_2 = [name for name, each in EXPERIMENTS.items() if "Table 2" in each.shown_in]
    rest = [name for name, each in EXPERIMENTS.items() if not each.tunes]
    return [name for name in dict.fromkeys([*table_2, *built_systems(), *rest]) if seeds_of(stored, name)]


def _line_of_run(stored: Results, name: str) -> str:
    runs = runs_of(stored, name)
    columns = [_metric(stored, name, *place) for place in _COLUMNS]
    columns.append(_metric(stored, name, "val", "gIoU", "rela-truth"))
    columns.append(_spread(cells(each.counterfactual)["all"].accuracy for each in runs))
    return _row(f"{EXPERIMENTS[name].title} ({len(runs)})", columns, _of_paper(name))


def _references(stored: Results) -> dict[str, str]:
    """Those that have a line of their own: what they reach under the true presence is a column."""
    return {run: title for run, title in reference_runs(stored).items() if "@" not in run}


def _line_of_reference(stored: Results, run: str, title: str) -> str:
    columns = [number(runs_of(stored, run)[0].metrics(split)[metric], 1) for split, metric in _COLUMNS]
    columns += [number(comparison.means(stored, f"{run}@truth")["gIoU"], 1), number(float("nan"), 1)]
    return _row(f"*{title}*", columns, number(float("nan"), 1))


def _row(title: str, columns: list[str], reported: str) -> str:
    return "| " + " | ".join([title, *columns, reported]) + " |"


def _of_paper(name: str) -> str:
    table_2 = paper.table2()
    if name in table_2.index:
        return number(table_2.loc[name, "gIoU"], 2)
    table_1 = paper.table1()
    return number(table_1.loc[name, ("val", "gIoU")] if name in table_1.index else float("nan"), 2)


def _published(name: str) -> str:
    values = {metric: paper.table1().loc[name, ("val", metric)] for metric in paper.METRICS}
    return "* *Published* (val): " + ", ".join(f"{metric} {number(value, 2)}" for metric, value in values.items()) + "."


def _measured(stored: Results, name: str) -> list[str]:
    seeds = len(seeds_of(stored, name))
    if not seeds:
        return []
    values = ", ".join(f"{metric} {_metric(stored, name, 'val', metric)}" for metric in paper.METRICS)
    truth = _metric(stored, name, "val", "gIoU", "rela-truth")
    return [f"* *Here* (val, {seeds} seed{'s'[: seeds > 1]}): {values}; gIoU under the true presence {truth}."]


def _metric(stored: Results, name: str, split: str, metric: str, protocol: str = "rela") -> str:
    return _spread(each.metrics(split, protocol)[metric] for each in runs_of(stored, name))


def _spread(values: Iterable[float]) -> str:
    return spread(*mean_and_spread(values))


def write(path: Path, fill) -> None:
    """Rewrite one document in place."""
    path.write_text(fill(path.read_text(encoding="utf-8"), collect(RESULTS, "tiny")), encoding="utf-8")


if __name__ == "__main__":
    write(README, fill_readme)
    write(SYSTEMS, fill_systems)
