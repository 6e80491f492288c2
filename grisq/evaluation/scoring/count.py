"""From predictions to pixel counts: one stream through one or several processes."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context

import numpy as np
from tqdm import tqdm

from grisq.data.grefcoco import GRefCOCO
from grisq.evaluation.scoring import matching
from grisq.evaluation.scoring.entries import Entry, Predictions
from grisq.evaluation.scoring.matching import Keys, Matching, Missing, Repeated, Unknown
from grisq.evaluation.scoring.measurements import Measurements, Rules, of_counted
from grisq.evaluation.scoring.pixel_counts import RESIZES, Counted, PixelCounter, Resize
from grisq.runtime.errors import InputError
from grisq.runtime.shard import WHOLE, Shard

_CHUNK = 256  # expressions that a process takes at once
_AHEAD = 4  # chunks that wait for each process

Group = tuple[int, list[Entry]]


def count_pixels(
    predictions: Predictions,
    data: GRefCOCO,
    *,
    splits: Sequence[str] | None = None,
    squares: Sequence[int | None] = (480,),
    missing: Missing = "refuse",
    repeated: Repeated = "refuse",
    unknown: Unknown = "refuse",
    resize: Resize = "nearest",
    jobs: int = 1,
    shard: Shard = WHOLE,
    progress: bool = True,
) -> Measurements:
    """Compare the mask of every prediction with the annotation, reading the predictions twice: ids first, then masks.

    Memory does not grow with the masks: those of a few chunks are held for each process.

    Args:
        predictions: of any model.
        data: the data set.
        splits: names, by default those that predictions are about.
        squares: sides of the squares at which masks are compared; None for the picture's own size.
        missing: see `grisq.evaluation.scoring.matching`.
        repeated: see there.
        unknown: see there.
        resize: see `grisq.evaluation.scoring.pixel_counts`.
        jobs: processes.
        shard: the part of the expressions to count.
        progress: whether to show a progress bar.

    Raises:
        InputError: for a prediction that cannot be used, and for what is to be refused.
    """
    if resize not in RESIZES:
        raise InputError(f"resize cannot be {resize!r}: choose {' or '.join(RESIZES)}.")
    keys = Keys(data)
    found = matching.match(predictions, keys)
    chosen = list(dict.fromkeys(splits)) if splits else found.splits(data)
    matching.check(found, data, chosen, missing=missing, repeated=repeated, unknown=unknown)
    rows = np.sort(np.concatenate([data.rows(split) for split in chosen]))
    rows = rows[shard.take(len(rows))]
    answered = found.predictions[rows] > 0
    handled = {
        "expressions": len(rows),
        "missing": int((~answered).sum()),
        "repeated": int((found.predictions[rows] > 1).sum()),
        "unknown": found.unknown if shard.number == 1 else 0,
    }
    counter = PixelCounter(data, squares, resize, instances=repeated == "instances")
    presence: dict[int, float] | None = {} if found.scored else None
    waiting = _groups(predictions, keys, found, rows, repeated, presence)
    if missing == "nothing":
        waiting = _and_nothing(waiting, rows[~answered], presence)
    bar = tqdm(total=len(rows), unit="expression", desc="score", disable=not progress, leave=False)
    with bar:
        counted = []
        for each in _counted(counter, waiting, jobs):
            counted.append(each)
            bar.update()
    rules = Rules(missing, repeated, unknown, resize, tuple(squares))
    return of_counted(
        counted,
        presence,
        data=data,
        source=predictions.name,
        digest="" if shard == WHOLE else predictions.digest(),
        splits=chosen,
        rules=rules,
        matching=handled,
        shard=shard,
    )


def _groups(
    predictions: Predictions,
    keys: Keys,
    found: Matching,
    rows: np.ndarray,
    repeated: Repeated,
    presence: dict[int, float] | None,
) -> Iterator[Group]:
    """The predictions of each row; their highest probability goes into `presence`."""
    wanted = np.zeros(keys.size, dtype=bool)
    wanted[rows] = True
    for row, entries in matching.groups(predictions, keys, found, wanted, repeated):
        if presence is not None:
            presence[row] = max(entry.score for entry in entries)
        yield row, entries


def _and_nothing(waiting: Iterator[Group], absent: np.ndarray, presence: dict[int, float] | None) -> Iterator[Group]:
    yield from waiting
    for row in absent.tolist():
        if presence is not None:
            presence[row] = 0.0
        yield row, []


def _counted(counter: PixelCounter, waiting: Iterator[Group], jobs: int) -> Iterator[Counted]:
    if jobs == 1:
        for row, entries in waiting:
            yield counter.count(row, entries)
        return
    try:
        with ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (counter,)) as pool:
            running: list[Future] = []
            for chunk in _chunks(waiting):
                running.append(pool.submit(_count_chunk, chunk))
                if len(running) > _AHEAD * jobs:
                    yield from running.pop(0).result()
            for future in running:
                yield from future.result()
    except BrokenProcessPool:
        raise InputError(
            "A process was ended from outside, probably for lack of memory: run the command again with fewer --jobs."
        ) from None


def _chunks(waiting: Iterable[Group]) -> Iterator[list[Group]]:
    waiting = iter(waiting)
    while chunk := list(islice(waiting, _CHUNK)):
        yield chunk


_counter: PixelCounter | None = None  # of a process of the pool


def _begin(counter: PixelCounter) -> None:
    global _counter
    _counter = counter


def _count_chunk(chunk: list[Group]) -> list[Counted]:
    return [_counter.count(row, entries) for row, entries in chunk]
