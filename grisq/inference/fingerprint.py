"""What the answers in a folder were made with, so that one folder never mixes those of two models or settings."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from grisq.config import to_dict
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.models.base import System
from grisq.runtime.errors import InputError
from grisq.runtime.files import clear_disk_errors, read_json, write_json
from grisq.runtime.shard import WHOLE, Shard

SETTINGS = "settings.json"


def fingerprint(model: System, tokenizer: ExpressionTokenizer) -> str:
    """SHA-256 of weights, configuration and tokenizer: the same for a copy, another one after more training."""
    digest = hashlib.sha256(tokenizer.to_json().encode())
    digest.update(json.dumps(to_dict(model.config), sort_keys=True).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def keep_settings(settings: Mapping[str, Any], out: Path, shard: Shard = WHOLE) -> Path:
    """Store what the answers in a folder depend on; the folder is made if it is missing.

    Args:
        settings: names and values, as JSON holds them.
        out: the folder, whose answers are in predictions*.jsonl and their settings in settings*.json.
        shard: the part that is answered; each of several processes that fill one folder has its own files.

    Returns:
        The file for the answers.

    Raises:
        InputError: if there are answers that depend on something else, or the disk is full.
    """
    with clear_disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    own, answers = out / shard.name("settings", "json"), out / shard.name("predictions", "jsonl")
    answered = answers.is_file() and answers.stat().st_size > 0
    if answered and not own.is_file():
        raise InputError(
            f"{answers} holds answers without {own.name}, so nobody knows of which model: choose another folder."
        )
    if not answered:  # written before the others are looked at: of two that start at once, one sees the other
        write_json(own, dict(settings))
    for path in sorted(out.glob("settings*.json")):
        found = read_json(path)
        differ = [key for key, value in settings.items() if not isinstance(found, dict) or found.get(key) != value]
        if differ:
            if not answered:  # the folder stays as it was found
                own.unlink()
            raise InputError(
                f"{out} holds answers with other settings ({', '.join(differ)}; see {path.name}): choose another "
                "folder, or the same settings."
            )
    return answers
