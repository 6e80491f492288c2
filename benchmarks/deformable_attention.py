"""Our deformable attention on the CPU against the grid_sample form of transformers' Mask2Former.

    python benchmarks/deformable_attention.py [--rounds 15]

Both get the same tensors; forward, and forward with backward, take turns in one run. Peak memory is how far the
resident memory of a fresh process rises above its inputs during one forward and backward.
"""

import argparse
import re
from pathlib import Path

import torch
from interleaved import in_own_process, medians, table

from grisq.config import preset
from grisq.models.layers.deformable_attention import deformable_attention


def shapes(name, batch):
    """Batch, levels, heads, channels of a head and points of a preset's MSDS blocks."""
    model = preset(name).model
    sides = [model.image_size // stride for stride in (8, 16, 32)]
    return batch, [(side, side) for side in sides], model.heads, model.channels // model.heads, model.points


SHAPES = {"paper, batch 1": shapes("paper", 1), "tiny, batch 32": shapes("tiny", 32)}


def theirs(value, sizes, locations, weights):
    """transformers' own function, with its calling convention."""
    from transformers.models.mask2former.modeling_mask2former import multi_scale_deformable_attention

    return multi_scale_deformable_attention(value, sizes, locations, weights)


CLEAR = Path("/proc/self/clear_refs")
WAYS = {"transformers": theirs, "grisq": deformable_attention}


def inputs(name):
    B, sizes, H, D, P = SHAPES[name]
    S = sum(height * width for height, width in sizes)
    torch.manual_seed(0)
    value = torch.randn(B, S, H, D)
    locations = torch.rand(B, S, H, len(sizes), P, 2)
    weights = torch.rand(B, S, H, len(sizes), P)
    return value, sizes, locations, weights


def forward(way, name):
    value, sizes, locations, weights = inputs(name)

    def run():
        with torch.no_grad():
            WAYS[way](value, sizes, locations, weights)

    return run


def both(way, name):
    value, sizes, locations, weights = inputs(name)
    leaves = [tensor.requires_grad_() for tensor in (value, locations, weights)]

    def run():
        for leaf in leaves:
            leaf.grad = None
        WAYS[way](leaves[0], sizes, leaves[1], leaves[2]).sum().backward()

    return run


def report_peak(way, name):
    """Print by how many megabytes resident memory rises during one forward and backward, after a small warm-up."""
    both(way, "tiny, batch 32")()  # compiles and loads what is needed
    run = both(way, name)
    CLEAR.write_text("5", encoding="utf-8")  # the peak counts from here
    before = resident("VmHWM")
    run()
    print(resident("VmHWM") - before)


def resident(field):
    """Megabytes that Linux gives for this process: VmRSS now, VmHWM at its peak."""
    return int(re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))[1]) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--peak", nargs=2, metavar=("WAY", "SHAPES"), help="used by the script itself")
    arguments = parser.parse_args()
    if arguments.peak:
        report_peak(*arguments.peak)
        return
    lines = []
    for name in SHAPES:
        for kind, make in (("forward", forward), ("forward + backward", both)):
            times = medians({way: make(way, name) for way in WAYS}, arguments.rounds)
            milliseconds = [f"{1e3 * times[way]:.1f}" for way in WAYS]
            lines.append([name, kind, *milliseconds, f"{times['transformers'] / times['grisq']:.1f}x"])
        peaks = {way: in_own_process([__file__, "--peak", way, name])[0] for way in WAYS}
        share = peaks["grisq"] / max(peaks["transformers"], 1e-9)
        lines.append([name, "peak memory, MB", *(f"{peaks[way]:.0f}" for way in WAYS), f"{share:.2f} of it"])
    print(table(["shapes", "what", "transformers, ms", "grisq, ms", "gain"], lines))


if __name__ == "__main__":
    main()
