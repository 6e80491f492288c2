"""The `paper` preset at full size: rates by part of the model, a training step on the CPU, memory by batch.

    python benchmarks/paper_size.py [--batch 2 --rounds 3]

Swin-B, BERT-base, 480 px, 20 tokens, random weights. The step is measured on the CPU; memory is counted on fake tensors
(`gpu_memory.py`) under the autocast rules of the device, so the rows for GPUs need none.
"""

from collections import Counter

import torch
from gpu_memory import BYTES_A_PARAMETER, GB, count_step
from interleaved import medians, options, table
from model import ours_step, sample

from grisq.config import ModelConfig, TrainConfig, preset
from grisq.models.base import System, count_parameters
from grisq.models.registry import build_model
from grisq.training.optimizer import parameter_groups

BATCHES = (2, 12, 24, 48)
COUNTED = (12, 24)
SETTINGS = {  # device whose autocast rules apply, precision, form of deformable attention
    "CPU, fp32": ("cpu", "fp32", "numba"),
    "CPU, bf16": ("cpu", "bf16", "numba"),
    "GPU, bf16, deformable attention by grid_sample": ("cuda", "bf16", "grid_sample"),
    "GPU, bf16, deformable attention in Triton": ("cuda", "bf16", "triton"),
}


def memory(config: ModelConfig, parameters: int) -> list[list[str]]:
    """Gigabytes of one process by setting: a fixed part, what every sample adds, and totals for some batches."""
    fixed, lines = BYTES_A_PARAMETER * parameters, []
    for name, (device, precision, way) in SETTINGS.items():
        few, many = (count_step(config, n, precision=precision, device=device, way=way).kept for n in COUNTED)
        each = (many - few) / (COUNTED[1] - COUNTED[0])  # kept memory is linear in the batch
        totals = [f"{(fixed + few + (batch - COUNTED[0]) * each) / GB:.0f}" for batch in BATCHES]
        lines.append([name, f"{fixed / GB:.1f}", f"{each / GB:.2f}", *totals])
    return lines


def groups(model: System, config: TrainConfig) -> list[list[str]]:
    """Parameters and rates by group (Sec. 4.2)."""
    found: Counter[tuple] = Counter()
    for group in parameter_groups(model, config):
        found[group["name"], group["lr"], group["weight_decay"]] += sum(p.numel() for p in group["params"])
    return [[name, f"{count / 1e6:.1f} M", rate, decay] for (name, rate, decay), count in found.items()]


def main() -> None:
    parser = options(__doc__, "the preset tiny, one round")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    chosen = preset("tiny" if arguments.quick else "paper")
    torch.manual_seed(0)
    model = build_model(chosen.model).train()
    print(table(["group", "parameters", "learning rate", "weight decay"], groups(model, chosen.train)) + "\n")
    batch = sample(arguments.batch, side=chosen.model.image_size, vocabulary=chosen.model.text.vocabulary)
    steps = {name: ours_step(model, batch, name) for name in ("fp32", "bf16")}
    times = medians(steps, 1 if arguments.quick else arguments.rounds)
    lines = [[name, f"{seconds:.2f}"] for name, seconds in times.items()]
    print(table([f"training step on the CPU, batch {arguments.batch}", "seconds, measured"], lines) + "\n")
    header = ["memory, counted", "fixed, GB", "each sample, GB", *(f"batch {n}, GB" for n in BATCHES)]
    print(table(header, memory(chosen.model, count_parameters(model))))


if __name__ == "__main__":
    main()
