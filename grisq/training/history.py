"""What a training run tells while it runs: JSON lines for figures, TensorBoard events for watching."""

import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from grisq.runtime.files import clear_disk_errors
from grisq.training.losses import Losses


class Window:
    """Losses and time since the last record; sums stay on the device until it is closed.

    A step's loss is the mean over its parts: the accumulation parts that are added here, and those of the other
    processes, over which `mean` averages (accelerate's reduce).
    """

    def __init__(self, batch: int, parts: int = 1, mean: Callable[[Tensor], Tensor] = lambda tensor: tensor):
        self.batch, self.parts, self.mean = batch, parts, mean
        self._reset()

    def add(self, losses: Losses) -> None:
        terms = losses.named()
        self.names = tuple(terms)
        values = torch.stack([value.detach() for value in terms.values()])
        self.total = values if self.total is None else self.total + values
        self.added += 1

    def close(self) -> dict[str, float]:
        means = dict(zip(self.names, self.mean(self.total / self.added).tolist()))
        speed = self.added / self.parts * self.batch / (time.perf_counter() - self.start)
        self._reset()
        return {"loss": means.pop("total")} | means | {"samples_per_second": speed}

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
        partial.write_text("".join(json.dumps(record) + "\n" for record in kept), encoding="utf-8")
        os.replace(partial, self.path)
        self._events = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1 if step else None)

    def write(self, kind: str, step: int, **values) -> None:
        """Add one record; numbers also become TensorBoard scalars named kind/name."""
        with clear_disk_errors(self.path), self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"kind": kind, "step": step, **values}) + "\n")
        for name, value in values.items():
            if isinstance(value, int | float):
                self._events.add_scalar(f"{kind}/{name}", value, step)

    def close(self) -> None:
        self._events.close()


def read_history(run: Path, kind: str | None = None) -> list[dict]:
    """All records of a run, or those of one kind; a line that a kill cut short is left out."""
    path = run / "history.jsonl"
    if not path.is_file():
        return []
    records = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return [record for record in records if kind is None or record["kind"] == kind]


def history_columns(run: Path, thin: int = 4) -> dict[str, dict[str, list[float | None]]]:
    """{"train": {column: values}, "eval": {column: values}} of a run, for curves and for keeping.

    Of the records of losses one in `thin` is taken, and the last; numbers have six digits, None is what is not finite.
    """
    train = read_history(run, "train")
    kept = [record for number, record in enumerate(train, 1) if number % thin == 0 or number == len(train)]
    return {"train": _transposed(kept), "eval": _transposed(read_history(run, "eval"))}


def _transposed(records: list[dict]) -> dict[str, list[float | None]]:
    names = [name for name in (records[0] if records else {}) if name != "kind"]
    return {name: [_rounded(record[name]) for record in records] for name in names}


def _rounded(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
