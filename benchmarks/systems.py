"""What every system of the registry costs on the same encoders: training step and forward, time and memory, on the CPU.

    python benchmarks/systems.py [--rounds 3] [--out benchmarks/systems.json]

`tiny`: 128 px, batch 16. `paper`: 480 px, batch 1, random weights. Memory is the highest of a process that does one
training step; the systems take turns, so their ratios hold on a noisy machine. Notebook 09 shows the file.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from interleaved import in_own_process, medians, options, table
from model import ours, ours_step, sample

from grisq.config import preset
from grisq.data.sample import Batch
from grisq.models.base import System, count_parameters
from grisq.models.registry import SYSTEMS, build_model
from grisq.runtime.device import keep_freed_memory, peak_memory_mb
from grisq.runtime.files import write_json
from grisq.runtime.provenance import provenance

OURS = "grisq"
SIZES = {"tiny": {"batch": 16, "words": 10, "vocabulary": 264}, "paper": {"batch": 1}}


def contestant(size: str, system: str) -> tuple[System, Batch]:
    """Build a system at that preset's size, and a batch for it."""
    config = replace(preset(size).model, system=system)
    return build_model(config), sample(side=config.image_size, **SIZES[size])


def measure(size: str, rounds: int) -> dict[str, dict[str, float]]:
    """Measure every system: parameters, seconds of a forward pass and of a step, peak memory in MB."""
    torch.manual_seed(0)
    models = {system: contestant(size, system) for system in (*(name for name in SYSTEMS if name != OURS), OURS)}
    step = medians({name: ours_step(model, batch, "fp32") for name, (model, batch) in models.items()}, rounds)
    forward = medians({name: ours(model.eval(), batch, "fp32") for name, (model, batch) in models.items()}, rounds)
    return {
        name: {
            "parameters": count_parameters(model),
            "forward_s": round(forward[name], 4),
            "step_s": round(step[name], 4),
            "peak_mb": in_own_process([__file__, "--memory", size, name])[0],
        }
        for name, (model, _) in models.items()
    }


def print_memory(size: str, system: str) -> None:
    """Train by one step and print the peak memory of this process in MB."""
    model, batch = contestant(size, system)
    ours_step(model, batch, "fp32")()
    print(round(peak_memory_mb()))


def main() -> None:
    parser = options(__doc__, "tiny's size alone, one round")
    parser.add_argument("--rounds", type=int, default=3, help="at paper size; ten times as many at tiny's")
    parser.add_argument("--out", type=Path, help="also write the numbers as JSON")
    parser.add_argument("--memory", nargs=2, metavar=("SIZE", "SYSTEM"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        print_memory(*arguments.memory)
        return
    keep_freed_memory()
    if arguments.quick:
        found = {"tiny": measure("tiny", 1)}
    else:
        found = {"tiny": measure("tiny", 10 * arguments.rounds), "paper": measure("paper", arguments.rounds)}
    lines = []
    for size, systems in found.items():
        for name, cost in systems.items():
            ratio = cost["step_s"] / systems[OURS]["step_s"]
            cells = [f"{cost['parameters'] / 1e6:.1f} M", f"{cost['forward_s']:.3f}", f"{cost['step_s']:.3f}"]
            lines.append([size, name, *cells, f"{ratio:.2f}", f"{cost['peak_mb']:.0f}"])
    header = ["size", "system", "parameters", "forward, s", "training step, s", "step / ours", "peak memory, MB"]
    print(table(header, lines))
    if arguments.out:
        write_json(arguments.out, {"rounds": arguments.rounds, "provenance": provenance(), "systems": found})


if __name__ == "__main__":
    main()
