"""The batches of every step, drawn by data workers, and one sentence when one of them fails."""

from collections.abc import Iterator
from contextlib import contextmanager

from accelerate import Accelerator
from torch.utils.data import DataLoader

from grisq.augment.render import RecipeDataset
from grisq.augment.sampler import StepSampler, TrainingPlan
from grisq.config import Preset
from grisq.data.sample import Collate, SampleReader
from grisq.runtime.errors import InputError
from grisq.training.rows import TrainingRows

_WORKER = "Caught InputError in DataLoader worker"  # how torch's wrapper begins
_SENTENCE = f"{InputError.__module__}.{InputError.__qualname__}: "  # before the message, at the traceback's end


def step_loader(
    preset: Preset,
    reader: SampleReader,
    rows: TrainingRows,
    accelerator: Accelerator,
    *,
    seed: int,
    start: int,
    stop: int,
) -> DataLoader:
    """Make the loader of one process's batches: one for each accumulation part of every step.

    Args:
        preset: batch size, accumulation, workers and augmentation.
        reader: reads the data set's pictures, masks and tokens.
        rows: expressions to train on.
        accelerator: knows this process's number, how many there are, and their device.
        seed: of the order and the augmentation.
        start: finished steps; the first batch belongs to this step, counted from 0.
        stop: steps that are finished at the end.
    """
    data, train = reader.data, rows.train
    plan = TrainingPlan(
        train, data.target_counts[train], data.image_ids[train], preset.train.batch, seed, preset.augment
    )
    return DataLoader(
        RecipeDataset(reader, preset.model.text.max_tokens_mosaic),
        batch_sampler=StepSampler(
            plan,
            start=start,
            stop=stop,
            rank=accelerator.process_index,
            world=accelerator.num_processes,
            accumulate=preset.train.accumulate,
        ),
        num_workers=preset.train.workers,
        collate_fn=Collate(reader.tokenizer.pad_id),
        pin_memory=accelerator.device.type == "cuda",
    )


@contextmanager
def worker_errors_explained() -> Iterator[None]:
    """Give the errors of data workers their one sentence back, which torch wraps in a traceback.

    Raises: InputError.
    """
    try:
        yield
    except InputError as error:
        text = str(error)
        if not text.startswith(_WORKER) or _SENTENCE not in text:
            raise
        raise InputError(text.rpartition(_SENTENCE)[2].strip()) from None
    except RuntimeError as error:
        text = str(error)
        if not text.startswith("DataLoader worker"):
            raise
        raise InputError(
            f"A data worker was ended from outside ({text.splitlines()[0].strip()}), often for want of memory: use "
            "fewer with train.workers."
        ) from None
