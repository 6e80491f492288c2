"""Small constant tensors, copied to each device once.

A tensor that is made from Python numbers is copied from pageable memory, and before such a copy the CPU waits until a
GPU has finished everything in its queue. A few of them in every step keep the CPU from ever running ahead.
"""

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Protocol, Self, TypeVar

import torch
from torch import Tensor


class Movable(Protocol):
    """A tensor, or anything that holds some: what can be copied to a device."""

    def to(self, device: torch.device) -> Self: ...


Made = TypeVar("Made", bound=Movable)


def once_per_device(make: Callable[..., Made]) -> Callable[..., Made]:
    """Decorate a function that makes a constant on the CPU, so that each device gets one copy of each.

    Its arguments must be hashable; the decorated function also takes `device=`. Nobody may write to what it returns.
    While a model is exported, compiled or run on fake tensors, the constant is made anew: it belongs to that run.
    """
    kept: dict[Hashable, Made] = {}

    @wraps(make)
    def get(*key: Hashable, device: torch.device) -> Made:
        if _is_traced():
            return make(*key).to(device)
        if (key, device) not in kept:
            with torch.inference_mode(False):  # autograd refuses tensors that were made in inference mode
                kept[key, device] = make(*key).to(device)
        return kept[key, device]

    return get


def _is_traced() -> bool:
    """Whether tensors are stand-ins now: new ones are of another class then."""
    return torch.compiler.is_compiling() or type(torch.empty(0, device="cpu")) is not Tensor


@once_per_device
def constant(values: float | tuple, dtype: torch.dtype = torch.float32) -> Tensor:
    """A tensor of these numbers, nested tuples for several dimensions. Call it with `device=`, too."""
    return torch.tensor(values, dtype=dtype, device="cpu")
