"""The batches of every step of a training, read by data workers."""

from collections.abc import Iterator

from accelerate import Accelerator

from grisq.augment.render import RecipeDataset
from grisq.augment.sampler import StepSampler, TrainingPlan
from grisq.config import Preset
from grisq.data.loader import load
from grisq.data.sample import Batch, Collate, SampleReader
from grisq.training.rows import TrainingRows


def step_batches(
    preset: Preset,
    reader: SampleReader,
    rows: TrainingRows,
    accelerator: Accelerator,
    *,
    seed: int,
    start: int,
    stop: int,
) -> Iterator[Batch]:
    """Read one process's batches: one for each accumulation part of every step.

    Args:
        preset: batch size, accumulation, workers and augmentation.
        reader: reads the data set's pictures, masks and tokens.
        rows: expressions to train on.
        accelerator: knows this process's number, how many there are, and their device.
        seed: of the order and the augmentation.
        start: finished steps; the first batch belongs to this step, counted from 0.
        stop: steps that are finished at the end.

    Raises:
        InputError: for a missing or broken picture, in its turn among the batches.
    """
    data, train, config = reader.data, rows.train, preset.train
    plan = TrainingPlan(
        train,
        data.target_counts[train],
        data.image_ids[train],
        config.batch,
        seed,
        preset.augment,
        config.expressions_per_picture,
    )
    sampler = StepSampler(
        plan,
        start=start,
        stop=stop,
        rank=accelerator.process_index,
        world=accelerator.num_processes,
        accumulate=config.accumulate,
    )
    return load(
        RecipeDataset(reader, preset.model.text.max_tokens_mosaic),
        Collate(reader.tokenizer.pad_id),
        batch_sampler=sampler,
        num_workers=config.workers,
        pin_memory=accelerator.device.type == "cuda",
    )
