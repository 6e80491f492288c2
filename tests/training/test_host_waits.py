"""A step makes the CPU wait for nothing: no constant is copied to the device again, no value of a tensor is read."""

from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from grisq.config import TrainConfig
from grisq.data.sample import collate
from grisq.models.registry import build_model
from grisq.training.losses import total_loss

WAITS = {  # operations for which the CPU waits for a GPU, or which wait for a copy of numbers that Python holds
    *("aten::lift_fresh", "aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal", "aten::nonzero"),
    *("aten::masked_select", "aten::_unique2", "aten::repeat_interleave.Tensor"),
}


class FoundWaits(TorchDispatchMode):
    """Collect the operations that make the CPU wait; indexing by booleans is one, as it asks how many are true."""

    def __init__(self):
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func._schema.name
        by_booleans = name in ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_") and any(
            index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1]
        )
        if by_booleans or name in WAITS or f"{name}.{func._schema.overload_name}" in WAITS:
            self.names.append(name)
        return func(*args, **(kwargs or {}))


def test_what_waits_is_found():
    x = torch.arange(3.0)
    with FoundWaits() as found:
        torch.tensor([1.0, 2.0])
        x.new_tensor([1.0])
        bool((x > 1).all())
        x[x > 1]
        torch.arange(3).repeat_interleave(torch.tensor([1, 2, 3]))
        x[1:].sum()
        x.repeat_interleave(2)
    assert len(found.names) == 6


@pytest.mark.parametrize("padded", [False, True], ids=["plain", "padded"])
@pytest.mark.parametrize("changes", [{}, {"system": "lavt"}, {"system": "rela"}], ids=["grisq", "lavt", "rela"])
def test_a_step_waits_for_nothing(reader, model_config, changes, padded):
    model = build_model(replace(model_config, **changes)).train()
    samples = [reader.read(row) for row in range(3)]
    for sample in samples:
        sample.valid[:] = True
        sample.valid[40:] = not padded
    batch, config = collate(samples), TrainConfig()
    assert batch.padded == padded

    def step() -> None:
        output = model(*model.inputs(batch))
        total_loss(output, batch, config, model.extra_losses(output, batch, config)).total.backward()

    step()  # makes the constants
    with FoundWaits() as found:
        step()
    assert not found.names
