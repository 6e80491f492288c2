"""Every row of Table 2 on the GPU against the CPU, in values and gradients."""

import copy
import warnings
from pathlib import Path

import pytest
import torch

NAMES = ("ours", "ours-quarter", "query", "baseline", "lavt", "rela")


def test_the_names_are_those_of_the_rows():
    import parity

    assert tuple(parity.ROWS) == NAMES


@pytest.mark.parametrize("padded", [False, True], ids=["plain", "padded"])
@pytest.mark.parametrize("row", NAMES)
def test_the_device_agrees_with_the_cpu(row, padded, device):
    import parity

    model, batch = parity.small_model(row), parity.small_batch(padded)
    logits, gradient = parity.outcome(copy.deepcopy(model), batch, "cpu")
    there, there_gradient = parity.outcome(model, batch, device)
    assert parity.distance(there, logits) < 1e-4
    assert parity.distance(there_gradient, gradient) < 5e-3


@pytest.mark.parametrize("row", NAMES)
def test_bfloat16_is_near(row, device):
    import parity

    model, batch = parity.small_model(row), parity.small_batch(True)
    logits, gradient = parity.outcome(copy.deepcopy(model), batch, "cpu")
    there, there_gradient = parity.outcome(model, batch, device, bf16=True)
    assert torch.isfinite(there_gradient).all()
    assert parity.distance(there, logits) < 0.1
    assert parity.distance(there_gradient, gradient) < 0.5


@pytest.mark.cuda
@pytest.mark.parametrize("padded", [False, True], ids=["plain", "padded"])
@pytest.mark.parametrize("row", NAMES)
def test_a_step_never_waits_for_the_gpu(row, padded):
    import parity
    import workload

    model, batch = parity.small_model(row).cuda(), parity.small_batch(padded).to("cuda")
    workload.forward_and_loss(model, batch)[1].backward()  # makes the constants
    torch.cuda.set_sync_debug_mode("warn")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        workload.forward_and_loss(model, batch)[1].backward()
    torch.cuda.set_sync_debug_mode("default")
    waits = [w for w in caught if "synchroniz" in str(w.message)]
    assert not waits, "; ".join(sorted({f"{Path(w.filename).name}:{w.lineno}" for w in waits}))


@pytest.mark.cuda
def test_distributed_training_uses_every_parameter(unused_tcp_port_number):
    import parity
    import torch.distributed as dist
    from torch.nn.parallel import DistributedDataParallel

    dist.init_process_group("nccl", init_method=f"tcp://127.0.0.1:{unused_tcp_port_number}", rank=0, world_size=1)
    try:
        for row in NAMES:
            model = DistributedDataParallel(parity.small_model(row).cuda(), device_ids=[0])
            for _ in range(3):  # DDP raises if a parameter of the step before had no gradient
                parity.outcome(model, parity.small_batch(True), "cuda")
    finally:
        dist.destroy_process_group()


@pytest.fixture
def unused_tcp_port_number() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
