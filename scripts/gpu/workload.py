"""The step of training that is timed and compared; what it needs of the package is imported here alone."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from grisq.config import ModelConfig, TrainConfig
from grisq.data.sample import Batch
from grisq.models.base import Output
from grisq.models.registry import build_model
from grisq.training.losses import total_loss

WORDS = 20


def random_batch(size: int, side: int, words: int, vocabulary: int, device: str) -> Batch:
    """Random letterboxed pictures, three quarters of the canvas as photographs are; every sample has one target.

    Args:
        size: Number of samples; the first half has padding below, the other half on the right.
        side: Canvas in pixels.
        words: Tokens of the longest expression.
        vocabulary: Number of token ids.
        device: Where the tensors go.
    """
    valid = torch.zeros(size, side, side, dtype=torch.bool)
    valid[: size // 2, : side * 3 // 4] = True
    valid[size // 2 :, :, : side * 3 // 4] = True
    return Batch(
        images=torch.randint(0, 256, (size, 3, side, side), dtype=torch.uint8),
        valid=valid,
        masks=torch.rand(size, side, side) > 0.8,
        tokens=torch.randint(10, vocabulary, (size, words)),
        token_mask=torch.arange(words) < torch.randint(6, words + 1, (size, 1)),
        presence=torch.ones(size, dtype=torch.long),
        plurality=torch.zeros(size, dtype=torch.long),
        plurality_weight=torch.full((size,), 1 / size),
        samples=[],
    ).to(device)


def forward_and_loss(model: nn.Module, batch: Batch, precision: str = "fp32") -> tuple[Output, Tensor]:
    """What the model predicts for the batch, and the total loss, ready for backward. "bf16" runs under autocast."""
    system, config = getattr(model, "module", model), TrainConfig()  # without the wrapper of a distributed training
    with torch.autocast(batch.images.device.type, torch.bfloat16, enabled=precision == "bf16"):
        output = model(*system.inputs(batch))
    return output, total_loss(output, batch, config, system.extra_losses(output, batch, config)).total


def build_on(config: ModelConfig, device: str) -> nn.Module:
    """A model in training mode with random weights, made on the device."""
    with torch.device(device):
        return build_model(config).train()


def training_step(
    model: nn.Module,
    batch: Batch,
    optimizer: torch.optim.Optimizer,
    *,
    precision: str = "fp32",
    clip: float | None = None,
) -> Callable[[], None]:
    """A function without arguments that trains the model by one step on the batch.

    Args:
        model: The model on the batch's device.
        batch: What every step sees.
        optimizer: Over the model's parameters.
        precision: "bf16" runs the forward pass under autocast.
        clip: Largest norm of the gradient, None to leave it.
    """

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        forward_and_loss(model, batch, precision)[1].backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()

    return step


def step_of(config: ModelConfig, size: int, precision: str, device: str, clip: float | None = None):
    """A new model of this configuration with fused AdamW, and its step on a random batch."""
    model = build_on(config, device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
    batch = random_batch(size, config.image_size, WORDS, config.text.vocabulary, device)
    return training_step(model, batch, optimizer, precision=precision, clip=clip)
