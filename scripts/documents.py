"""Write what code knows into documents: `make documents`.

docs/results.md and docs/systems.md hold measured numbers that every new run changes: the table of all runs, found by
its header, and the line "Published" of each system's page with the line "Here" below it. Pages of the book hold tables
of sessions, exercises, presets and runs. Tests hold all of them to what this writes.
"""

import re
import sys
from collections.abc import Iterable

from grisq.course.tables import MISSING, number, spread
from grisq.evaluation.counterfactual import ALL, cells
from grisq.experiments import paper
from grisq.experiments.registry import EXPERIMENTS
from grisq.experiments.selection import Results, collect, runs_of, seeds_of
from grisq.experiments.tables import built_systems, mean_and_spread, reference_runs
from grisq.runtime.paths import RESULTS, ROOT

sys.path.append(str(ROOT / "book"))
from binding.fill import store
from binding.written_tables import WRITERS

PAGES = (ROOT / "book" / "teaching.md", ROOT / "book" / "glossary.md")
RESULTS_PAGE, SYSTEMS = ROOT / "docs" / "results.md", ROOT / "docs" / "systems.md"
_HEADER = "| run (seeds) | val gIoU |"
_TRUTH = ("val", "gIoU", "rela-truth")
_COLUMNS = (
    *(("val", metric) for metric in ("gIoU", "cIoU", "N-acc", "T-acc")),
    *((split, "gIoU") for split in ("testA", "testB")),
    _TRUTH,
)


def fill_results(text: str, stored: Results) -> str:
    """Return the text of docs/results.md with the lines of its table of runs written anew."""
    before, table = text.split(_HEADER, 1)
    header, rule, *_ = table.split("\n", 2)
    after = table[re.search(r"\n(?!\|)", table).start() :]
    runs = [_line_of_run(stored, name) for name in _in_order(stored)]
    # What references reach under the true presence is a column, not a line.
    references = [_line_of_reference(stored, *each) for each in reference_runs(stored).items() if "@" not in each[0]]
    return "\n".join([before + _HEADER + header, rule, *runs, *references]) + after


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
    pairs_right = _spread(cells(each.counterfactual)[ALL].accuracy for each in runs)
    return _row(f"{EXPERIMENTS[name].title} ({len(runs)})", *_metrics(stored, name), pairs_right, _of_paper(name))


def _line_of_reference(stored: Results, run: str, title: str) -> str:
    return _row(f"*{title}*", *_metrics(stored, run), MISSING, MISSING)


def _row(*cells_of_line: str) -> str:
    return "| " + " | ".join(cells_of_line) + " |"


def _metrics(stored: Results, name: str) -> list[str]:
    return [_metric(stored, name, *place) for place in _COLUMNS]


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
    trainings = f"{seeds} seed{'s' if seeds != 1 else ''}"
    truth = _metric(stored, name, *_TRUTH)
    return [f"* *Here* (val, {trainings}): {values}; gIoU under the true presence {truth}."]


def _metric(stored: Results, name: str, split: str, metric: str, protocol: str = "rela") -> str:
    return _spread(each.metrics(split, protocol)[metric] for each in runs_of(stored, name))


def _spread(values: Iterable[float]) -> str:
    return spread(*mean_and_spread(values))


def main() -> None:
    stored = collect(RESULTS, "tiny")
    for path, fill in ((RESULTS_PAGE, fill_results), (SYSTEMS, fill_systems)):
        path.write_text(fill(path.read_text(encoding="utf-8"), stored), encoding="utf-8")
    for path in PAGES:
        path.write_text(store(path.read_text(encoding="utf-8"), WRITERS), encoding="utf-8")


if __name__ == "__main__":
    main()
