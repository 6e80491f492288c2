"""Rows of a data set as batches, in order; data workers report a bad picture, or their own end, in one sentence."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from torch.utils.data import DataLoader, Dataset

from grisq.data.sample import Batch, Collate, Sample, SampleReader
from grisq.runtime.errors import InputError


class Rows(Dataset):
    """Rows of the table of expressions as samples, by their place among those rows."""

    def __init__(self, reader: SampleReader, rows: Sequence[int]):
        self.reader, self.rows = reader, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        return self.reader.read(int(self.rows[index]))


class _WholeBatches(Dataset):
    """Batches of another data set; an InputError is returned in place of the batch instead of being raised.

    torch rebuilds what a worker raises with the worker's whole traceback as the message. What a worker returns arrives
    as it is.
    """

    def __init__(self, dataset: Dataset, collate: Callable[[list], Batch]):
        self.dataset, self.collate = dataset, collate

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, indices: Sequence) -> Batch | InputError:
        try:
            return self.collate([self.dataset[index] for index in indices])
        except InputError as error:
            return error


def _as_it_is(batch: Batch | InputError) -> Batch | InputError:
    return batch


def load(dataset: Dataset, collate: Callable[[list], Batch], **options) -> Iterator[Batch]:
    """Load a data set's batches by torch's DataLoader. An InputError keeps its own sentence, also from data workers.

    The loader's iterator is made at once, not at the first batch, since it draws from torch's random numbers.

    Args:
        dataset: gives the sample of an index.
        collate: makes a batch of a list of samples.
        options: of DataLoader: batch_size or batch_sampler, num_workers, pin_memory.

    Returns:
        The batches. The iterator raises InputError where a sample cannot be read, in its turn among the batches.
    """
    return _raised(iter(DataLoader(_WholeBatches(dataset, collate), collate_fn=_as_it_is, **options)))


def _raised(batches: Iterator[Batch | InputError]) -> Iterator[Batch]:
    for batch in batches:
        if isinstance(batch, InputError):
            raise batch
        yield batch


def evenly(rows: np.ndarray, count: int) -> np.ndarray:
    """Take at most `count` of the rows, evenly spaced, so that every part of a split is there."""
    return rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)]


def batches(reader: SampleReader, rows: Sequence[int], *, batch: int, workers: int = 0) -> Iterator[Batch]:
    """Read rows of the table of expressions as batches, in order.

    Args:
        reader: reads pictures, masks and tokens.
        rows: of the table of expressions.
        batch: samples in a batch; the last one may be smaller.
        workers: data workers, 0 to read in this process.

    Raises:
        InputError: for a missing or broken picture.
    """
    return load(Rows(reader, rows), Collate(reader.tokenizer.pad_id), batch_size=batch, num_workers=workers)


def load_groups(reader: SampleReader, groups: Sequence[Sequence[int]], *, workers: int = 0) -> Iterator[Batch]:
    """Read groups of rows of the table of expressions, each as one batch, in order; errors as `batches`."""
    rows = [row for group in groups for row in group]
    ends = np.cumsum([len(group) for group in groups])
    places = [list(range(end - len(group), end)) for group, end in zip(groups, ends)]
    dataset, collate = Rows(reader, rows), Collate(reader.tokenizer.pad_id)
    return load(dataset, collate, batch_sampler=places, num_workers=workers) if rows else iter(())


@contextmanager
def ended_workers_explained() -> Iterator[None]:
    """Turn the end of a data worker from outside into one sentence.

    torch raises it from a signal handler, so anywhere while workers run: put it around all that happens then.
    Raises: InputError.
    """
    try:
        yield
    except RuntimeError as error:  # torch has no type for it
        text = str(error)
        if not text.startswith("DataLoader worker"):
            raise
        raise InputError(
            f"A data worker was ended from outside ({text.splitlines()[0].strip()}), usually because memory ran out: "
            "use fewer of them (train.workers, or --workers of grisq eval)."
        ) from None
