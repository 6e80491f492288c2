"""A system from its configuration: ours, or one of the baselines of Table 1."""

import torch

from grisq.config import ModelConfig
from grisq.models.base import System
from grisq.models.grisq import GRISQ
from grisq.models.lavt import LAVT
from grisq.models.rela import ReLA

SYSTEMS: dict[str, type[System]] = {"grisq": GRISQ, "lavt": LAVT, "rela": ReLA}


def build_model(config: ModelConfig) -> System:
    """The system that `config.system` names, with random weights. Errors: InputError for switches that do not fit."""
    return SYSTEMS[config.system](config)


def build_on_meta(config: ModelConfig) -> System:
    """Its structure without memory or weights, for counting and for shapes at `paper` size."""
    with torch.device("meta"):
        return build_model(config)
