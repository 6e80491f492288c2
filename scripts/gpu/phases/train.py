"""Rows of Table 2 with the `small` model on smaller canvases, all at once on the one GPU, in the time that is left."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from plan import Findings, Plan, read_findings, threads_each

import grisq
from grisq.config import Preset, override
from grisq.data import grefcoco
from grisq.data.synthetic.generate import generate
from grisq.data.synthetic.specs import SPECS, SplitSpec, SyntheticSpec
from grisq.experiments.registry import find_experiment

EVALUATED = 1500  # expressions of val
START_AND_END = 75  # seconds of imports and of the last evaluation


def make_data(plan: Plan) -> None:
    """Make the synthetic set: all of `small`'s train split or a share, and a val split that is evaluated whole."""
    generate(_spec(plan), plan.data, workers=1 if plan.dry else 14, progress=False)
    grefcoco.load(plan.data)  # makes the cache of the annotations


def _spec(plan: Plan) -> SyntheticSpec:
    if plan.dry:
        return SPECS["mini"]
    small, cuts = SPECS["small"], {"train": plan.share, "val": EVALUATED / 6000, "testA": 0.01, "testB": 0.01}

    def shortened(split: SplitSpec) -> SplitSpec:
        part = cuts[split.name]
        return replace(split, pictures=round(part * split.pictures), expressions=round(part * split.expressions))

    return replace(small, name="gpu-check", splits=tuple(shortened(split) for split in small.splits))


def run(plan: Plan, limit: float, findings: Findings) -> None:
    """Train the rows side by side; what each of them reached is in train.json, even if its time ran out."""
    steps = _steps(plan, limit)
    findings.note(f"{len(plan.rows)} runs of {steps} steps")
    if plan.dry:
        make_data(plan)
        for row in plan.rows:
            train_row(plan, row, steps)
    else:
        _train_side_by_side(plan, steps, limit)
    everything = {row: _outcome(plan, row) for row in plan.rows}
    (plan.out / "train.json").write_text(json.dumps(everything), encoding="utf-8")
    for row, outcome in everything.items():
        findings.note(f"{row}: {_describe(outcome)}")


def _steps(plan: Plan, limit: float) -> int:
    """As many as fit the time, from what the phase `step` measured; the runs share the GPU."""
    if plan.dry:
        return 2
    known = read_findings(plan.work / "step.json")
    alone = (known.get("trained 48") or {"ms": 40})["ms"]
    busy = known.get("trained, busy", {}).get("device_ms", alone)
    each = max(1.4 * busy * len(plan.rows), 1.5 * alone, 45)  # ms between two steps of one run
    return max(300, min(8000, int((limit - START_AND_END) / each * 1e3) // 50 * 50))


def _train_side_by_side(plan: Plan, steps: int, limit: float) -> None:
    script, processes = Path(__file__).resolve().parents[1] / "check.py", []
    for row in plan.rows:
        command = [sys.executable, str(script), *plan.arguments(), "--train-row", row, str(steps)]
        with (plan.work / f"{row}.log").open("w", encoding="utf-8") as log:
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | threads_each(1)))
    end = time.time() + limit - 8
    while time.time() < end and any(process.poll() is None for process in processes):
        time.sleep(1)
    for process in processes:
        process.terminate()


def train_row(plan: Plan, row: str, steps: int) -> None:
    """Train one experiment and evaluate it on val; the result is in the folder `work`."""
    data, run = grefcoco.load(plan.data), plan.work / "runs" / row
    begin = time.time()
    last = grisq.train(_preset(plan, row, steps), data, run, fresh=True, device=_device(plan), progress=False)
    seconds = time.time() - begin
    options = {"splits": ["val"], "keep_samples": ["val"], "batch": 64, "workers": 0 if plan.dry else 2}
    report = grisq.evaluate(last, plan.data, device=_device(plan), progress=False, **options)
    found = {"steps": steps, "train_seconds": round(seconds, 1), **report["results"]["val"]}
    found["samples"] = report["samples"]["val"]
    (plan.work / f"{row}.json").write_text(json.dumps(found), encoding="utf-8")


def _preset(plan: Plan, row: str, steps: int) -> Preset:
    chosen = find_experiment(row).configure(grisq.preset("tiny" if plan.dry else "small"))
    changes = {"steps": steps, "eval_every": max(steps // 4, 1), "eval_samples": 300, "checkpoint_every": 10**6}
    if plan.dry:
        changes |= {"workers": 0, "batch": 4, "eval_samples": 8, "eval_every": steps}
    else:
        changes |= {"workers": 2, "warmup": min(300, steps // 10)}
    side = {} if plan.dry else {"model.image_size": plan.side}
    return override(chosen, side | {f"train.{name}": value for name, value in changes.items()})


def _device(plan: Plan) -> str:
    return "cpu" if plan.dry else "auto"


def _outcome(plan: Plan, row: str) -> dict:
    """What a run reached: its evaluation if it finished, its history either way."""
    log, history = plan.work / f"{row}.log", plan.work / "runs" / row / "history.jsonl"
    found = read_findings(plan.work / f"{row}.json")
    if not found:
        found = {"log": log.read_text(encoding="utf-8")[-1500:] if log.is_file() else ""}
    if history.is_file():
        lines = [line for line in history.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
        records = [json.loads(line) for line in lines]
        found["train"] = [record for record in records if record["kind"] == "train"][::5]
        found["eval"] = [record for record in records if record["kind"] == "eval"]
    return found


def _describe(outcome: dict) -> str:
    finished = "protocols" in outcome
    metrics = outcome["protocols"]["rela"] if finished else (outcome.get("eval") or [{}])[-1]
    shown = ", ".join(f"{name} {metrics[name]:.1f}" for name in ("gIoU", "cIoU", "N-acc", "T-acc") if name in metrics)
    return f"{shown}; {'finished' if finished else 'cut off: ' + outcome.get('log', '')[-200:]}"
