"""Runs the notebooks in order by papermill and reports how each ended, how long it took and its peak memory."""

import ast
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import nbformat
import papermill
import psutil
from papermill.exceptions import PapermillExecutionError
from tqdm import tqdm

from grisq import checkpoint
from grisq.config import preset as find_preset
from grisq.data.catalog import load_dataset
from grisq.experiments.paper import PAPER
from grisq.runtime import paths
from grisq.runtime.errors import InputError
from grisq.runtime.provenance import provenance

CELL_LIMIT = 3600  # seconds for one cell
KERNEL = "python3"  # of the environment that runs this; editors store kernels of other environments in a notebook
LOG = "reproduce.log"


@dataclass
class Outcome:
    """How one notebook ended."""

    name: str
    status: str  # "done", "unchanged" or "failed"
    seconds: float = 0.0
    peak_mb: float = 0.0  # of its processes together
    error: str = ""  # one line, empty if it did not fail

    def line(self) -> str:
        tail = f"  {self.error}" if self.error else ""
        return f"{self.name:<28} {self.status:<10} {self.seconds:7.0f} s {self.peak_mb:8.0f} MB{tail}"


@dataclass
class _Peak:
    """Highest resident memory of this process's children, sampled while a notebook runs."""

    megabytes: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        process = psutil.Process()
        while not self.stop.wait(0.5):
            total = 0
            for child in process.children(recursive=True):
                try:
                    total += child.memory_info().rss
                except psutil.Error:  # it ended in between
                    continue
            self.megabytes = max(self.megabytes, total / 1e6)


def reproduce(
    preset: str,
    *,
    only: Sequence[str] | None = None,
    start: str | None = None,
    fresh: bool = False,
    parameters: dict | None = None,
    data: Path | None = None,
    model: Path | None = None,
    folder: Path | None = None,
    out: Path | None = None,
) -> bool:
    """Run the notebooks in order; stop at the first failure, since later ones build on it.

    Args:
        preset: the value of every notebook's parameter `preset`.
        only: numbers of notebooks to run, such as "08".
        start: the number of the first one to run.
        fresh: run finished and unchanged notebooks again.
        parameters: for every chosen notebook.
        data: folder of the data set, for notebooks with a parameter `data_root`.
        model: trained model, for notebooks with a parameter `model`.
        folder: where the notebooks are.
        out: where the executed copies and reproduce.log go.

    Returns:
        True if no notebook failed.

    Raises:
        InputError: for an unknown preset, number or parameter, and for what is not a Python notebook.
    """
    find_preset(preset)
    folder = folder or paths.NOTEBOOKS
    out = out or folder / "executed" / preset
    chosen = _choose(sorted(folder.glob("[0-9][0-9]_*.ipynb")), only, start)
    places = {"data_root": data, "model": model}
    offered = {name: str(place.resolve()) for name, place in places.items() if place is not None}
    jobs = {path: _parameters(path, preset, parameters or {}, offered) for path in chosen}
    outcomes: list[Outcome] = []
    for path, values in tqdm(jobs.items(), unit="notebook", desc=f"reproduce {preset}"):
        outcomes.append(_run(path, values, out / path.name, fresh))
        tqdm.write(outcomes[-1].line())
        _log(out, outcomes[-1])
        if outcomes[-1].status == "failed":
            break
    print(f"\n{'notebook':<28} {'status':<10} {'time':>9} {'memory':>11}")
    print("\n".join(outcome.line() for outcome in outcomes))
    return all(outcome.status != "failed" for outcome in outcomes)


def _choose(paths_: list[Path], only: Sequence[str] | None, start: str | None) -> list[Path]:
    numbers = [path.name[:2] for path in paths_]
    for number in [*(only or []), *([start] if start else [])]:
        if number not in numbers:
            raise InputError(f"There is no notebook {number!r}: there are {', '.join(numbers)}.")
    keep = [path for path in paths_ if start is None or path.name[:2] >= start]
    return [path for path in keep if not only or path.name[:2] in only]


def _parameters(path: Path, preset: str, wanted: dict, offered: dict) -> dict:
    """Return every parameter of a notebook with its value in this run, checked against its parameters cell.

    Parameters that the notebook does not have are left out if they are `offered`, and refused if they are `wanted`.
    """
    found = papermill.inspect_notebook(_read(path))
    defaults = {name: _literal(each["default"], name, path) for name, each in found.items()}
    values = {"preset": preset} | full_parameters(path) | wanted
    unknown = sorted(set(values) - set(defaults))
    if unknown:
        raise InputError(
            f"{path.name} has no parameter {unknown[0]!r}: its parameters cell has {', '.join(defaults) or 'none'}."
        )
    return defaults | {name: value for name, value in offered.items() if name in defaults} | values


def full_parameters(path: Path) -> dict:
    """Read what a reproduction does more of than a notebook's own quick defaults, such as {"train": True}.

    The notebook says so itself: "reproduce" in the metadata of its parameters cell.
    """
    found: dict = {}
    for cell in _read(path).cells:
        if "parameters" in cell.metadata.get("tags", []):
            found |= cell.metadata.get("reproduce", {})
    return found


def _read(path: Path) -> nbformat.NotebookNode:
    """Read a notebook as one of this environment's kernel. Raises InputError for what is not a Python notebook."""
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # of nbformat, json and jsonschema
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"{path} is not a valid notebook ({reason}): open it in JupyterLab and save it.") from None
    kernel = notebook.metadata.get("kernelspec", {})
    language = notebook.metadata.get("language_info", {}).get("name") or kernel.get("language") or "python"
    if language.lower() not in ("python", "ipython"):
        raise InputError(f"{path} is written in {language}: the course runs Python notebooks; choose a Python kernel.")
    notebook.metadata["kernelspec"] = {"name": KERNEL, "display_name": "Python 3 (ipykernel)", "language": "python"}
    return notebook


def _literal(text: str, name: str, path: Path) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise InputError(
            f"The parameter {name!r} of {path.name} must be one literal on one line, not {text}."
        ) from None


def _log(out: Path, outcome: Outcome) -> None:
    """Add a line to the log, which stays next to the executed copies."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / LOG).open("a", encoding="utf-8") as lines:
        lines.write(f"{datetime.now().isoformat(' ', 'seconds')}  {' '.join(outcome.line().split())}\n")


def _run(path: Path, parameters: dict, target: Path, fresh: bool) -> Outcome:
    key = _key(path, parameters)
    if not fresh and _finished_key(target) == key:
        return Outcome(path.stem, "unchanged")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial.ipynb")
    began, error = time.perf_counter(), ""
    with _watched() as peak:
        try:
            papermill.execute_notebook(
                _read(path),
                str(partial),
                parameters=parameters,
                cwd=str(path.parent),
                execution_timeout=CELL_LIMIT,
                progress_bar=False,
            )
        except PapermillExecutionError as failure:
            error = f"cell {failure.exec_count}: {failure.ename}: {failure.evalue} (see {partial})"
        except Exception as failure:  # a dead kernel, a time limit: report it and stop in order
            error = f"{type(failure).__name__}: {failure}"
    seconds = time.perf_counter() - began
    if not error:
        error = _finish(partial, target, key, parameters)
    return Outcome(path.stem, "failed" if error else "done", seconds, peak.megabytes, error)


@contextmanager
def _watched() -> Iterator[_Peak]:
    peak = _Peak()
    thread = threading.Thread(target=peak.watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        peak.stop.set()
        thread.join()


def _finish(partial: Path, target: Path, key: str, parameters: dict) -> str:
    """Check that every code cell ran, add provenance, and put the executed copy in its place. -> the error, if any"""
    notebook = nbformat.read(partial, as_version=4)
    skipped = [
        number
        for number, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and cell.source.strip() and cell.execution_count is None
    ]
    if skipped:
        return f"{partial} has a code cell that did not run (number {skipped[0]}): run it again."
    about = provenance() | {"data": _data_hash(parameters)}
    notebook.metadata["grisq"] = {"key": key, "parameters": parameters, "provenance": about}
    nbformat.write(notebook, partial)
    os.replace(partial, target)
    return ""


def _data_hash(parameters: dict) -> str | None:
    """Return the SHA-256 of the annotations that a notebook read; None without data, or if they are gone."""
    if "data_root" not in parameters:
        return None
    folder = parameters["data_root"] and Path(parameters["data_root"])
    try:
        return load_dataset(find_preset(parameters["preset"]), folder, progress=False).content_hash
    except InputError:
        return None


def _key(path: Path, parameters: dict) -> str:
    """Hash everything that a notebook depends on: its cells and parameters, the package's source, the given data, the
    model, the encoders, the results of its preset (those made on this machine where none are committed), the regime's
    trials, the costs and the paper's numbers."""
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode())
    for cell in nbformat.read(path, as_version=4).cells:
        digest.update(cell.source.encode())
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    committed = sorted((paths.RESULTS / parameters["preset"]).glob("*.json"))
    files += [*sorted(paths.RESULTS.glob("*.json")), *committed, *sorted(PAPER.glob("*.json"))]
    if parameters.get("data_root") or not committed:
        files += sorted(paths.EXPERIMENTS.glob(f"**/results/{parameters['preset']}/*.json"))
    files += sorted(file for file in paths.ENCODERS.rglob("*") if file.is_file())
    files.append(paths.COST)
    if "model" in parameters:
        files += sorted(
            file for file in checkpoint.find(parameters["model"] or paths.BUNDLED_MODEL).iterdir() if file.is_file()
        )
    for file in files:
        digest.update(file.read_bytes())
    if parameters.get("data_root"):  # synthetic sets follow from the package's own code
        digest.update(str(_data_hash(parameters)).encode())
    return digest.hexdigest()


def _finished_key(target: Path) -> str | None:
    if not target.is_file():
        return None
    return nbformat.read(target, as_version=4).metadata.get("grisq", {}).get("key")
