"""What a training run is made of, and how it goes on: its state, kept in checkpoints that are whole or absent."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator

from grisq import checkpoint
from grisq.config import Preset, flat, from_dict, to_dict
from grisq.data.sample import SampleReader
from grisq.models.base import System
from grisq.runtime.errors import InputError
from grisq.runtime.files import finished_folder, read_json

RUN = "run.json"  # what was asked for, written when a run starts


@dataclass
class RunState:
    """Everything the loop works on."""

    accelerator: Accelerator
    model: System
    optimizer: torch.optim.Optimizer
    reader: SampleReader
    progress: bool  # whether to draw bars
    step: int = 0  # finished steps
    best: float = -math.inf  # highest gIoU of the periodic evaluations


def find_resumable(run: Path, about: dict) -> Path | None:
    """The last checkpoint of a run with the same settings, None if there is no run yet.

    Errors: InputError if the folder's run was asked for with something else.
    """
    if not (run / RUN).is_file():
        return None
    before = read_json(run / RUN)
    if "preset" in before:  # a field younger than the run had its default's meaning
        before["preset"] = to_dict(from_dict(Preset, before["preset"], f"{run / RUN}: preset"))
    wanted = flat(about)
    for name, value in flat({key: before.get(key) for key in about}).items():
        if wanted.get(name) != value:
            raise InputError(
                f"{run} holds a run with {name} = {value}, not {wanted.get(name)}: choose another folder for this "
                "run, or start it afresh."
            )
    last = finished_folder(run / "last")
    return last if last and (last / checkpoint.STATE).is_file() else None


def save(state: RunState, folder: Path, about: dict, *, with_state: bool) -> None:
    """Write a checkpoint from the main process. `with_state`: with what going on needs."""
    accelerator = state.accelerator
    if accelerator.is_main_process:
        extra = {"optimizer": state.optimizer.state_dict(), "step": state.step, "best": state.best}
        checkpoint.save(
            folder,
            accelerator.unwrap_model(state.model),
            state.reader.tokenizer,
            about | {"step": state.step},
            extra if with_state else None,
        )
    accelerator.wait_for_everyone()


def restore(state: RunState, folder: Path) -> None:
    """Optimizer and counters of a checkpoint whose weights are already loaded."""
    path = folder / checkpoint.STATE
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)  # the optimizer moves it to its weights
    except Exception as error:  # torch raises several kinds for a broken file
        raise InputError(f"{path} cannot be read ({error}): start this run afresh.") from None
    state.optimizer.load_state_dict(stored["optimizer"])
    state.step, state.best = stored["step"], stored["best"]
