"""The training step of every system of Table 1 at its published size, on drawings of one small set."""

import gc
import time
from functools import cache

import torch
import workload
from plan import Findings, Plan
from timing import median_seconds
from torch import nn

from grisq.config import ModelConfig, override, preset
from grisq.data import grefcoco
from grisq.data.sample import Batch, Collate, SampleReader
from grisq.data.synthetic.generate import generate
from grisq.data.synthetic.specs import SPECS
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.models.base import count_parameters
from grisq.models.registry import SYSTEMS, build_model

BATCH, BATCH_OF_LARGE = 12, 4
LARGE = ("lisa", "gsva")  # with a language model of seven billion parameters
RESERVE = 30  # seconds that must be left for one more system
BATCH_OF_DRY = 4


def run(plan: Plan, limit: float, findings: Findings) -> None:
    """Time a step of each system in bf16, and store its peak memory; the largest systems come last."""
    end = time.time() + limit
    for name in sorted(SYSTEMS, key=lambda name: (name in LARGE, name)):
        if time.time() > end - RESERVE:
            findings.note(f"{name}: no time left")
            continue
        findings.attempt(name, lambda name=name: _measure(plan, findings, name))


def _measure(plan: Plan, findings: Findings, name: str) -> None:
    whole = override(preset("tiny" if plan.dry else "paper"), {"model.system": name})
    config = whole.model
    gc.collect()
    if plan.device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    with torch.device(plan.device):
        model = build_model(config).train()
    size = BATCH_OF_DRY if plan.dry else BATCH_OF_LARGE if name in LARGE else BATCH
    step = _step(model, _batch(plan, config, size).to(plan.device))
    seconds = median_seconds(step, 1 if plan.dry else 5, plan.device)
    peak = torch.cuda.max_memory_allocated() / 1e9 if plan.device == "cuda" else 0.0
    found = {
        "parameters": count_parameters(model),
        "batch": size,
        "side": config.image_size,
        "ms": round(1e3 * seconds, 1),
    }
    findings.add(name, found | {"samples_s": round(size / seconds, 1), "peak_GB": round(peak, 2)})
    findings.note(
        f"{name}: {size} samples of {config.image_size} px, {1e3 * seconds:.0f} ms a step, peak {peak:.1f} GB"
    )


def _step(model: nn.Module, batch: Batch):
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=1e-6, fused=True)
    return workload.training_step(model, batch, optimizer, precision="bf16")


def _batch(plan: Plan, config: ModelConfig, size: int) -> Batch:
    """Expressions of a few pictures in turn, each picture's together, enlarged to the canvas."""
    data = _drawings(plan)
    tokenizer = ExpressionTokenizer.train(data.expressions["text"].to_pylist(), 264)
    reader = SampleReader(data, tokenizer, config.image_size, config.text.max_tokens, with_instances=True)
    rows = [int(data.rows("train")[index]) for index in range(size)]
    return Collate(tokenizer.pad_id)([reader.read(row) for row in rows])


@cache
def _drawings(plan: Plan) -> grefcoco.GRefCOCO:
    return grefcoco.load(generate(SPECS["mini"], plan.work / "mini", workers=1, progress=False))
