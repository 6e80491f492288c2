"""A trained model as a folder, written atomically: weights (safetensors), configuration (JSON), tokenizer."""

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
HOLDOUT_SCORE = "holdout_gIoU"  # in what is known about a `best` checkpoint: the score that chose it


@dataclass
class Checkpoint:
    """A model ready to use and what is known about it."""

    model: System  # in evaluation mode
    tokenizer: ExpressionTokenizer
    about: dict  # preset, seed, step, SHA-256 of the data's annotations, provenance, ...


def save(folder: Path, model: System, tokenizer: ExpressionTokenizer, about: dict, state: dict | None = None) -> None:
    """Write a checkpoint, replacing an older one only when it is complete.

    Args:
        folder: of the checkpoint.
        model: whose weights and configuration are stored.
        tokenizer: of the model's expressions.
        about: what is known about the model, ready for JSON.
        state: what resuming needs in addition, or None.

    Raises:
        InputError: if the disk is full; the older checkpoint stays.
    """
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
    """Write weights, tokenizer and configuration into an existing folder.

    Args:
        folder: where to write; not atomic, as `save` is.
        model: whose weights and configuration are stored.
        tokenizer: of the model's expressions.
        about: what is known about the model, ready for JSON.
        dtype: of the stored floating-point weights; `load` makes float32 of them again.
    """
    save_file(_own_tensors(model, dtype), folder / WEIGHTS)
    tokenizer.save(folder)
    write_json(folder / CONFIG, {"model": to_dict(model.config), "about": about})


def find(folder: str | Path) -> Path:
    """Return the checkpoint meant by a path: the folder itself, or the last checkpoint of a training run's folder.

    A run's `best` is used only where it is named.
    Raises: InputError if there is none.
    """
    folder = Path(folder)
    for candidate in (folder, folder / "last"):
        path = finished_folder(candidate)
        if path is not None and (path / WEIGHTS).is_file():
            return path
    advice = "give the folder of a training run or a checkpoint"
    if (folder / "best" / WEIGHTS).is_file():
        advice = f"it has no last checkpoint, only {folder / 'best'}; give that folder to use it"
    raise InputError(f"{folder} holds no checkpoint ({WEIGHTS}): {advice}.")


def load(folder: str | Path, device: torch.device | str = "cpu") -> Checkpoint:
    """Read a checkpoint, or the last one of a training run; the model is in evaluation mode.

    Raises: InputError if a file is missing or broken, or the weights belong to another configuration.
    """
    folder = find(folder)
    stored = _read_config(folder)
    model = build_model(from_dict(ModelConfig, stored["model"], f"{folder / CONFIG}: model"))
    load_weights(model, folder / WEIGHTS)
    return Checkpoint(model.to(device).eval(), ExpressionTokenizer.load(folder), stored["about"])


def read_about(folder: Path) -> dict:
    """Read what is known about a checkpoint, without its weights.

    Raises: InputError if the configuration is missing or broken.
    """
    return _read_config(folder)["about"]


def load_weights(model: System, path: Path) -> None:
    """Fill the model from a safetensors file, every tensor of the right name and shape.

    Raises: InputError naming the first tensor that does not fit.
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


def _read_config(folder: Path) -> dict:
    """A checkpoint's {"model": configuration, "about": facts}."""
    stored = read_json(folder / CONFIG)
    if not isinstance(stored, dict) or not all(isinstance(stored.get(name), dict) for name in ("model", "about")):
        raise InputError(
            f"{folder / CONFIG} was not written by grisq (it needs the fields model and about): give the folder of a "
            "training run or a checkpoint."
        )
    return stored


def _own_tensors(model: System, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """The model's tensors on the CPU, none sharing memory with another, floating-point ones as `dtype`."""
    return {
        name: tensor.detach().cpu().to(dtype if tensor.is_floating_point() else tensor.dtype).contiguous()
        for name, tensor in model.state_dict().items()
    }
