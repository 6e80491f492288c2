import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset

from grisq.data import grefcoco, loader
from grisq.data.sample import Collate, SampleReader
from grisq.runtime.errors import InputError


class Numbers(Dataset):
    """0, 1, 2 ...; some of them cannot be read."""

    def __init__(self, total, broken=(), error=InputError):
        self.total, self.broken, self.error = total, broken, error

    def __len__(self):
        return self.total

    def __getitem__(self, index):
        if index in self.broken:
            raise self.error(f"Number {index} is broken: give another.")
        return index


@pytest.fixture
def cut(mini_root, reader, tmp_path):
    """The small set with the third picture of val cut off, a reader of it, and the picture's path."""
    data = grefcoco.load(shutil.copytree(mini_root, tmp_path / "set"))
    path = data.image_path(int(np.unique(data.image_ids[data.rows("val")])[2]))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return SampleReader(data, reader.tokenizer, reader.side, reader.max_tokens), path


@pytest.mark.parametrize("workers", [0, 1])
def test_a_cut_picture_is_one_sentence_whoever_reads_it(cut, workers):
    reader, path = cut
    rows = reader.data.rows("val")
    first = int(np.flatnonzero(reader.data.image_ids[rows] == np.unique(reader.data.image_ids[rows])[2])[0])
    with pytest.raises(InputError) as caught:
        list(loader.batches(reader, rows, batch=4, workers=workers))
    with pytest.raises(InputError) as direct:
        reader.read(int(rows[first]))
    assert str(caught.value) == str(direct.value)
    assert str(caught.value).startswith(f"{path} cannot be read as a picture")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_before_a_broken_sample_arrive_in_order(workers):
    stream = loader.load(Numbers(10, broken=(7,)), list, batch_size=3, num_workers=workers)
    assert [next(stream), next(stream)] == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(InputError, match=r"^Number 7 is broken: give another\.$"):
        next(stream)


@pytest.mark.parametrize("workers", [0, 1])
def test_other_errors_stay_what_they_are(workers):
    with pytest.raises(ZeroDivisionError):
        list(loader.load(Numbers(3, broken=(1,), error=ZeroDivisionError), list, batch_size=2, num_workers=workers))


def test_batch_samplers_work_as_for_torch():
    turns = [[3, 1], [2], [0, 0, 0]]
    assert list(loader.load(Numbers(4), list, batch_sampler=turns, num_workers=1)) == turns


def test_random_numbers_are_drawn_when_it_is_made_as_by_torch():
    """Training seeds itself before each step; a loader that drew later would change its dropout."""
    torch.manual_seed(5)
    iter(DataLoader(Numbers(3), batch_size=2))
    expected = torch.rand(1)
    torch.manual_seed(5)
    stream = loader.load(Numbers(3), list, batch_size=2)
    assert torch.rand(1) == expected
    assert list(stream) == [[0, 1], [2]]


def test_batches_are_the_samples_one_by_one(reader, mini):
    rows = mini.rows("val")[:5]
    collate = Collate(reader.tokenizer.pad_id)
    found = list(loader.batches(reader, rows, batch=2, workers=1))
    expected = [collate([reader.read(int(row)) for row in rows[i : i + 2]]) for i in (0, 2, 4)]
    assert [[sample.row for sample in each.samples] for each in found] == [
        rows[:2].tolist(),
        rows[2:4].tolist(),
        [rows[4]],
    ]
    for each, other in zip(found, expected):
        assert torch.equal(each.images, other.images)
        assert torch.equal(each.tokens, other.tokens)
        assert torch.equal(each.masks, other.masks)


@given(st.integers(1, 200), st.integers(1, 250))
@settings(deadline=None)
def test_evenly_spaced_rows_are_rows_in_order_and_reach_both_ends(total, count):
    rows = np.arange(total) * 3
    kept = loader.evenly(rows, count)
    assert len(kept) == min(total, count)
    assert set(kept) <= set(rows)
    assert (np.diff(kept) > 0).all()
    assert kept[0] == 0
    if count > 1:
        assert kept[-1] == rows[-1]
