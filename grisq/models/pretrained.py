"""Pretrained weights for the two backbones: Swin from timm, BERT from transformers (Sec. 4.2)."""

from pathlib import Path

import timm
import torch
from timm.models import load_state_dict
from timm.models.swin_transformer import checkpoint_filter_fn
from transformers import BertModel

from grisq.config import ModelConfig
from grisq.models.base import System
from grisq.models.layers.swin import build_swin
from grisq.models.packaged_weights import local_copy
from grisq.runtime.errors import InputError


def load_pretrained(model: System, config: ModelConfig) -> list[str]:
    """Fill Swin and BERT with the weights that `config.swin.pretrained` and `config.text.pretrained` name.

    Each is a local path (Swin: a safetensors or torch file; BERT: a folder) or a hub name, or None for random
    weights. Returns one line per backbone that says what was loaded.
    Errors: InputError if weights cannot be had or do not fit.
    """
    said = []
    if config.swin.pretrained:
        _load_swin(model, config)
        said.append(f"Swin: weights of {config.swin.pretrained}")
    if config.text.pretrained:
        _load_bert(model, config)
        said.append(f"BERT: weights of {config.text.pretrained}")
    return said


def _load_swin(model: System, config: ModelConfig) -> None:
    name = config.swin.pretrained
    trunk = build_swin(config.swin, config.image_size)
    try:
        if Path(name).exists():
            weights = load_state_dict(name)
        else:
            weights = timm.create_model(name, pretrained=True).state_dict()
        weights = checkpoint_filter_fn(weights, trunk)
        missing, _ = trunk.load_state_dict(weights, strict=False)
    except Exception as error:  # hub, network, file and shape errors of three libraries
        raise _unavailable("Swin", "model.swin.pretrained", name, error) from None
    if missing:
        raise InputError(f"The Swin weights {name} lack {missing[0]}: they belong to another architecture.")
    model.multimodal_encoder.patch_embed.load_state_dict(trunk.patch_embed.state_dict())
    model.multimodal_encoder.stages.load_state_dict(trunk.layers.state_dict())


def _load_bert(model: System, config: ModelConfig) -> None:
    name = local_copy(config.text.pretrained)
    try:
        bert = BertModel.from_pretrained(name, add_pooling_layer=False)
        with torch.no_grad():
            model.text_encoder.bert.load_state_dict(bert.state_dict())
    except Exception as error:
        raise _unavailable("BERT", "model.text.pretrained", name, error) from None


def _unavailable(kind: str, setting: str, name: str, error: Exception) -> InputError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return InputError(
        f"The {kind} weights {name!r} cannot be loaded ({reason}): give a local copy with {setting}=PATH, "
        f"or {setting}=none to start from random weights."
    )
