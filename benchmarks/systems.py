"""What every system of the registry costs: training step and forward, time and memory, on the CPU.

    python benchmarks/systems.py [--rounds 3] [--out benchmarks/systems.json]

`tiny`: 128 px, the batch of its experiment. `paper`: published canvas and sizes, batch 2, random weights; systems with
a large language model are counted alone. Memory is the highest of a process that trains. The systems take turns, so
their ratios hold on a noisy machine. Notebook 11 shows the file.
"""

import argparse
import statistics
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
    """Measure every system: parameters, seconds of a forward pass and of a step, peak memory in MB.

    Each turn is a process of its own: at `paper` size the systems do not fit into memory together.
    """
    order = (*(name for name in SYSTEMS if name != OURS), OURS)
    counts = {name: count_parameters(build_on_meta(configuration(size, name)[0])) for name in order}
    turns: dict[str, list[list[float]]] = {name: [] for name in order if counts[name] < LARGE}
    for _ in range(rounds):
        for name, found in turns.items():
            found.append(in_own_process([__file__, "--turn", size, name]))
    return {name: {"parameters": counts[name]} | _medians(turns.get(name)) for name in order}


def _medians(turns: list[list[float]] | None) -> dict[str, float | None]:
    """Medians over the turns of what each printed; None for a system that was only counted."""
    if turns is None:
        return {"forward_s": None, "step_s": None, "peak_mb": None}
    forward, step, peak = (statistics.median(values) for values in zip(*turns))
    return {"forward_s": round(forward, 4), "step_s": round(step, 4), "peak_mb": round(peak)}


def print_turn(size: str, system: str) -> None:
    """Train and predict a few times; print the median seconds of a forward pass and of a step, and the peak memory."""
    torch.manual_seed(0)
    keep_freed_memory()
    model, batch = contestant(size, system)
    repeats = 10 if size == "tiny" else 1
    step = medians({system: ours_step(model, batch, "fp32")}, repeats)[system]
    peak = peak_memory_mb()
    forward = medians({system: ours(model.eval(), batch, "fp32")}, repeats)[system]
    print(forward, step, peak)


def _cells(cost: dict, reference: dict) -> list[str]:
    """The measured cells of a line; dashes for a system that was only counted."""
    if cost["step_s"] is None:
        return ["–"] * 4
    ratio = cost["step_s"] / reference["step_s"]
    return [f"{cost['forward_s']:.3f}", f"{cost['step_s']:.3f}", f"{ratio:.2f}", f"{cost['peak_mb']:.0f}"]


def main() -> None:
    parser = options(__doc__, "tiny's size alone, one round")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each system")
    parser.add_argument("--out", type=Path, help="also write the numbers as JSON")
    parser.add_argument("--turn", nargs=2, metavar=("SIZE", "SYSTEM"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.turn:
        print_turn(*arguments.turn)
        return
    sizes, rounds = (("tiny",), 1) if arguments.quick else (("tiny", "paper"), arguments.rounds)
    found = {size: measure(size, rounds) for size in sizes}
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
