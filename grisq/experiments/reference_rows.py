"""The reference rows of the tables: results like those of a run, but of answers that need no training.

They are stored as results are, `blind-all-seed0.json` and so on, so every table and comparison can show them by name,
also under another rule about presence ("blind-all@truth"). `grisq.evaluation.blind` says what each of them answers.
"""

from collections.abc import Callable
from pathlib import Path

from grisq.data import statistics
from grisq.data.grefcoco import GRefCOCO
from grisq.evaluation import blind
from grisq.evaluation.metrics import ScoreSums
from grisq.evaluation.outcomes import RULES, Rule, Samples
from grisq.experiments import results
from grisq.experiments.registry import REFERENCES
from grisq.experiments.results import SCHEMA, Cost, Result
from grisq.runtime.provenance import provenance

MAKERS: dict[str, Callable[[GRefCOCO], blind.Painter]] = {  # by the names of REFERENCES
    "blind-nothing": lambda data: blind.paint_nothing,
    "blind-words": blind.words_painter,
    "blind-all": lambda data: blind.paint_all,
    "blind-category": blind.named_category_painter,
}


def measure_reference(name: str, data: GRefCOCO, preset: str, *, progress: bool = True) -> Result:
    """Score a reference row on every split but train, under `rela` and the rules of `RULES`.

    Args:
        name: of REFERENCES.
        data: the data set.
        preset: name of the preset whose results it stands beside.
        progress: whether to draw bars.

    Raises:
        InputError: if the row cannot be made from this data set.
    """
    painter = MAKERS[name](data)
    splits = [split for split in data.splits if split != "train"]
    samples = {split: blind.answer(data, split, painter, progress=progress) for split in splits}
    return Result(
        schema=SCHEMA,
        experiment=name,
        preset=preset,
        seed=0,
        step=0,
        settings={},
        data=data.content_hash,
        counts=statistics.counts(data).to_dict(orient="index"),
        parameters={},
        results={split: {"protocols": _metrics(found), "accuracy": {}} for split, found in samples.items()},
        history={"train": {}, "eval": {}},
        samples=samples,
        examples=[],
        cost=Cost(0.0, 0.0, None),
        trained=None,
        provenance=provenance(),
    )


def save_references(data: GRefCOCO, preset: str, out: Path, *, progress: bool = True) -> list[Path]:
    """Measure every reference row and write the results; those of before are replaced. Raises: as `measure_reference`.

    out: folder of results, as `grisq.experiments.results.path_of` takes it.
    """
    return [results.save(measure_reference(name, data, preset, progress=progress), out) for name in REFERENCES]


def _metrics(samples: Samples) -> dict[str, dict[str, float]]:
    rules: tuple[Rule, ...] = ("head", "pixels", "truth")
    found = {}
    for rule in rules:
        meter = ScoreSums(RULES[rule])
        meter.update(samples.scores(rule))
        found[RULES[rule].name] = meter.compute()
    return found
