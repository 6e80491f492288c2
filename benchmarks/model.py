"""GRISQ at `paper` size against transformers' Mask2Former with Swin-B: 480 px, batch 1, random weights, on the CPU.

    python benchmarks/model.py [--rounds 3]

Mask2Former reads no text; ours does (20 tokens). A training step is forward, loss, backward and AdamW.
"""

from collections.abc import Callable

import torch
from interleaved import medians, options, table
from torch import Tensor, nn

from grisq.config import ModelConfig, TrainConfig, preset
from grisq.data.sample import Batch
from grisq.models.base import System, count_parameters
from grisq.models.registry import build_model
from grisq.runtime.device import keep_freed_memory
from grisq.training.losses import total_loss

SIDE, TOKENS = 480, 20


def mask2former(side: int, config: ModelConfig) -> nn.Module:
    """Build Mask2Former with random weights on a Swin of the same size as ours."""
    from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, SwinConfig  # after grisq.models

    backbone = SwinConfig(
        image_size=side,
        embed_dim=config.swin.embed_dim,
        depths=list(config.swin.depths),
        num_heads=list(config.swin.num_heads),
        window_size=config.swin.window,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    return Mask2FormerForUniversalSegmentation(Mask2FormerConfig(backbone_config=backbone))


def sample(batch: int = 1, side: int = SIDE, words: int = TOKENS, vocabulary: int = 2000) -> Batch:
    """Make random pictures and words without padding; every sample has one target.

    Args:
        batch: Number of samples.
        side: Canvas in pixels.
        words: Tokens of each expression.
        vocabulary: Number of token ids.
    """
    return Batch(
        images=torch.randint(0, 256, (batch, 3, side, side), dtype=torch.uint8),
        valid=torch.ones(batch, side, side, dtype=torch.bool),
        masks=torch.rand(batch, side, side) > 0.8,
        tokens=torch.randint(10, vocabulary, (batch, words)),
        token_mask=torch.ones(batch, words, dtype=torch.bool),
        presence=torch.ones(batch, dtype=torch.long),
        plurality=torch.zeros(batch, dtype=torch.long),
        plurality_weight=torch.full((batch,), 1 / batch),
        samples=[],
        padded=False,
    )


def ours(model: System, batch: Batch, precision: str) -> Callable[[], None]:
    """Return a function that runs our forward pass."""

    def run():
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            model(*model.inputs(batch))

    return run


def ours_step(model: System, batch: Batch, precision: str) -> Callable[[], None]:
    """Return a function that trains our model by one step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)

    def run():
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            output = model(*model.inputs(batch))
        config = TrainConfig()
        total_loss(output, batch, config, model.extra_losses(output, batch, config)).total.backward()
        optimizer.step()

    return run


def theirs(model: nn.Module, pixels: Tensor) -> Callable[[], None]:
    """Return a function that runs Mask2Former's forward pass."""

    def run():
        with torch.no_grad():
            model(pixel_values=pixels)

    return run


def theirs_step(model: nn.Module, pixels: Tensor) -> Callable[[], None]:
    """Return a function that trains Mask2Former by one step on two random masks."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
    side = pixels.shape[-1]
    masks, classes = [torch.rand(2, side, side).round()], [torch.tensor([1, 2])]

    def run():
        optimizer.zero_grad()
        model(pixel_values=pixels, mask_labels=masks, class_labels=classes).loss.backward()
        optimizer.step()

    return run


def main() -> None:
    parser = options(__doc__, "models of the size of tiny, one round")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rounds, config = 1 if arguments.quick else arguments.rounds, preset("tiny" if arguments.quick else "paper").model
    keep_freed_memory()
    torch.manual_seed(0)
    side = config.image_size
    batch, pixels = sample(side=side, vocabulary=config.text.vocabulary), torch.randn(1, 3, side, side)
    grisq, other = build_model(config).eval(), mask2former(side, config).eval()
    names = ["Mask2Former, fp32", "GRISQ, fp32", "GRISQ, bf16"]
    forward = medians(
        dict(zip(names, [theirs(other, pixels), ours(grisq, batch, "fp32"), ours(grisq, batch, "bf16")])), rounds
    )
    step = medians(
        dict(zip(names, [theirs_step(other, pixels), *(ours_step(grisq, batch, p) for p in ("fp32", "bf16"))])), rounds
    )
    parameters = dict.fromkeys(names, count_parameters(grisq)) | {names[0]: count_parameters(other)}
    lines = [
        [name, f"{parameters[name] / 1e6:.0f} M", f"{forward[name]:.2f}", f"{step[name]:.2f}"]
        + [f"{times[name] / times[names[0]]:.2f}" for times in (forward, step)]
        for name in names
    ]
    header = ["model", "parameters", "forward, s", "training step, s", "forward ratio", "step ratio"]
    print(table(header, lines))


if __name__ == "__main__":
    main()
