"""The systems of Table 1 by name, and a system from its configuration."""

import torch

from grisq.config import ModelConfig
from grisq.config.consistency import check_sizes
from grisq.models.base import System
from grisq.models.cris import CRIS
from grisq.models.grisq import GRISQ
from grisq.models.gsva import GSVA
from grisq.models.lavt import LAVT
from grisq.models.lisa import LISA
from grisq.models.lts import LTS
from grisq.models.mattnet import MAttNet
from grisq.models.rela import ReLA
from grisq.models.vlt import VLT

SYSTEMS: dict[str, type[System]] = {
    "cris": CRIS,
    "grisq": GRISQ,
    "gsva": GSVA,
    "lavt": LAVT,
    "lisa": LISA,
    "lts": LTS,
    "mattnet": MAttNet,
    "rela": ReLA,
    "vlt": VLT,
}


def build_model(config: ModelConfig) -> System:
    """The system that `config.system` names, with random weights. Raises InputError for settings that do not fit."""
    check_sizes(config)
    return SYSTEMS[config.system](config)


def build_on_meta(config: ModelConfig) -> System:
    """The structure of a system without memory for its weights, to count parameters or check shapes at full size."""
    with torch.device("meta"):
        return build_model(config)
