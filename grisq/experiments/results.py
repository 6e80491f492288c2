"""One JSON file a run: what was trained, where, how long it took, and everything that tables and figures need of it."""

import re
from pathlib import Path

import msgspec

from grisq.config.answer import Answer
from grisq.data.masks import decode
from grisq.evaluation.counterfactual import PairOutcomes
from grisq.evaluation.outcomes import Samples
from grisq.evaluation.protocols import PROTOCOLS
from grisq.runtime.errors import InputError
from grisq.runtime.files import write_text

SCHEMA = 2


class Cost(msgspec.Struct, forbid_unknown_fields=True):
    """What the training took."""

    seconds: float  # of all steps at the median speed
    samples_per_second: float  # median over the logged steps
    peak_mb: float | None  # highest memory in MB; None where it was not measured


class Example(Answer, msgspec.Struct, forbid_unknown_fields=True):
    """One stored prediction to look at."""

    row: int  # of the data set
    text: str
    mask: dict  # COCO run-length encoding at the picture's own size, before the presence decision
    presence: float | None  # probability; None without a presence head
    plurality: float | None  # probability of several targets; None without a plurality head

    @property
    def present(self) -> bool:
        """The presence decision; without a presence head the 50-pixel rule of Sec. 4.1 decides."""
        decided = super().present
        return PROTOCOLS["rela"].enough_pixels(decode(self.mask)) if decided is None else decided


class Result(msgspec.Struct, forbid_unknown_fields=True):
    """A finished training run with its evaluation."""

    schema: int
    experiment: str
    preset: str
    seed: int
    step: int  # of the evaluated checkpoint
    settings: dict  # the whole configuration
    data: str  # SHA-256 of the annotations
    counts: dict  # {split: {"expressions": n, ...}}
    parameters: dict[str, int]  # by part of the model, frozen ones too
    results: dict  # {split: {"protocols": {name: {metric: percent}}, "accuracy": {...}}}
    history: dict[str, dict[str, list[float | None]]]  # {"train" | "eval": {column: values}}
    samples: dict[str, Samples]  # outcome of every expression, by split
    examples: list[Example]
    cost: Cost
    trained: dict | None  # versions, commit and machine of the training
    provenance: dict  # the same of the evaluation
    precision: str | None = None  # of the evaluation; None: not recorded
    counterfactual: PairOutcomes | None = None  # on the pairs of the data set's scenes; None: it has none
    # Evaluated in other ways, see `grisq.evaluation.variants`: {way: {metric: percent of val}}.
    variants: dict[str, dict[str, float]] = msgspec.field(default_factory=dict)

    def metrics(self, split: str, protocol: str = "rela") -> dict[str, float]:
        """Percentages by name."""
        return self.results[split]["protocols"][protocol]


def path_of(folder: Path, preset: str, experiment: str, seed: int) -> Path:
    """Return where a result is stored: folder/preset/experiment-seedN.json."""
    return folder / preset / f"{experiment}-seed{seed}.json"


def save(result: Result, folder: Path) -> Path:
    """Write a result atomically, each list of numbers, also of lists, on one line, and return its path.

    Raises: InputError if the disk is full.
    """
    path = path_of(folder, result.preset, result.experiment, result.seed)
    text = msgspec.json.format(msgspec.json.encode(result), indent=1).decode()
    write_text(path, re.sub(r"\[\n[-+.\deEnul,\s\[\]]*\]", lambda found: "".join(found[0].split()), text) + "\n")
    return path


def load(path: Path) -> Result:
    """Read a result. Raises InputError naming file and field if it is missing, broken or of another schema."""
    try:
        result = msgspec.json.decode(path.read_bytes(), type=Result)
    except FileNotFoundError:
        raise InputError(f"{path} is missing: make it with grisq experiments run.") from None
    except msgspec.MsgspecError as error:
        raise InputError(f"{path} is not a result of this version ({error}): make it again with --fresh.") from None
    if result.schema != SCHEMA:
        raise InputError(f"{path} has schema {result.schema}, not {SCHEMA}: make it again with --fresh.")
    return result
