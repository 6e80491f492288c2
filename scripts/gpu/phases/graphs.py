"""A whole training step of `tiny` as one CUDA graph; then the graphs of several models, each on its own stream."""

from collections.abc import Callable

import torch
import workload
from plan import Findings, Plan
from timing import median_seconds

from grisq.config import preset

BATCH, WORDS = preset("tiny").train.batch, 24


def run(plan: Plan, limit: float, findings: Findings) -> None:
    """Time a step launched one kernel at a time, the same as a graph, and 2 to 16 graphs at once."""
    if plan.device != "cuda":
        findings.note("graphs need a GPU")
        return
    graph, step = _captured(0)
    eager, replay = median_seconds(step, 15, "cuda"), median_seconds(graph.replay, 50, "cuda")
    findings.add("tiny", {"eager_ms": round(1e3 * eager, 2), "graph_ms": round(1e3 * replay, 3)})
    findings.note(f"tiny, batch {BATCH}, fp32: {1e3 * eager:.1f} ms a step, as a graph {1e3 * replay:.2f} ms")
    held = [(graph, torch.cuda.Stream())]
    for count in (2, 4, 8, 16):
        while len(held) < count:
            held.append((_captured(len(held))[0], torch.cuda.Stream()))
        seconds = median_seconds(lambda: _replay_all(held), 30, "cuda")
        speed = count * BATCH / seconds
        findings.add(f"{count} graphs", {"ms": round(1e3 * seconds, 2), "samples_s": round(speed)})
        findings.note(
            f"{count} models at once: {1e3 * seconds:.2f} ms for a step of each, {speed:.0f} samples/s in all"
        )


def _captured(seed: int) -> tuple[torch.cuda.CUDAGraph, Callable[[], None]]:
    """A graph of one training step of a new model, and the step itself."""
    torch.manual_seed(seed)
    config = preset("tiny").model
    batch = workload.random_batch(BATCH, config.image_size, WORDS, config.text.vocabulary, "cuda")
    model = workload.build_on(config, "cuda")
    rate = torch.tensor(8e-4, device="cuda")
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, fused=True, capturable=True)
    step = workload.training_step(model, batch, optimizer, clip=1.0)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # warm-up outside the default stream, as capturing asks
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph, step


def _replay_all(held: list[tuple[torch.cuda.CUDAGraph, torch.cuda.Stream]]) -> None:
    for graph, stream in held:
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            graph.replay()
    for _, stream in held:
        torch.cuda.current_stream().wait_stream(stream)
