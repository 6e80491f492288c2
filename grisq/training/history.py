"""The record of a training run: JSON lines for figures, TensorBoard events for watching it."""

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from grisq.runtime.files import clear_disk_errors
from grisq.training.losses import Losses


class Window:
    """Losses and time since the last record; sums stay on the device until they are asked for.

    A step's loss is the mean over its parts: the accumulation parts that are added here, and those of the other
    processes.
    """

    def __init__(self, batch: int, parts: int = 1, mean: Callable[[Tensor], Tensor] = lambda tensor: tensor):
        """Start a window.

        Args:
            batch: samples of a step, over all processes.
            parts: accumulation parts of a step.
            mean: averages a tensor over the processes (accelerate's reduce).
        """
        self.batch, self.parts, self.mean = batch, parts, mean
        self._reset()

    def add(self, losses: Losses) -> None:
        """Add the losses of one accumulation part."""
        terms = losses.named()
        self.names = tuple(terms)
        values = torch.stack([value.detach() for value in terms.values()])
        self.total = values if self.total is None else self.total + values
        self.added += 1

    def means(self) -> dict[str, float]:
        """Return the mean of every term so far, "loss" for the total; empty if nothing was added.

        All processes call it, since it averages over them.
        """
        if self.total is None:
            return {}
        means = dict(zip(self.names, self.mean(self.total / self.added).tolist()))
        return {"loss": means.pop("total")} | means

    def close(self) -> dict[str, float]:
        """Return the means and the samples a second, and start again; all processes call it."""
        means = self.means()
        speed = self.added / self.parts * self.batch / (time.perf_counter() - self.start)
        self._reset()
        return means | {"samples_per_second": speed}

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave out of the window's time what is no training: writing a checkpoint, evaluating."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.start += time.perf_counter() - began

    def _reset(self) -> None:
        self.total, self.added, self.start = None, 0, time.perf_counter()


class History:
    """Appends records {"kind": "train" | "eval", "step": n, ...} to history.jsonl and to TensorBoard.

    `step` counts finished steps. Opening at a step drops what a killed run wrote after its last checkpoint.
    """

    def __init__(self, folder: Path, step: int = 0):
        self.path = folder / "history.jsonl"
        kept = [record for record in read_history(folder) if record["step"] <= step]
        partial = self.path.with_suffix(".partial")
        with clear_disk_errors(self.path):
            partial.write_text("".join(json.dumps(record) + "\n" for record in kept), encoding="utf-8")
            os.replace(partial, self.path)
        self._events = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1 if step else None)

    def write(self, phase: str, step: int, **values) -> None:
        """Add one record; numbers also become TensorBoard scalars named phase/name.

        Args:
            phase: "train" or "eval", the record's "kind".
            step: finished steps.
            values: the record's columns.
        """
        with clear_disk_errors(self.path), self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"kind": phase, "step": step, **values}) + "\n")
        for name, value in values.items():
            if isinstance(value, int | float):
                self._events.add_scalar(f"{phase}/{name}", value, step)

    def close(self) -> None:
        """Write the TensorBoard events that are still in memory."""
        self._events.close()


def read_history(run: Path, phase: str | None = None) -> list[dict]:
    """Read all records of a run, or those of "train" or "eval"; a line that a kill cut short is left out."""
    path = run / "history.jsonl"
    if not path.is_file():
        return []
    records = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return [record for record in records if phase is None or record["kind"] == phase]


def history_columns(run: Path, thin: int = 4) -> dict[str, dict[str, list[float | None]]]:
    """Return {"train": {column: values}, "eval": {column: values}} of a run, for curves and for keeping.

    Of the records of losses one in `thin` is taken, and the last. Numbers have six digits; None is what is not finite.
    """
    train = read_history(run, "train")
    kept = [record for number, record in enumerate(train, 1) if number % thin == 0 or number == len(train)]
    return {"train": _transposed(kept), "eval": _transposed(read_history(run, "eval"))}


def _transposed(records: list[dict]) -> dict[str, list[float | None]]:
    names = [name for name in (records[0] if records else {}) if name != "kind"]
    return {name: [_rounded(record[name]) for record in records] for name in names}


def _rounded(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
