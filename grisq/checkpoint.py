"""A trained model as a folder: weights (safetensors), configuration (JSON), tokenizer. Whole or absent."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from grisq.config import ModelConfig, from_dict, to_dict
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.models.base import System
from grisq.models.registry import build_model
from grisq.runtime.errors import InputError
from grisq.runtime.files import atomic_folder, finished_folder, read_json, write_json

WEIGHTS, CONFIG, STATE = "model.safetensors", "config.json", "training.pt"


@dataclass
class Checkpoint:
    """A model ready to use and what is known about it (`about`: preset, step, seed, data hash, metrics...)."""

    model: System
    tokenizer: ExpressionTokenizer
    about: dict


def save(folder: Path, model: System, tokenizer: ExpressionTokenizer, about: dict, state: dict | None = None) -> None:
    """Write a checkpoint, replacing an older one only when it is complete. `state`: what resuming needs."""
    with atomic_folder(folder, replace=True) as partial:
        write(partial, model, tokenizer, about)
        if state is not None:
            torch.save(state, partial / STATE)


def write(
    folder: Path,
    model: System,
    tokenizer: ExpressionTokenizer,
    about: dict,
    *,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write weights, tokenizer and configuration into a folder that is there.

    dtype: of the stored floating-point weights; `load` makes float32 of them again.
    """
    save_file(_own_tensors(model, dtype), folder / WEIGHTS)
    tokenizer.save(folder)
    write_json(folder / CONFIG, {"model": to_dict(model.config), "about": about})


def find(folder: str | Path) -> Path:
    """The checkpoint meant by a path: itself, or the best, else the last one of a training run's folder.

    Errors: InputError if there is none.
    """
    folder = Path(folder)
    for candidate in (folder, folder / "best", folder / "last"):
        path = finished_folder(candidate)
        if path is not None and (path / WEIGHTS).is_file():
            return path
    raise InputError(f"{folder} holds no checkpoint ({WEIGHTS}): give the folder of a training run or a checkpoint.")


def load(folder: str | Path, device: torch.device | str = "cpu") -> Checkpoint:
    """Read a checkpoint; the model is in evaluation mode.

    Errors: InputError if a file is missing or broken, or the weights belong to another configuration.
    """
    folder = find(folder)
    stored = read_json(folder / CONFIG)
    model = build_model(from_dict(ModelConfig, stored["model"], f"{folder / CONFIG}: model"))
    load_weights(model, folder / WEIGHTS)
    return Checkpoint(model.to(device).eval(), ExpressionTokenizer.load(folder), stored["about"])


def load_weights(model: System, path: Path) -> None:
    """Fill the model from a safetensors file, every tensor of the right name and shape.

    Errors: InputError naming the first tensor that does not fit.
    """
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be read ({error}): copy the checkpoint again.") from None
    expected = model.state_dict()
    for name in sorted(expected.keys() | weights.keys()):
        wanted, found = (tuple(t[name].shape) if name in t else None for t in (expected, weights))
        if wanted != found:
            raise InputError(
                f"{path} belongs to another configuration: {name} should be {wanted} and is {found}; "
                f"use the {CONFIG} that was saved with it."
            )
    model.load_state_dict(weights)


def _own_tensors(model: System, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    return {
        name: tensor.detach().cpu().to(dtype if tensor.is_floating_point() else tensor.dtype).contiguous()
        for name, tensor in model.state_dict().items()
    }
