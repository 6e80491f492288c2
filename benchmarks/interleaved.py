"""Fair timing on a noisy machine: the contestants take turns, medians and their ratios count."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable


def medians(contestants: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each contestant over so many rounds; in a round each runs once. One warm-up round."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name, run in contestants.items():
            begin = time.perf_counter()
            run()
            if turn:
                times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in times.items()}


def in_own_process(arguments: list[str]) -> list[float]:
    """The numbers that a Python process prints; each measurement of memory gets a process of its own."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, encoding="utf-8", check=True)
    return [float(value) for value in done.stdout.split()]


def table(header: list[str], lines: list[list]) -> str:
    """A Markdown table."""
    rows = [header, ["---"] * len(header), *[[str(cell) for cell in line] for line in lines]]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
