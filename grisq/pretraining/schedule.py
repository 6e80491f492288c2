"""The loop, the optimizer, the schedule and the resumable state that all pretrainings share."""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from grisq.models.base import decays
from grisq.runtime.files import atomic_file

_CLIP = 1.0


@dataclass(frozen=True)
class PretrainConfig:
    """Length and rates of a pretraining."""

    steps: int
    batch: int
    lr: float
    weight_decay: float
    warmup: int = 100
    save_every: int = 500
    workers: int = field(default=0, repr=False)  # processes that read; they change nothing that is learned
    seed: int = 0

    def resume(self, state: Path, key: str, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
        """Load a state that was saved under the same key, if there is one; return the number of finished steps."""
        if not state.is_file():
            return 0
        stored = torch.load(state, map_location="cpu", weights_only=True)
        if stored.get("key") != key:
            return 0
        model.load_state_dict(stored["model"])
        optimizer.load_state_dict(stored["optimizer"])
        return stored["step"]

    def save_if_due(self, state: Path, key: str, step: int, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Write the state every `save_every` steps and at the end. Raises InputError if the disk is full."""
        if step % self.save_every and step != self.steps:
            return
        stored = {"key": key, "step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
        state.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(state) as path:
            torch.save(stored, path)


def train(
    model: nn.Module,
    schedule: PretrainConfig,
    state: Path,
    key: str,
    losses: Callable[[int], Iterable[Tensor]],
    *,
    what: str,
    progress: bool,
) -> None:
    """Take all steps of a schedule, or those that a stopped training of the same key left.

    Args:
        model: to train, on its device.
        schedule: length and rates.
        state: file from which a stopped training resumes.
        key: of what the state rests on, see `key_of`.
        losses: from the number of finished steps to the losses of the others, each computed when it is asked for.
        what: it learns, in front of the bar.
        progress: whether to draw a bar.
    """
    optimizer = new_optimizer(model, schedule)
    done = schedule.resume(state, key, model, optimizer)
    with tqdm(total=schedule.steps, initial=done, unit="step", desc=what, disable=not progress) as bar:
        for step, loss in enumerate(losses(done), done):
            cosine_rates(optimizer, step, schedule)
            gradient_step(model, optimizer, loss)
            bar.update()
            if step % 50 == 0:
                bar.set_postfix_str(f"loss {loss.item():.3f}")
            schedule.save_if_due(state, key, step + 1, model, optimizer)


def key_of(*parts: object) -> str:
    """Hash what a state rests on besides the code: schedule, sizes, data. Their text forms must tell them apart."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def hash_of(weights: Mapping[str, Tensor]) -> str:
    """Hash of weights by name, for a state that rests on them."""
    found = hashlib.sha256()
    for name in sorted(weights):
        found.update(name.encode() + weights[name].detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def new_optimizer(model: nn.Module, config: PretrainConfig) -> torch.optim.AdamW:
    """AdamW; norms, biases and position tables do not decay."""
    parameters = {True: [], False: []}
    for name, parameter in model.named_parameters():
        parameters[decays(name, parameter)].append(parameter)
    groups = [
        {"params": those, "weight_decay": config.weight_decay if decay else 0.0} for decay, those in parameters.items()
    ]
    return torch.optim.AdamW(groups, lr=config.lr, fused=True)


def cosine_rates(optimizer: torch.optim.Optimizer, step: int, config: PretrainConfig) -> None:
    """Cosine decay over all steps, multiplied by a linear warm-up; zero would be reached after the last step."""
    factor = min(1.0, (step + 1) / config.warmup) * 0.5 * (1 + math.cos(math.pi * step / config.steps))
    for group in optimizer.param_groups:
        group["lr"] = config.lr * factor


def gradient_step(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Backward, clip, step."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
    optimizer.step()
