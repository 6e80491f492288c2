"""One Accelerator for a training: device, precision, and nothing inherited from elsewhere in the process."""

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from accelerate.utils import GradientAccumulationPlugin

from grisq.runtime.device import resolve_precision
from grisq.runtime.distributed import join, world_size


def build_accelerator(precision: str, device: str) -> Accelerator:
    """Make the Accelerator of a training.

    accelerate keeps its state in singletons, which refuse a second training of another precision or device in the
    same process; where no other process shares them they are reset. Accumulation is the trainer's own, so the
    number that `accelerate launch` puts into the environment must not divide the loss a second time.

    Args:
        precision: auto, fp32 or bf16.
        device: as `grisq.runtime.device.resolve_device` takes it.

    Raises:
        InputError: if the device does not exist.
    """
    place = join(device)
    if world_size() == 1:
        AcceleratorState._reset_state(reset_partial_state=True)
        GradientState._reset_state()
    if place.type == "cuda" and place.index is not None:
        torch.cuda.set_device(place)  # Accelerator takes the current GPU
    return Accelerator(
        mixed_precision="bf16" if resolve_precision(precision, place) == "bf16" else "no",
        cpu=place.type == "cpu",
        gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),
    )
