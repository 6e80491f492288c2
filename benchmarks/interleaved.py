"""Fair timing on a noisy machine: the contestants take turns, and their medians are compared."""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable


def medians(contestants: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each contestant over n rounds after one to warm up; in a round each of them runs once."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name, run in contestants.items():
            begin = time.perf_counter()
            run()
            if turn:
                times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in times.items()}


def in_own_process(arguments: list[str]) -> list[float]:
    """Run Python with these arguments and return the numbers that it prints. Peak memory needs a new process."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, encoding="utf-8", check=True)
    return [float(value) for value in done.stdout.split()]


def table(header: list[str], lines: list[list]) -> str:
    """Format a Markdown table."""
    rows = [header, ["---"] * len(header), *[[str(cell) for cell in line] for line in lines]]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def options(description: str, quick: str) -> argparse.ArgumentParser:
    """Make a parser of options with `--quick`, which shows that a benchmark runs; `quick` says what it does then."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=description, formatter_class=formatter)
    parser.add_argument("--quick", action="store_true", help=f"try the script in seconds: {quick}")
    return parser
