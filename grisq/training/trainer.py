"""Training (Sec. 3.4, 4.2): one loop for a laptop, one GPU, several GPUs and several nodes.

Data order, augmentation and dropout are functions of (seed, step), so a run that was killed resumes from its last
checkpoint bit for bit (on a CPU).
"""

import math
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from grisq import checkpoint
from grisq.augment.sampler import check_parts
from grisq.config import Preset, to_dict
from grisq.data.grefcoco import GRefCOCO
from grisq.data.instances import colors_of
from grisq.data.loader import ended_workers_explained
from grisq.data.sample import SampleReader
from grisq.evaluation.evaluator import Evaluator
from grisq.models.layers.synchronized_norm import synchronize_norms
from grisq.runtime.byte_cache import MB
from grisq.runtime.device import peak_memory_mb
from grisq.runtime.distributed import agree, lost_connections_explained
from grisq.runtime.errors import InputError
from grisq.runtime.files import write_json
from grisq.runtime.provenance import provenance
from grisq.training import state
from grisq.training.accelerator import build_accelerator
from grisq.training.history import History, Window
from grisq.training.initial_model import initial_model
from grisq.training.loader import step_batches
from grisq.training.losses import total_loss
from grisq.training.optimizer import build_optimizer, set_learning_rates
from grisq.training.rows import choose_rows

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
    """Train a model on a data set's train split, or resume an unfinished run in the same folder.

    Start several processes with `grisq train --processes` or a launcher; the batch size stays the global one.

    Args:
        preset: every size, rate and step.
        data: the data set.
        run: folder for the checkpoint `last`, history.jsonl, TensorBoard events and run.json; with
            `preset.train.holdout` also for the checkpoint `best`.
        seed: of weights, order, augmentation and dropout.
        fresh: start again, in place of what the folder holds.
        stop_at: finish after this many steps although the schedule runs to `preset.train.steps`; another call
            resumes.
        device: auto, cpu, cuda, cuda:1, mps.
        init: checkpoint whose weights and tokenizer to start from.
        progress: whether to draw a bar.

    Returns:
        The folder of the last checkpoint.

    Raises:
        InputError: if the folder holds a run with other settings or, with `fresh`, no run but other files, if the
            data cannot be used, if the training
            diverges, or if the disk is full; finished checkpoints stay.
    """
    with lost_connections_explained(state.how_to_resume(run, fresh=fresh)), ended_workers_explained():
        trainer = Trainer(
            preset, data, run, seed=seed, fresh=fresh, stop_at=stop_at, device=device, init=init, progress=progress
        )
        return trainer.run()


class Trainer:
    """One training: the model, its optimizer, the data, and what has been reached. `train` explains the arguments.

    Nothing is written before `run`, so input that cannot be used leaves the folder as it is.
    """

    def __init__(
        self,
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
    ):
        self.preset, self.config, self.data, self.folder = preset, preset.train, data, Path(run)
        self.seed, self.fresh, self.progress = seed, fresh, progress
        self.accelerator = build_accelerator(self.config.precision, device)
        parts = (self.accelerator.num_processes, self.config.accumulate)
        check_parts(self.config.batch, *parts, self.config.expressions_per_picture)
        self.rows = choose_rows(data, self.config)
        self.stop = self.config.steps if stop_at is None else min(self.config.steps, stop_at)
        self.about = {"preset": to_dict(preset), "seed": seed, "data": data.content_hash, "init": init and str(init)}
        if fresh:
            agree(lambda: state.refuse_to_delete(self.folder, init and Path(init)))
        self.resumed = None if fresh else state.find_resumable(self.folder, self.about)
        self.step = 0  # finished steps
        self.best = -math.inf  # highest gIoU on the held-out pictures
        self.saved_step: int | None = None  # of the checkpoint `last`
        self.gradient_norm: Tensor | float = math.nan  # of the last step, before clipping
        self._build(self.resumed.path if self.resumed else init)
        if self.resumed:
            self._restore()
        self.about |= {"provenance": provenance()}  # after the comparison with an older run: versions may differ

    def run(self) -> Path:
        """Train until `stop` and return the folder of the last checkpoint."""
        if self.step >= self.stop and not self._evaluation_was_missed():
            return self.folder / "last"
        self._open()
        try:
            if self._evaluation_was_missed():
                self._evaluate()
            while self.step < self.stop:
                self._take_step()
                self._log_if_due()
                self._save_if_due()  # before the evaluation, so that nothing that fails there costs the training
                if self._evaluation_is_due():
                    self._evaluate()
        finally:
            self._close()
        return self.folder / "last"

    def _take_step(self) -> None:
        """Take one optimizer step over all accumulation parts. Dropout draws from (seed, step, process)."""
        key = np.random.SeedSequence([self.seed, self.step, self.accelerator.process_index]).generate_state(1)[0]
        torch.manual_seed(int(key))
        set_learning_rates(self.optimizer, self.step, self.config)
        self.optimizer.zero_grad(set_to_none=True)
        for part in range(self.config.accumulate):
            self._backward(is_last=part == self.config.accumulate - 1)
        if self.config.clip is not None:
            self.gradient_norm = nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        self.optimizer.step()
        self.step += 1
        self.bar.update()

    def _log_if_due(self) -> None:
        """Write a record of the losses since the last one."""
        if self.step % LOG_EVERY and self.step != self.stop:
            return
        values = self.window.close()
        self._refuse_if_not_finite(values["loss"])
        self.bar.set_postfix_str(f"loss {values['loss']:.3f}, {values['samples_per_second']:.0f} samples/s")
        if self.history:
            rate = max(group["lr"] for group in self.optimizer.param_groups)
            norm = float(self.gradient_norm)  # the first time that the CPU waits for it
            self.history.write("train", self.step, **values, learning_rate=rate, gradient_norm=norm)

    def _save_if_due(self) -> None:
        """Write the checkpoint `last`, from which the run can be resumed, also before every evaluation."""
        due = self.step % self.config.checkpoint_every == 0 or self.step == self.stop
        if not due and not self._evaluation_is_due():
            return
        resuming = {"optimizer": self.optimizer.state_dict(), "step": self.step}
        self._save("last", {"peak_mb": round(peak_memory_mb())}, resuming)
        self.saved_step = self.step

    def _evaluate(self) -> None:
        """Evaluate now, write a record of it, and keep the checkpoint `best` if the evaluation may choose it."""
        with self.window.paused():
            result = self._evaluator.run(self.rows.evaluation)
        self.model.train()
        giou = result.metrics["rela"]["gIoU"]
        if self.rows.chooses and giou > self.best:
            self.best = giou
            self._save("best", {checkpoint.HOLDOUT_SCORE: giou})
        if self.history:  # after `best`: an evaluation without a record is repeated when the run is resumed
            self.history.write("eval", self.step, **result.metrics["rela"], **result.accuracy)

    @cached_property
    def _evaluator(self) -> Evaluator:
        """One for the whole training: it measures the same rows every time and keeps their annotated masks."""
        workers = self.config.workers
        reader = replace(self.reader, with_instances=False) if self.reader.with_instances else self.reader
        return Evaluator(
            self.system,
            replace(reader, cache_bytes=0) if workers else reader,  # its workers live for one evaluation
            device=self.accelerator.device,
            precision=self.config.precision,
            batch=max(1, self.config.batch // self.accelerator.num_processes),
            workers=workers,
            rank=self.accelerator.process_index,
            world=self.accelerator.num_processes,
            progress=self.progress,
        )

    def _backward(self, *, is_last: bool) -> None:
        """Compute the gradients of one accumulation part; the processes average theirs at the last one."""
        batch = next(self.batches).to(self.accelerator.device)
        with nullcontext() if is_last else self.accelerator.no_sync(self.model):
            output = self.model(*self.system.inputs(batch))
            losses = total_loss(output, batch, self.config, self.system.extra_losses(output, batch, self.config))
            self.accelerator.backward(losses.total / self.config.accumulate)
            self.window.add(losses)

    def _evaluation_is_due(self) -> bool:
        """Whether this step has the periodic evaluation: every `eval_every` steps and at the end of the schedule."""
        at_the_end = self.step == self.config.steps
        return len(self.rows.evaluation) > 0 and (self.step % self.config.eval_every == 0 or at_the_end)

    def _evaluation_was_missed(self) -> bool:
        """Whether the run was killed between a checkpoint and the evaluation of the same step."""
        here = self.resumed is not None and self.resumed.step == self.step
        return here and not self.resumed.evaluated and self._evaluation_is_due()

    def _save(self, name: str, facts: dict, resuming: dict | None = None) -> None:
        """Write a checkpoint from process 0, unless the training has diverged."""
        self._refuse_if_not_finite(self.window.means().get("loss", 0.0))  # waits for the steps that are under way
        with self.window.paused():
            self._write(name, facts, resuming)

    def _write(self, name: str, facts: dict, resuming: dict | None) -> None:
        if not state.all_finite(self.model, self.optimizer):
            what = "The weights or the optimizer's state are no longer finite"
            raise state.diverged(what, self.step, self.folder, self.saved_step)
        if self.accelerator.is_main_process:
            about = self.about | facts | {"step": self.step}
            checkpoint.save(self.folder / name, self.system, self.reader.tokenizer, about, resuming)
        self.accelerator.wait_for_everyone()

    def _refuse_if_not_finite(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise state.diverged(f"The loss is {loss}", self.step, self.folder, self.saved_step)

    def _build(self, start: Path | None) -> None:
        """Make model, optimizer and reader. `start`: a checkpoint that gives weights and tokenizer."""
        config, accelerator = self.preset.model, self.accelerator
        texts = self.data.expressions["text"].take(self.rows.train).to_pylist()
        model, tokenizer = initial_model(config, texts, self.seed, start, accelerator.print)
        if accelerator.num_processes > 1 and accelerator.device.type == "cuda":
            model = synchronize_norms(model)
        model.to(accelerator.device)
        self.model, self.optimizer = accelerator.prepare(model, build_optimizer(model, self.config))
        self.system = accelerator.unwrap_model(self.model)  # has all methods; the wrapper has forward alone
        self._check_system()
        self.parameters = list(self.model.parameters())
        cache = self.config.cache_mb * MB // max(1, self.config.workers)  # of each process that reads
        self.reader = SampleReader(
            self.data, tokenizer, config.image_size, config.text.max_tokens, cache, self.system.learns_from_instances
        )

    def _check_system(self) -> None:
        """Raise InputError if the system cannot learn from this data in parts of this size."""
        if self.system.learns_from_instances:
            self.system.check_labels(len(self.data.categories), len(colors_of(self.data)))
        apart = 1 if self.accelerator.device.type == "cuda" else self.accelerator.num_processes  # GPUs share norms
        together = self.config.batch // (apart * self.config.accumulate)
        if together < self.system.least_samples:
            raise InputError(
                f"{type(self.system).__name__} learns from parts of at least {self.system.least_samples} samples, and "
                f"these have {together}: lower train.accumulate or raise train.batch."
            )

    def _restore(self) -> None:
        """Restore the optimizer and the counters of the checkpoint whose weights `_build` has loaded."""
        stored = state.read_state(self.resumed.path)
        self.optimizer.load_state_dict(stored["optimizer"])
        self.step = self.saved_step = stored["step"]
        self.best = self.resumed.best

    def _open(self) -> None:
        """Write run.json for a new run, and open everything that the loop writes to or reads from."""
        main = self.accelerator.is_main_process
        if main and not self.resumed:
            if self.fresh:
                state.delete_run(self.folder)
            write_json(self.folder / state.RUN, self.about)
        if not self.rows.chooses and "val" not in self.data.splits:
            self.accelerator.print(f"{self.data.root} has no val split: training goes without periodic evaluation.")
        self.history = History(self.folder, self.step) if main else None
        mean = partial(self.accelerator.reduce, reduction="mean")
        self.window = Window(self.config.batch, self.config.accumulate, mean)
        self.batches = step_batches(
            self.preset, self.reader, self.rows, self.accelerator, seed=self.seed, start=self.step, stop=self.stop
        )
        hidden = not (self.progress and main)
        self.bar = tqdm(total=self.stop, initial=self.step, unit="step", desc=self.folder.name, disable=hidden)
        self.model.train()

    def _close(self) -> None:
        self.bar.close()
        if self.history:
            self.history.close()
