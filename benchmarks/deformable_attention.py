"""Deformable attention on the CPU: our kernel against the grid_sample form of transformers' Mask2Former.

    python benchmarks/deformable_attention.py [--rounds 15]

Both get the same tensors; forward, and forward with backward, take turns in one run. Peak memory is how far the
resident memory of a fresh process rises above its inputs during one forward and backward.
"""

import argparse
import re
from collections.abc import Callable
from pathlib import Path

import torch
from interleaved import in_own_process, medians, options, table

from grisq.config import preset
from grisq.models.layers.deformable_attention import deformable_attention


def shapes(name: str, batch: int) -> tuple:
    """Look up batch, levels, heads, channels of a head and points of a preset's MSDS blocks."""
    model = preset(name).model
    sides = [model.image_size // stride for stride in (8, 16, 32)]
    return batch, [(side, side) for side in sides], model.heads, model.channels // model.heads, model.points


SHAPES = {"paper, batch 1": shapes("paper", 1), "tiny, batch 16": shapes("tiny", 16)}


def theirs(value, sizes, locations, weights):
    """Call transformers' own function, whose arguments are ours."""
    from transformers.models.mask2former.modeling_mask2former import multi_scale_deformable_attention

    return multi_scale_deformable_attention(value, sizes, locations, weights)


CLEAR = Path("/proc/self/clear_refs")  # writing 5 resets the peak of the resident memory
FORMS = {"transformers": theirs, "grisq": deformable_attention}


def inputs(name: str) -> tuple:
    """Make random values, locations and weights of a set of shapes."""
    B, sizes, H, D, P = SHAPES[name]
    S = sum(height * width for height, width in sizes)
    torch.manual_seed(0)
    value = torch.randn(B, S, H, D)
    locations = torch.rand(B, S, H, len(sizes), P, 2)
    weights = torch.rand(B, S, H, len(sizes), P)
    return value, sizes, locations, weights


def forward(form: str, name: str) -> Callable[[], None]:
    """Return a function that runs the forward pass."""
    value, sizes, locations, weights = inputs(name)

    def run():
        with torch.no_grad():
            FORMS[form](value, sizes, locations, weights)

    return run


def both(form: str, name: str) -> Callable[[], None]:
    """Return a function that runs forward and backward."""
    value, sizes, locations, weights = inputs(name)
    leaves = [tensor.requires_grad_() for tensor in (value, locations, weights)]

    def run():
        for leaf in leaves:
            leaf.grad = None
        FORMS[form](leaves[0], sizes, leaves[1], leaves[2]).sum().backward()

    return run


def report_peak(form: str, name: str) -> None:
    """Print by how many megabytes resident memory rises during one forward and backward, after a small warm-up."""
    both(form, "tiny, batch 16")()  # compiles and loads what is needed
    run = both(form, name)
    CLEAR.write_text("5", encoding="utf-8")  # the peak counts from here
    before = resident("VmHWM")
    run()
    print(resident("VmHWM") - before)


def resident(field: str) -> float:
    """Read this process's resident memory in MB from Linux: VmRSS now, VmHWM at its peak."""
    return int(re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))[1]) / 1024


def main() -> None:
    parser = options(__doc__, "the small shapes, one round")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--peak", nargs=2, metavar=("FORM", "SHAPES"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        report_peak(*arguments.peak)
        return
    rounds, lines = 1 if arguments.quick else arguments.rounds, []
    for name in list(SHAPES)[-1:] if arguments.quick else SHAPES:
        for part, make in (("forward", forward), ("forward + backward", both)):
            times = medians({form: make(form, name) for form in FORMS}, rounds)
            milliseconds = [f"{1e3 * times[form]:.1f}" for form in FORMS]
            lines.append([name, part, *milliseconds, f"{times['transformers'] / times['grisq']:.1f}x"])
        peaks = {form: in_own_process([__file__, "--peak", form, name])[0] for form in FORMS}
        share = peaks["grisq"] / max(peaks["transformers"], 1e-9)
        lines.append([name, "peak memory, MB", *(f"{peaks[form]:.0f}" for form in FORMS), f"{share:.2f} of it"])
    print(table(["shapes", "what", "transformers, ms", "grisq, ms", "gain"], lines))


if __name__ == "__main__":
    main()
