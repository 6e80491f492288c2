"""One small model of every row of Table 2 and one batch, and how far two devices or two forms are apart on them."""

from dataclasses import replace

import torch
import workload
from torch import Tensor, nn

from grisq.config import LAVTConfig, ModelConfig, ReLAConfig, SwinConfig, TextConfig
from grisq.data.sample import Batch
from grisq.models.registry import build_model

SIDE = 96
CONFIG = ModelConfig(
    image_size=SIDE,
    swin=SwinConfig(embed_dim=32, depths=(2, 2, 2, 2), num_heads=(1, 2, 2, 4), window=4, drop_path=0.0),
    text=TextConfig(hidden=24, layers=1, heads=2, intermediate=32, vocabulary=200, dropout=0.0),
    channels=32,
    blocks=2,
    heads=2,
    points=2,
    feedforward=64,
    lavt=LAVTConfig(hidden=32),
    rela=ReLAConfig(layers=3, feedforward=64),
)
ROWS = {
    "ours": {},
    "ours-quarter": {"mask_mlp_at": "quarter", "query_level": 2},
    "query": {"plurality": False},
    "baseline": {"plurality": False, "target_query": False},
    "lavt": {"system": "lavt"},
    "rela": {"system": "rela"},
}


def small_batch(padded: bool) -> Batch:
    """Three samples, one of them without target; with padding, one is narrow and one is low."""
    random = torch.Generator().manual_seed(1)
    valid = torch.zeros(3, SIDE, SIDE, dtype=torch.bool)
    for i, (height, width) in enumerate([(SIDE, 70), (61, SIDE), (SIDE, SIDE)]):
        valid[i, :height, :width] = True
    if not padded:
        valid[:] = True
    return Batch(
        images=torch.randint(0, 256, (3, 3, SIDE, SIDE), dtype=torch.uint8, generator=random),
        valid=valid,
        masks=torch.rand(3, SIDE, SIDE, generator=random) > 0.8,
        tokens=torch.randint(5, 200, (3, 7), generator=random),
        token_mask=torch.arange(7) < torch.tensor([[7], [5], [3]]),
        presence=torch.tensor([1, 1, 0]),
        plurality=torch.tensor([0, 1, -1]),
        plurality_weight=torch.tensor([0.5, 0.5, 0.0]),
        samples=[],
        padded=padded,
    )


def small_model(row: str) -> nn.Module:
    """The row's model with the weights of seed 0."""
    torch.manual_seed(0)
    model = build_model(replace(CONFIG, **ROWS[row]))
    with torch.no_grad():  # away from the borders between pixels, where the gradient of a position jumps
        for module in model.modules():
            if hasattr(module, "sampling_offsets"):
                module.sampling_offsets.bias.add_(0.3 * torch.rand_like(module.sampling_offsets.bias) - 0.15)
    return model


def outcome(model: nn.Module, batch: Batch, device: str, *, bf16: bool = False) -> tuple[Tensor, Tensor]:
    """All logits and all gradients of one step on the device, flat, in float32 on the CPU."""
    model, batch = model.to(device), batch.to(device)
    output, loss = workload.forward_and_loss(model, batch, "bf16" if bf16 else "fp32")
    loss.backward()
    heads = [output.mask_logits, output.presence_logits, output.plurality_logits]
    logits = torch.cat([head.detach().float().cpu().flatten() for head in heads if head is not None])
    return logits, torch.cat([p.grad.float().cpu().flatten() for p in model.parameters() if p.grad is not None])


def distance(one: Tensor, other: Tensor) -> float:
    """Norm of the difference, relative to the other's norm."""
    return ((one - other).norm() / other.norm()).item()
