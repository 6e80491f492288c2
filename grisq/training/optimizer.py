"""AdamW, its parameter groups and the polynomial schedule (Sec. 4.2)."""

import torch

from grisq.config import TrainConfig
from grisq.models.base import System, decays


def parameter_groups(model: System, config: TrainConfig) -> list[dict]:
    """Groups by backbone (`System.backbones`) or not, by learning rate, and by weight decay or none.

    Norms, biases and position tables do not decay. A backbone has the lower rate where it starts from pretrained
    weights. Each group holds its `base_lr` for the schedule.
    """
    prefixes = tuple(model.backbones)
    pretrained = tuple(prefix for prefix, weights in model.backbones.items() if weights)
    groups: dict[tuple[bool, float, bool], dict] = {}
    for name, parameter in model.named_parameters():
        backbone = name.startswith(prefixes)
        base_lr = config.lr_backbone if name.startswith(pretrained) else config.lr
        decayed = decays(name, parameter)
        group = groups.setdefault(
            (backbone, base_lr, decayed),
            {
                "name": f"{'backbone' if backbone else 'new'}{'' if decayed else ', no decay'}",
                "params": [],
                "base_lr": base_lr,
                "weight_decay": config.weight_decay if decayed else 0.0,
            },
        )
        group["params"].append(parameter)
    for group in groups.values():
        group["lr"] = group["base_lr"]
    return list(groups.values())


def build_optimizer(model: System, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW over `parameter_groups` (Loshchilov and Hutter 2019)."""
    return torch.optim.AdamW(parameter_groups(model, config), fused=True)


def learning_rate_factor(step: int, config: TrainConfig) -> float:
    """(1 - step / steps)^0.9 (Sec. 4.2), after a linear warm-up where the preset has one. Steps count from 0."""
    factor = (1 - step / config.steps) ** config.poly_power
    if step < config.warmup:
        factor *= (step + 1) / config.warmup
    return factor


def set_learning_rates(optimizer: torch.optim.Optimizer, step: int, config: TrainConfig) -> float:
    """Set the learning rate of every group.

    Args:
        optimizer: with a `base_lr` in each group.
        step: finished steps.
        config: the schedule.

    Returns:
        The factor of the schedule at this step.
    """
    factor = learning_rate_factor(step, config)
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
    return factor
