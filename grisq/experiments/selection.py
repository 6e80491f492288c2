"""Stored results of many runs: those of a folder, of a data set, of an experiment, and one that may be reused."""

from collections.abc import Mapping
from pathlib import Path

from grisq.config import Preset, flat, from_dict, to_dict
from grisq.experiments.results import Result, load
from grisq.runtime.errors import InputError
from grisq.runtime.paths import OWN_RESULTS, RESULTS
from grisq.training.state import FREE_SETTINGS

Results = Mapping[tuple[str, int], Result]  # by experiment and seed


def collect(folder: Path, preset: str) -> dict[tuple[str, int], Result]:
    """Load every result of a preset in a folder, by experiment and seed. Raises InputError for a broken one."""
    found = [load(path) for path in sorted((folder / preset).glob("*-seed*.json"))]
    return {(result.experiment, result.seed): result for result in found}


def gather(preset: str, data: str, own: Path = OWN_RESULTS) -> dict[tuple[str, int], Result]:
    """Load the results of a preset on a data set: the committed ones, or else those made on this machine.

    Args:
        preset: name of the preset.
        data: SHA-256 of the data set's annotations; results on other data are left out.
        own: folder of this machine's results.
    """
    for folder in (RESULTS, own):
        found = {key: result for key, result in collect(folder, preset).items() if result.data == data}
        if found:
            return found
    return {}


def find_finished(path: Path, wanted: Preset, data: str) -> Result | None:
    """Load the result at `path` if there is one.

    Args:
        path: where the result would be stored.
        wanted: the settings that it must have been made with.
        data: SHA-256 of the annotations that it must have been made on.
    Returns:
        The result, or None if the file does not exist.
    Raises:
        InputError: it was made with other settings or other data; the first difference is named.
    """
    if not path.is_file():
        return None
    result = load(path)
    different = different_settings(from_dict(Preset, result.settings, f"{path}: settings"), wanted)
    if result.data != data:
        different.insert(0, "data")
    if different:
        raise InputError(f"{path} was made with another {different[0]}: run with --fresh, or choose another --out.")
    return result


def different_settings(made: Preset, wanted: Preset) -> list[str]:
    """Name the settings in which two runs differ, without those that change no number."""
    before, after = flat(to_dict(made)), flat(to_dict(wanted))
    return [name for name in after if before.get(name) != after[name] and name not in FREE_SETTINGS]


def seeds_of(results: Results, experiment: str) -> list[int]:
    """List the seeds that an experiment was run with, ascending."""
    return sorted(seed for name, seed in results if name == experiment)


def runs_of(results: Results, experiment: str) -> list[Result]:
    """List the results of an experiment, seeds ascending."""
    return [results[experiment, seed] for seed in seeds_of(results, experiment)]
