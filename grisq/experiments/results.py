"""One JSON a run: what was trained, where, how long it took, and everything that a table or figure says about it."""

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd

from grisq.analysis.significance import tally
from grisq.config import Preset, flat, from_dict, to_dict
from grisq.config.answer import Answer
from grisq.data.masks import decode
from grisq.evaluation.outcomes import RULES, Samples
from grisq.evaluation.protocols import PROTOCOLS
from grisq.runtime.errors import InputError
from grisq.runtime.files import read_json, write_text
from grisq.runtime.paths import COST, OWN_RESULTS, RESULTS

SCHEMA = 1


class Cost(msgspec.Struct, forbid_unknown_fields=True):
    """Of the training: median samples a second, seconds of all steps at that speed, highest memory in MB or None."""

    seconds: float
    samples_per_second: float
    peak_mb: float | None


class Example(Answer, msgspec.Struct, forbid_unknown_fields=True):
    """One answer to look at. `mask`: COCO's run-length encoding at the picture's size, before the presence decision."""

    row: int
    text: str
    mask: dict
    presence: float | None
    plurality: float | None

    @property
    def present(self) -> bool:
        """The presence decision; without a presence head, whether the mask has 50 pixels at 480x480."""
        decided = super().present
        return PROTOCOLS["rela"].enough_pixels(decode(self.mask)) if decided is None else decided


class Result(msgspec.Struct, forbid_unknown_fields=True):
    """A finished run.

    settings: the whole configuration; data: SHA-256 of the annotations; counts: of the data by split; parameters: by
    part of the model; results: {split: {"protocols": {name: metrics in percent}, "accuracy": ...}} of the checkpoint
    at `step`; history: {"train" | "eval": {column: values}}; samples: by split; trained, provenance: versions, commit
    and machine of the training and of the evaluation.
    """

    schema: int
    experiment: str
    preset: str
    seed: int
    step: int
    settings: dict
    data: str
    counts: dict
    parameters: dict[str, int]
    results: dict
    history: dict[str, dict[str, list[float | None]]]
    samples: dict[str, Samples]
    examples: list[Example]
    cost: Cost
    trained: dict | None
    provenance: dict

    def metrics(self, split: str, protocol: str = "rela") -> dict[str, float]:
        """Percentages by name."""
        return self.results[split]["protocols"][protocol]


Results = dict[tuple[str, int], Result]  # by experiment and seed


def path_of(folder: Path, preset: str, experiment: str, seed: int) -> Path:
    """Where a result lies: folder/preset/experiment-seedN.json."""
    return folder / preset / f"{experiment}-seed{seed}.json"


def save(result: Result, folder: Path) -> Path:
    """Write a result, whole or not at all, lists of numbers on one line. Errors: InputError if the disk is full."""
    path = path_of(folder, result.preset, result.experiment, result.seed)
    text = msgspec.json.format(msgspec.json.encode(result), indent=1).decode()
    write_text(path, re.sub(r"\[\n[-+.\deEnul,\s]*\]", lambda found: "".join(found[0].split()), text) + "\n")
    return path


def load(path: Path) -> Result:
    """Errors: InputError if the file is missing, broken, or of another schema, naming the field."""
    try:
        result = msgspec.json.decode(path.read_bytes(), type=Result)
    except FileNotFoundError:
        raise InputError(f"{path} is missing: make it with grisq experiments run.") from None
    except msgspec.MsgspecError as error:
        raise InputError(f"{path} is not a result of this version ({error}): make it again with --fresh.") from None
    if result.schema != SCHEMA:
        raise InputError(f"{path} has schema {result.schema}, not {SCHEMA}: make it again with --fresh.")
    return result


def collect(folder: Path, preset: str) -> Results:
    """Every result of a preset in a folder, by experiment and seed. Errors: InputError for a broken one."""
    found = [load(path) for path in sorted((folder / preset).glob("*-seed*.json"))]
    return {(result.experiment, result.seed): result for result in found}


def gather(preset: str, data: str, own: Path = OWN_RESULTS) -> Results:
    """Results of a preset on a data set (SHA-256 of its annotations): the committed ones, else this machine's own."""
    for folder in (RESULTS, own):
        found = {key: result for key, result in collect(folder, preset).items() if result.data == data}
        if found:
            return found
    return {}


def find_finished(path: Path, wanted: Preset, data: str) -> Result | None:
    """The result at `path` if it is there. Errors: InputError if it was made with other settings or other data."""
    if not path.is_file():
        return None
    result = load(path)
    made = to_dict(from_dict(Preset, result.settings, f"{path}: settings"))
    different = [name for name, value in flat(to_dict(wanted)).items() if flat(made).get(name) != value]
    if result.data != data:
        different.insert(0, "data")
    if different:
        raise InputError(f"{path} was made with another {different[0]}: run with --fresh, or choose another --out.")
    return result


def seeds_of(results: Results, experiment: str) -> list[int]:
    """Seeds that an experiment was run with, ascending."""
    return sorted(seed for name, seed in results if name == experiment)


def frame(results: Results, protocol: str = "rela") -> pd.DataFrame:
    """Metrics in percent: one line per (experiment, split, seed), one column per metric."""
    lines = {
        (name, split, seed): result.metrics(split, protocol)
        for (name, seed), result in results.items()
        for split in result.results
    }
    index = ["experiment", "split", "seed"]
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis(index).sort_index() if lines else pd.DataFrame()


def tallies(results: Results, run: str, split: str = "val") -> np.ndarray:
    """Sums per picture of every seed of a run, (seeds, pictures, 8), for `grisq.analysis.significance`.

    `run`: an experiment's name, with "@pixels" or "@truth" for another word on presence. Errors: InputError if it was
    not run, or if the rule is unknown.
    """
    name, _, rule = run.partition("@")
    if rule and rule not in RULES:
        raise InputError(f"There is no presence rule {rule!r}: use {', '.join(RULES)}, as in rela@truth.")
    seeds = seeds_of(results, name)
    if not seeds:
        raise InputError(f"There is no result of {name!r}: run grisq experiments run {name}.")
    every = [results[name, seed].samples[split] for seed in seeds]
    return np.stack([tally(np.array(each.image), each.scores(rule or "head")) for each in every])


def read_cost(path: Path = COST) -> dict[str, dict[str, dict[str, float]]]:
    """What a training step of each system costs: {size: {system: {"step_s", "forward_s", "peak_mb", "parameters"}}}.

    Measured by benchmarks/systems.py, the systems taking turns. Errors: InputError if the file is missing or broken.
    """
    return read_json(path)["systems"]


def mean_and_spread(values: Iterable[float]) -> tuple[float, float]:
    """Mean and standard deviation between seeds (n - 1; nan for one seed)."""
    values = np.array(list(values), dtype=float)
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else float("nan")
