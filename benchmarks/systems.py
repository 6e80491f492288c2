"""What every system of the registry costs: training step and forward, time and memory, on the CPU.

    python benchmarks/systems.py [--rounds 3] [--out benchmarks/systems.json]

`tiny`: 128 px, the batch of its experiment. `paper`: published canvas and sizes, batch 2, random weights; systems with
a large language model are counted alone. Memory is the highest of a process that does one training step; the systems
take turns, so their ratios hold on a noisy machine. Notebook 09 shows the file.
"""

import argparse
from pathlib import Path

import torch
from drawings import drawn_batch
from interleaved import in_own_process, medians, options, table
from model import ours, ours_step

from grisq.config import ModelConfig, override, preset
from grisq.data.sample import Batch
from grisq.experiments.registry import find_experiment
from grisq.models.base import System, count_parameters
from grisq.models.registry import SYSTEMS, build_model, build_on_meta
from grisq.runtime.device import keep_freed_memory, peak_memory_mb
from grisq.runtime.files import write_json
from grisq.runtime.provenance import provenance

OURS = "grisq"
LARGE = 1e9  # parameters that no machine here trains
PAPER_SAMPLES = 2  # of a step at `paper`; the fewest that the neck of LTS, VLT and CRIS can normalize over


def configuration(size: str, system: str) -> tuple[ModelConfig, int]:
    """A system at that preset's size, and the samples of a step."""
    if size == "tiny":
        experiment = find_experiment("ours" if system == OURS else system)
        chosen = experiment.configure(preset(size))
        return chosen.model, chosen.train.batch
    return override(preset(size), {"model.system": system}).model, PAPER_SAMPLES


def contestant(size: str, system: str) -> tuple[System, Batch]:
    """Build a system at that preset's size, and a batch for it."""
    config, samples = configuration(size, system)
    return build_model(config), drawn_batch(config, samples)


def measure(size: str, rounds: int) -> dict[str, dict[str, float | None]]:
    """Measure every system: parameters, seconds of a forward pass and of a step, peak memory in MB."""
    torch.manual_seed(0)
    order = (*(name for name in SYSTEMS if name != OURS), OURS)
    counts = {name: count_parameters(build_on_meta(configuration(size, name)[0])) for name in order}
    models = {name: contestant(size, name) for name in order if counts[name] < LARGE}
    step = medians({name: ours_step(model, batch, "fp32") for name, (model, batch) in models.items()}, rounds)
    forward = medians({name: ours(model.eval(), batch, "fp32") for name, (model, batch) in models.items()}, rounds)
    found = {}
    for name in order:
        run = name in models
        found[name] = {
            "parameters": counts[name],
            "forward_s": round(forward[name], 4) if run else None,
            "step_s": round(step[name], 4) if run else None,
            "peak_mb": in_own_process([__file__, "--memory", size, name])[0] if run else None,
        }
    return found


def print_memory(size: str, system: str) -> None:
    """Train by one step and print the peak memory of this process in MB."""
    model, batch = contestant(size, system)
    ours_step(model, batch, "fp32")()
    print(round(peak_memory_mb()))


def _cells(cost: dict, reference: dict) -> list[str]:
    """The measured cells of a line; dashes for a system that was only counted."""
    if cost["step_s"] is None:
        return ["–"] * 4
    ratio = cost["step_s"] / reference["step_s"]
    return [f"{cost['forward_s']:.3f}", f"{cost['step_s']:.3f}", f"{ratio:.2f}", f"{cost['peak_mb']:.0f}"]


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
            lines.append([size, name, f"{cost['parameters'] / 1e6:.1f} M", *_cells(cost, systems[OURS])])
    header = ["size", "system", "parameters", "forward, s", "training step, s", "step / ours", "peak memory, MB"]
    print(table(header, lines))
    if arguments.out:
        write_json(arguments.out, {"rounds": arguments.rounds, "provenance": provenance(), "systems": found})


if __name__ == "__main__":
    main()
