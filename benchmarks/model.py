"""GRISQ at `paper` size against transformers' Mask2Former with Swin-B: 480 px, batch 1, random weights, on the CPU.

    python benchmarks/model.py [--rounds 3]

Mask2Former reads no text; ours does (20 tokens). A training step is forward, loss, backward and AdamW.
"""

import argparse

import torch
from interleaved import medians, table

from grisq.config import TrainConfig, preset
from grisq.data.sample import Batch
from grisq.models.base import count_parameters
from grisq.models.grisq import GRISQ
from grisq.runtime.device import keep_freed_memory
from grisq.training.losses import total_loss

SIDE, TOKENS = 480, 20


def mask2former():
    from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, SwinConfig  # after the guard

    backbone = SwinConfig(
        image_size=SIDE,
        embed_dim=128,
        depths=[2, 2, 18, 2],
        num_heads=[4, 8, 16, 32],
        window_size=12,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    return Mask2FormerForUniversalSegmentation(Mask2FormerConfig(backbone_config=backbone))


def sample(batch=1, side=SIDE, words=TOKENS, vocabulary=2000):
    """Random pictures and words without padding; every sample has one target."""
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
    )


def ours(model, batch, precision):
    def run():
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            model(*model.inputs(batch))

    return run


def ours_step(model, batch, precision):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)

    def run():
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            output = model(*model.inputs(batch))
        config = TrainConfig()
        total_loss(output, batch, config, model.extra_losses(output, batch, config)).total.backward()
        optimizer.step()

    return run


def theirs(model, pixels):
    def run():
        with torch.no_grad():
            model(pixel_values=pixels)

    return run


def theirs_step(model, pixels):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
    masks, classes = [torch.rand(2, SIDE, SIDE).round()], [torch.tensor([1, 2])]

    def run():
        optimizer.zero_grad()
        model(pixel_values=pixels, mask_labels=masks, class_labels=classes).loss.backward()
        optimizer.step()

    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    keep_freed_memory()
    torch.manual_seed(0)
    batch, pixels = sample(), torch.randn(1, 3, SIDE, SIDE)
    grisq, other = GRISQ(preset("paper").model).eval(), mask2former().eval()
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
