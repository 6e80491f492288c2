"""Rows of a data set as batches, in order."""

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import DataLoader, Dataset

from grisq.data.sample import Batch, Collate, Sample, SampleReader


class _Rows(Dataset):
    def __init__(self, reader: SampleReader, rows: Sequence[int]):
        self.reader, self.rows = reader, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        return self.reader.read(int(self.rows[index]))


def evenly(rows: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of the rows, evenly spaced, so that every part of a split is there."""
    return rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)]


def batches(reader: SampleReader, rows: Sequence[int], *, batch: int, workers: int = 0) -> Iterator[Batch]:
    """The rows as batches, in order."""
    loader = DataLoader(
        _Rows(reader, rows), batch_size=batch, num_workers=workers, collate_fn=Collate(reader.tokenizer.pad_id)
    )
    return iter(loader)
