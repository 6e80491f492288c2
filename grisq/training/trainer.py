"""Training (Sec. 3.4, 4.2): one loop for a laptop, one GPU, several GPUs and several nodes.

Data order, augmentation and dropout are functions of (seed, step), so a run that was killed goes on from its
last checkpoint as if nothing had happened, bit for bit on a CPU.
"""

import math
import shutil
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from grisq import checkpoint
from grisq.augment.render import RecipeDataset
from grisq.augment.sampler import StepSampler, TrainingPlan, check_parts
from grisq.config import Preset, to_dict
from grisq.data.grefcoco import GRefCOCO
from grisq.data.loader import evenly
from grisq.data.sample import Collate, SampleReader
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.evaluation.evaluator import evaluate
from grisq.models.packaged_weights import local_copy
from grisq.models.registry import build_model
from grisq.runtime.device import peak_memory_mb, resolve_precision
from grisq.runtime.distributed import join, others_may_end
from grisq.runtime.errors import InputError
from grisq.runtime.files import write_json
from grisq.runtime.provenance import provenance
from grisq.runtime.seed import seed_everything
from grisq.training.history import History, Window
from grisq.training.losses import total_loss
from grisq.training.optimizer import build_optimizer, set_learning_rates
from grisq.training.state import RUN, RunState, find_resumable, restore, save

LOG_EVERY = 10  # steps between records of the history


def train(
    preset: Preset,
    data: GRefCOCO,
    run: Path,
    *,
    seed: int = 0,
    fresh: bool = False,
    stop_at: int | None = None,
    device: str = "auto",
    init: Path | None = None,
    progress: bool = True,
) -> Path:
    """Train a model on the data set's train split, or go on with an unfinished run in the same folder.

    Args: run: folder for checkpoints `last` and `best`, history.jsonl, TensorBoard events and run.json; fresh:
    delete what is there and start again; stop_at: finish after this many steps although the schedule runs to
    `preset.train.steps` (go on later by calling again); init: checkpoint whose weights and tokenizer to start
    from. Start several processes with `accelerate launch`; the batch size stays the global one.
    Returns: the folder of the last checkpoint.
    Errors: InputError if the folder holds a run with other settings, if the data cannot be used, if the loss
    stops being finite, or if the disk is full; finished checkpoints stay.
    """
    config = preset.train
    accelerator = _accelerator(config.precision, device)
    check_parts(config.batch, accelerator.num_processes, config.accumulate)  # before the run's folder holds anything
    if fresh and accelerator.is_main_process:
        shutil.rmtree(run, ignore_errors=True)
    accelerator.wait_for_everyone()
    about = {"preset": to_dict(preset), "seed": seed, "data": data.content_hash, "init": init and str(init)}
    resumed = find_resumable(run, about)
    state = _build(preset, data, accelerator, seed, resumed or init, progress)
    if resumed:
        restore(state, resumed)
    about |= {"provenance": provenance()}  # after the comparison with an older run: versions may differ
    if accelerator.is_main_process and not resumed:
        write_json(run / RUN, about)
    stop = min(config.steps, config.steps if stop_at is None else stop_at)
    if state.step < stop:
        with others_may_end(goes_on(run)):
            _loop(state, preset, data, run, about, stop)
    return run / "last"


def goes_on(run: Path) -> str:
    """What to do when a training ended before its time."""
    return f"the same command goes on from the last checkpoint in {run}."


def _accelerator(precision: str, device: str) -> Accelerator:
    place = join(device)
    if place.type == "cuda" and place.index is not None:
        torch.cuda.set_device(place)  # Accelerator takes the current GPU
    resolved = resolve_precision(precision, place)
    return Accelerator(mixed_precision="bf16" if resolved == "bf16" else "no", cpu=place.type == "cpu")


def _build(
    preset: Preset, data: GRefCOCO, accelerator: Accelerator, seed: int, start: Path | None, progress: bool
) -> RunState:
    """Model, optimizer and reader. `start`: a checkpoint that gives weights and tokenizer."""
    seed_everything(seed)
    model_config = preset.model
    if start:
        tokenizer = ExpressionTokenizer.load(checkpoint.find(start))
    elif model_config.text.pretrained:
        tokenizer = ExpressionTokenizer.pretrained(
            local_copy(model_config.text.pretrained), model_config.text.vocabulary
        )
    else:
        rows = data.rows("train")
        texts = data.expressions["text"].take(rows).to_pylist()
        tokenizer = ExpressionTokenizer.train(texts, model_config.text.vocabulary)
    model = build_model(model_config)
    if start:
        checkpoint.load_weights(model, checkpoint.find(start) / checkpoint.WEIGHTS)
    else:
        for line in model.load_pretrained():
            accelerator.print(line)
    if accelerator.num_processes > 1 and accelerator.device.type == "cuda":
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # LAVT's, over the global batch; torch has none for CPUs
    model.to(accelerator.device)
    optimizer = build_optimizer(model, preset.train)
    model, optimizer = accelerator.prepare(model, optimizer)
    reader = SampleReader(data, tokenizer, model_config.image_size, model_config.text.max_tokens)
    return RunState(accelerator, model, optimizer, reader, progress)


def _loop(state: RunState, preset: Preset, data: GRefCOCO, run: Path, about: dict, stop: int) -> None:
    config, accelerator = preset.train, state.accelerator
    main = accelerator.is_main_process
    loader = iter(_loader(state, preset, data, about["seed"], stop))
    history = History(run, state.step) if main else None
    bar = tqdm(total=stop, initial=state.step, unit="step", desc=run.name, disable=not (state.progress and main))
    window = Window(config.batch, config.accumulate, partial(accelerator.reduce, reduction="mean"))
    state.model.train()
    try:
        while state.step < stop:
            norm = _step(state, loader, preset, about["seed"], window)
            state.step += 1
            if state.step % LOG_EVERY == 0 or state.step == stop:
                values = _finite(window.close(), state.step, run)
                bar.set_postfix_str(f"loss {values['loss']:.3f}, {values['samples_per_second']:.0f} samples/s")
                if main:
                    rate = max(group["lr"] for group in state.optimizer.param_groups)
                    history.write("train", state.step, **values, learning_rate=rate, gradient_norm=norm)
            bar.update()
            _milestones(state, preset, data, run, about, stop, history)
    finally:
        bar.close()
        if history:
            history.close()


def _loader(state: RunState, preset: Preset, data: GRefCOCO, seed: int, stop: int) -> DataLoader:
    rows = data.rows("train")
    plan = TrainingPlan(rows, data.target_counts[rows], data.image_ids[rows], preset.train.batch, seed, preset.augment)
    accelerator = state.accelerator
    sampler = StepSampler(
        plan,
        start=state.step,
        stop=stop,
        rank=accelerator.process_index,
        world=accelerator.num_processes,
        accumulate=preset.train.accumulate,
    )
    return DataLoader(
        RecipeDataset(state.reader, preset.model.text.max_tokens_mosaic),
        batch_sampler=sampler,
        num_workers=preset.train.workers,
        collate_fn=Collate(state.reader.tokenizer.pad_id),
        pin_memory=accelerator.device.type == "cuda",
    )


def _step(state: RunState, loader, preset: Preset, seed: int, window: Window) -> float:
    """One optimizer step over all accumulation parts, whose losses go to the window; returns the gradient's norm.

    Dropout draws from (seed, step, process).
    """
    config, accelerator = preset.train, state.accelerator
    system = accelerator.unwrap_model(state.model)  # its methods; the wrapper has forward alone
    key = np.random.SeedSequence([seed, state.step, accelerator.process_index]).generate_state(1)[0]
    torch.manual_seed(int(key))
    set_learning_rates(state.optimizer, state.step, config)
    state.optimizer.zero_grad(set_to_none=True)
    for turn in range(config.accumulate):
        batch = next(loader).to(accelerator.device)
        last = turn == config.accumulate - 1
        with nullcontext() if last else accelerator.no_sync(state.model):
            output = state.model(*system.inputs(batch))
            losses = total_loss(output, batch, config, system.extra_losses(output, batch, config))
            accelerator.backward(losses.total / config.accumulate)
            window.add(losses)
    norm = math.nan
    if config.clip is not None:
        norm = float(accelerator.clip_grad_norm_(state.model.parameters(), config.clip))
    state.optimizer.step()
    return norm


def _finite(values: dict[str, float], step: int, run: Path) -> dict[str, float]:
    if not math.isfinite(values["loss"]):
        raise InputError(
            f"The loss is {values['loss']} at step {step}: lower train.lr or set train.clip=1.0; the checkpoint in "
            f"{run / 'last'} is from before."
        )
    return values


def _milestones(state: RunState, preset: Preset, data: GRefCOCO, run: Path, about: dict, stop: int, history) -> None:
    """Evaluation and checkpoints that are due after this step."""
    config, step = preset.train, state.step
    done = step == stop
    if step % config.eval_every == 0 or step == config.steps:
        giou = _evaluate(state, preset, data, history)
        if giou > state.best:
            state.best = giou
            save(state, run / "best", about, with_state=False)
    if done or step % config.checkpoint_every == 0:
        save(state, run / "last", about | {"peak_mb": round(peak_memory_mb())}, with_state=True)


def _evaluate(state: RunState, preset: Preset, data: GRefCOCO, history: History | None) -> float:
    """Periodic evaluation on an evenly spaced part of val; returns its gIoU."""
    rows = evenly(data.rows("val"), preset.train.eval_samples)
    accelerator = state.accelerator
    result = evaluate(
        accelerator.unwrap_model(state.model),
        state.reader,
        rows,
        device=accelerator.device,
        precision=preset.train.precision,
        batch=max(1, preset.train.batch // accelerator.num_processes),
        workers=preset.train.workers,
        rank=accelerator.process_index,
        world=accelerator.num_processes,
        progress=state.progress,
    )
    state.model.train()
    if history:
        history.write("eval", state.step, **result.metrics["rela"], **result.accuracy)
    return result.metrics["rela"]["gIoU"]
