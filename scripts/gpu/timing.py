"""Clocks, peak memory and profiles of training steps."""

import gc
import json
import statistics
import time
from collections.abc import Callable

import torch
import workload
from plan import Findings, Plan
from torch.profiler import ProfilerActivity, profile

from grisq.config import ModelConfig

WARM_UP = 2  # calls before the clock starts


def median_seconds(run: Callable[[], object], rounds: int, device: str) -> float:
    """Median time of one call; on a GPU by events on its stream."""
    if device == "cpu":
        return statistics.median(_wall_seconds(run) for _ in range(rounds))
    for _ in range(WARM_UP):
        run()
    return statistics.median(_event_seconds(run) for _ in range(rounds))


def _wall_seconds(run: Callable[[], object]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def _event_seconds(run: Callable[[], object]) -> float:
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    run()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3


def measure_step(
    plan: Plan,
    findings: Findings,
    name: str,
    config: ModelConfig,
    size: int,
    *,
    precision: str = "bf16",
    rounds: int = 6,
    clip: float | None = None,
) -> None:
    """Time training steps of a new model and store milliseconds, samples a second and peak memory under the name.

    Args:
        plan: Where to run; the dry mode takes one round.
        findings: Where the numbers go.
        name: Of this measurement.
        config: The model.
        size: Samples in the batch.
        precision: "bf16" or "fp32".
        rounds: Steps that are timed.
        clip: Largest norm of the gradient, None to leave it.
    """
    gc.collect()
    on_gpu = plan.device == "cuda"
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()

    def run() -> None:
        step = workload.step_of(config, size, precision, plan.device, clip)
        seconds = median_seconds(step, rounds if on_gpu else 1, plan.device)
        peak = torch.cuda.max_memory_allocated() / 1e9 if on_gpu else 0.0
        entry = {"ms": round(1e3 * seconds, 2), "samples_s": round(size / seconds, 1), "peak_GB": round(peak, 2)}
        findings.add(name, entry)
        findings.note(f"{name}: {entry['ms']} ms a step, {entry['samples_s']} samples/s, peak {peak:.1f} GB")

    findings.attempt(name, run)


def store_profile(plan: Plan, findings: Findings, name: str, config: ModelConfig, size: int) -> None:
    """Write the sixty operations and kernels that take most of a step to profile_NAME.json. On a GPU only."""
    step = workload.step_of(config, size, "bf16", plan.device)
    rows = sorted(_profiled(step, 2), key=lambda event: -event.self_device_time_total)
    table = [
        [event.key[:90], round(event.self_device_time_total / 2e3, 3), event.count // 2]
        for event in rows[:60]
        if event.self_device_time_total
    ]
    document = {"columns": ["operation or kernel", "ms a step", "calls a step"], "rows": table}
    (plan.out / f"profile_{name}.json").write_text(json.dumps(document, indent=0), encoding="utf-8")
    findings.note(f"{name}: most time in " + "; ".join(f"{key[:40]} {ms:.1f} ms x{n}" for key, ms, n in table[:6]))


def measure_busy_time(plan: Plan, findings: Findings, name: str, config: ModelConfig, size: int) -> None:
    """Store for how many milliseconds of a step the GPU works: what counts where several processes share it."""
    step = workload.step_of(config, size, "bf16", plan.device, clip=1.0)
    milliseconds = sum(event.self_device_time_total for event in _profiled(step, 3)) / 3e3
    findings.add(name, {"device_ms": round(milliseconds, 2)})
    findings.note(f"{name}: the GPU works {milliseconds:.1f} ms of a step")


def _profiled(step: Callable[[], None], rounds: int) -> list:
    for _ in range(WARM_UP):
        step()
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
        for _ in range(rounds):
            step()
        torch.cuda.synchronize()
    return list(seen.key_averages())
