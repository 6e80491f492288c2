"""Score anybody's predictions in one call: the function behind `grisq score` (Sec. 4.1)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from grisq.config.answer import THRESHOLD
from grisq.data import grefcoco
from grisq.data.grefcoco import GRefCOCO
from grisq.evaluation.protocols import PROTOCOLS, Protocol, square_of
from grisq.evaluation.scoring import measurements
from grisq.evaluation.scoring.compute import DIAGNOSED, SHARES, report
from grisq.evaluation.scoring.count import count_pixels
from grisq.evaluation.scoring.entries import open_predictions
from grisq.evaluation.scoring.measurements import ENDING, Measurements
from grisq.evaluation.scoring.report import Report
from grisq.runtime.errors import InputError

Source = str | Path | Iterable[dict]
DecidedBy = Literal["score", "pixels50", "mask_empty"]
"""What decides on presence where the protocol asks a presence head: the score, the 50-pixel rule, or the mask."""
DECIDED_BY: tuple[DecidedBy, ...] = ("score", "pixels50", "mask_empty")


def score(
    predictions: Source | Sequence[str | Path],
    data: GRefCOCO | str | Path,
    *,
    compare: Source | None = None,
    protocols: Sequence[str] = ("rela",),
    threshold: float = THRESHOLD,
    decided_by: DecidedBy = "score",
    shares: Sequence[float] = SHARES,
    **options,
) -> Report:
    """Score predictions of any model: `score("predictions.json", "data/grefcoco").splits["val"]`.

    Args:
        predictions: a file in COCO's results format or JSON lines, a folder of such files or of PNG masks, a list of
            dicts (see `grisq.evaluation.scoring.entries`), or files of pixel counts to be merged.
        data: the data set, or its folder in gRefCOCO's layout.
        compare: other predictions for the same expressions; the report has the paired differences.
        protocols: names.
        threshold: least probability of presence.
        decided_by: what decides on presence. Without scores it is the 50-pixel rule.
        shares: of no-target expressions, at which gIoU is restated.
        **options: of `count_pixels`: splits, missing, repeated, unknown, resize, jobs, shard, progress.

    Raises:
        InputError: for predictions or data that cannot be read, and for what the options refuse.
    """
    rules = rules_of(protocols, decided_by)
    dataset = data if isinstance(data, GRefCOCO) else grefcoco.load(data)
    found = measure(predictions, dataset, protocols=rules, **options)
    other = None if compare is None else measure(compare, dataset, protocols=rules, **options)
    diagnosed = decided(DIAGNOSED, decided_by)
    return report(found, dataset, rules, threshold=threshold, shares=shares, other=other, diagnosed=diagnosed)


def rules_of(protocols: Sequence[str], decided_by: DecidedBy = "score") -> list[Protocol]:
    """Look up protocols. Raises InputError for an unknown one, or if presence cannot be decided like that."""
    if decided_by not in DECIDED_BY:
        raise InputError(f"Presence cannot be decided by {decided_by!r}: choose {', '.join(DECIDED_BY)}.")
    for name in protocols:
        if name not in PROTOCOLS:
            raise InputError(f"There is no protocol {name!r}: choose one of {', '.join(PROTOCOLS)}.")
    return [decided(PROTOCOLS[name], decided_by) for name in dict.fromkeys(protocols)]


def decided(rules: Protocol, by: DecidedBy) -> Protocol:
    """Replace the presence head of a protocol by another decision; rules that ask no head stay."""
    if by == "score" or rules.presence not in ("head", "head_or_empty"):
        return rules
    return replace(rules, presence="mask_empty" if rules.presence == "head_or_empty" else by)


def measure(
    predictions: Source | Sequence[str | Path], data: GRefCOCO, *, protocols: Sequence[Protocol], **options
) -> Measurements:
    """Count the pixels that protocols need, or merge counts that were stored. Arguments and errors as `score`."""
    stored = _stored(predictions)
    if stored:
        if given := [name for name, value in options.items() if name not in ("jobs", "progress") and value is not None]:
            raise InputError(f"{given[0]} was decided when the pixels were counted: leave it out, or count again.")
        found = measurements.merge([measurements.read(path) for path in stored])
        missing = sorted({each.name for each in protocols if square_of(each) not in found.rules.squares})
        if missing:
            raise InputError(f"{stored[0]} has no counts for {', '.join(missing)}: count with --protocol {missing[0]}.")
        return found
    squares = dict.fromkeys([DIAGNOSED.square, *map(square_of, protocols)])
    one_path = isinstance(predictions, Sequence) and len(predictions) == 1 and isinstance(predictions[0], str | Path)
    source = predictions[0] if one_path and not isinstance(predictions, str) else predictions
    return count_pixels(open_predictions(source), data, squares=list(squares), **options)


def _stored(predictions: Source | Sequence[str | Path]) -> list[Path]:
    """The files of pixel counts, if it is these."""
    several = isinstance(predictions, Sequence) and not isinstance(predictions, str) and predictions
    paths = list(predictions) if several else [predictions]
    if not all(isinstance(path, str | Path) for path in paths):
        return []
    counts = [Path(path) for path in paths if Path(path).suffix == ENDING]
    if len(counts) < len(paths) and (counts or len(paths) > 1):
        raise InputError(f"Several files can be merged only if all end in {ENDING}: put predictions into one folder.")
    return counts
