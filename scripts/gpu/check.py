"""One GPU, nine minutes: does the GPU path work, how fast is it, and what do the rows of Table 2 reach?

    python scripts/gpu/check.py [--out FOLDER] [--seconds 530] [--phases probe,tests,step,systems,graphs,train,compile]
    python scripts/gpu/check.py --dry      # every phase in seconds on the CPU; its numbers mean nothing

Each phase is a process with its own time limit, and results.json is written after each: a phase that fails or hangs
costs itself alone. The results of a card belong into benchmarks/gpu/CARD.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from plan import ROOT, ROWS, Findings, Plan, read_findings

PHASES = {  # seconds that a phase may take, and the least that must be left for it to start
    "probe": (60, 20),
    "tests": (100, 40),
    "step": (130, 40),
    "systems": (150, 40),
    "graphs": (60, 30),
    "train": (270, 90),
    "compile": (150, 75),
}
UNDISTURBED = ("step", "systems", "graphs", "train")  # start when the processes that make the data have ended


def run_phases(plan: Plan, names: list[str]) -> dict:
    """Run the phases one after the other, write results.json after each, and return its content."""
    begin, phases = time.time(), {}
    found = {"started": time.strftime("%F %T"), "dry": plan.dry, "phases": phases}
    data = start_data(plan) if "train" in names and not plan.dry else None
    for name in names:
        most, least = PHASES[name]
        limit = 600 if plan.dry else min(most, plan.seconds - (time.time() - begin) - 5)
        if limit < least and not plan.dry:
            phases[name] = {"status": "skipped", "seconds": 0, "lines": []}
            continue
        if data and name in UNDISTURBED:
            data.wait()
        print(f"[{time.time() - begin:5.0f} s] {name}, at most {limit:.0f} s", flush=True)
        phases[name] = run_here(plan, name, limit) if plan.dry else run_child(plan, name, limit)
        (plan.out / "results.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
        if name == "probe" and not imports_work(phases[name]):
            print("the package cannot be imported here: the other phases are left out")
            break
    if data:
        data.wait()
    return found


def start_data(plan: Plan) -> subprocess.Popen:
    """Make the data set of the phase `train` beside the first phases."""
    command = [sys.executable, __file__, *plan.arguments(), "--make-data"]
    with (plan.work / "data.log").open("w", encoding="utf-8") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"CUDA_VISIBLE_DEVICES": ""})


def run_here(plan: Plan, name: str, limit: float) -> dict:
    """Run a phase in this process and return what it found; an error is part of that."""
    begin, findings = time.time(), Findings(plan.work / f"{name}.json")
    findings.add("status", "failed")
    phase = import_module(f"phases.{name}")

    def run() -> None:
        phase.run(plan, limit, findings)
        findings.add("status", "done")

    findings.attempt(name, run)
    return findings.values | {"seconds": round(time.time() - begin, 1)}


def run_child(plan: Plan, name: str, limit: float) -> dict:
    """Run a phase in a process that is ended at the limit, and return what it found until then."""
    command = [sys.executable, __file__, *plan.arguments(), "--phase", name, "--limit", str(limit)]
    return watch(command, plan.work / f"{name}.json", plan.work / f"{name}.log", limit + 5)


def watch(command: list[str], findings: Path, log: Path, limit: float) -> dict:
    """Run a command for at most `limit` seconds and return the findings that it wrote, with status and seconds."""
    findings.unlink(missing_ok=True)
    begin, status = time.time(), None
    with log.open("w", encoding="utf-8") as lines:
        try:
            code = subprocess.run(command, stdout=lines, stderr=lines, timeout=limit).returncode
            status = None if code == 0 else f"exit status {code}"
        except subprocess.TimeoutExpired:
            status = "time limit"
    found = {"status": "failed", "lines": []} | read_findings(findings)
    return found | ({"status": status} if status else {}) | {"seconds": round(time.time() - begin, 1)}


def imports_work(probe: dict) -> bool:
    """Whether the phase `probe` imported the package."""
    from phases.probe import PACKAGE

    return isinstance(probe.get("import seconds", {}).get(PACKAGE), float)


def card_folder() -> Path:
    """benchmarks/gpu/CARD for the first GPU. Ends the program with one sentence if there is none."""
    try:
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        name = subprocess.run(query, capture_output=True, encoding="utf-8", check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        sys.exit("There is no NVIDIA GPU here (nvidia-smi finds none): use --dry to try the phases on the CPU.")
    return ROOT / "benchmarks" / "gpu" / re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")


def summarize(found: dict) -> None:
    """Print every phase with what it noted."""
    for name, entry in found["phases"].items():
        print(f"== {name}: {entry['status']}, {entry['seconds']} s")
        for line in entry["lines"]:
            print(f"   {line}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder of the results (default: benchmarks/gpu/CARD)")
    parser.add_argument("--seconds", type=float, default=530, help="limit of the whole call")
    parser.add_argument("--phases", default=",".join(PHASES), help="which phases, in this order")
    parser.add_argument("--dry", action="store_true", help="everything small, on the CPU")
    parser.add_argument("--side", type=int, default=128, help="canvas of the trained runs in pixels")
    parser.add_argument("--share", type=float, default=1.0, help="share of the training pictures of `small`")
    parser.add_argument("--rows", help="experiments to train, separated by commas")
    for name in ("--phase", "--limit", "--make-data"):  # for the processes that this script starts
        parser.add_argument(name, help=argparse.SUPPRESS, **({"action": "store_true"} if name == "--make-data" else {}))
    parser.add_argument("--train-row", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = set(options.phases.split(",")) - set(PHASES)
    if unknown:
        parser.error(f"there is no phase {', '.join(sorted(unknown))}: choose from {', '.join(PHASES)}")
    return options


def main() -> None:
    options = parse()
    dry_out = Path(tempfile.gettempdir()) / "grisq-gpu-dry"
    out = options.out or (dry_out if options.dry else card_folder())
    rows = tuple(options.rows.split(",")) if options.rows else ("ours",) if options.dry else ROWS
    plan = Plan(out.resolve(), options.seconds, options.dry, options.side, options.share, rows)
    for folder in (plan.out, plan.work):
        folder.mkdir(parents=True, exist_ok=True)
    if options.make_data:
        import_module("phases.train").make_data(plan)
    elif options.train_row:
        row, steps = options.train_row
        import_module("phases.train").train_row(plan, row, int(steps))
    elif options.phase:
        run_here(plan, options.phase, float(options.limit))
    else:
        summarize(run_phases(plan, options.phases.split(",")))


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    sys.path.insert(1, str(ROOT))
    main()
