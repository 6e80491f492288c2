"""The `paper` preset for real: one training step at full size, its memory by batch and precision, its rates by part.

    python benchmarks/paper_size.py [--batch 2 --rounds 3]

Swin-B, BERT-base, 480 px, 20 tokens, random weights, on the CPU. What backward keeps of a forward pass is counted
tensor by tensor, so the table of memory holds for a GPU too, less its kernels' own scratch space.
"""

import argparse
from collections import Counter

import torch
from interleaved import medians, table
from model import ours_step, sample

from grisq.config import preset
from grisq.models.grisq import GRISQ
from grisq.training.losses import total_loss
from grisq.training.optimizer import parameter_groups

PAPER = preset("paper")
GB = 1e9


def kept_for_backward(model: GRISQ, batch: int, precision: str) -> int:
    """Bytes that autograd saves in one forward pass and loss; storages shared by several tensors count once."""
    sizes: dict[int, int] = {}
    owned = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in owned:
            sizes[storage.data_ptr()] = max(sizes.get(storage.data_ptr(), 0), storage.nbytes())
        return tensor

    given = sample(batch)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            output = model(*given.inputs())
        loss = total_loss(output, given, PAPER.train).total  # alive until counted, or storages would be used again
    del loss
    return sum(sizes.values())


def memory(model: GRISQ) -> list[list[str]]:
    """Gigabytes for a process with 2, 12, 24 and 48 samples: a fixed part, and what every sample adds."""
    parameters = sum(parameter.numel() for parameter in model.parameters())
    fixed = 16 * parameters  # float32 weights, gradients, and AdamW's two moments
    lines = []
    for precision in ("fp32", "bf16"):
        one, two = (kept_for_backward(model, batch, precision) for batch in (1, 2))
        each = two - one
        line = [precision, f"{fixed / GB:.1f}", f"{each / GB:.2f}"]
        lines.append(line + [f"{(fixed + one + (batch - 1) * each) / GB:.0f}" for batch in (2, 12, 24, 48)])
    return lines


def groups(model: GRISQ) -> list[list[str]]:
    """Parameters and rates by group (Sec. 4.2)."""
    found: Counter[tuple] = Counter()
    for group in parameter_groups(model, PAPER.train):
        found[group["name"], group["lr"], group["weight_decay"]] += sum(p.numel() for p in group["params"])
    return [[name, f"{count / 1e6:.1f} M", rate, decay] for (name, rate, decay), count in found.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    model = GRISQ(PAPER.model).train()
    print(table(["group", "parameters", "learning rate", "weight decay"], groups(model)) + "\n")
    steps = {name: ours_step(model, sample(arguments.batch), name) for name in ("fp32", "bf16")}
    times = medians(steps, arguments.rounds)
    lines = [[name, f"{seconds:.2f}"] for name, seconds in times.items()]
    print(table([f"training step, batch {arguments.batch}", "seconds"], lines) + "\n")
    del steps  # and with them two optimizers' moments
    model.zero_grad()
    header = ["precision", "fixed, GB", "each sample, GB", *(f"batch {n}, GB" for n in (2, 12, 24, 48))]
    print(table(header, memory(model)))


if __name__ == "__main__":
    main()
