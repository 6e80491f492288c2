"""The training step of `paper`: as it is, without the Triton kernel, with fused attention; `small` and `tiny`."""

import time
from dataclasses import replace
from unittest import mock

import torch
from plan import Findings, Plan
from timing import measure_busy_time, measure_step, store_profile

from grisq.config import ModelConfig, preset
from grisq.models.layers import deformable_attention

RESERVE = 15  # seconds that must be left for one more measurement


def models(plan: Plan) -> dict[str, tuple[ModelConfig, int]]:
    """Configuration and batch by name; in the dry mode all of them are `tiny` at 32 px with two samples."""
    paper, small, tiny = (preset(name).model for name in ("paper", "small", "tiny"))
    if plan.dry:
        least = replace(tiny, image_size=32, blocks=1)
        return {"paper": (replace(least, mask_mlp_at="full"), 2), "small": (least, 2), "trained": (least, 2)}
    return {"paper": (paper, 24), "small": (small, 48), "trained": (replace(small, image_size=plan.side), 48)}


def run(plan: Plan, limit: float, findings: Findings) -> None:
    """Measure every model as it is, `paper` also without the Triton kernel and with fused attention."""
    end = time.time() + limit
    chosen = models(plan)
    paper, size = chosen["paper"]
    measure_step(plan, findings, f"paper {size}", paper, size)
    _profile(plan, findings, "paper", paper, size)
    measure_step(plan, findings, f"paper {2 * size}", paper, 2 * size)
    for name in ("small", "trained"):
        measure_step(plan, findings, f"{name} {chosen[name][1]}", *chosen[name], clip=1.0)
    whole = preset("tiny")
    tiny, few = (chosen["small"][0], 2) if plan.dry else (whole.model, whole.train.batch)
    measure_step(plan, findings, f"tiny {few}, fp32", tiny, few, precision="fp32", rounds=15, clip=1.0)
    with mock.patch.object(deformable_attention, "_cuda_kernel_for", return_value=None):
        measure_step(plan, findings, f"paper {size}, grid_sample", paper, size)
    fused = replace(paper, swin=replace(paper.swin, fused_attention=True))
    for samples in (size, 2 * size):
        measure_step(plan, findings, f"paper {samples}, fused attention", fused, samples)
    if plan.device == "cuda" and time.time() < end - RESERVE:
        findings.attempt("busy", lambda: measure_busy_time(plan, findings, "trained, busy", *chosen["trained"]))
        _profile(plan, findings, "paper_fused", fused, size)
        torch.set_float32_matmul_precision("high")
        half = size // 2
        name = f"paper {half}, fused attention, tf32"
        measure_step(plan, findings, name, fused, half, precision="fp32", rounds=4)


def _profile(plan: Plan, findings: Findings, name: str, config: ModelConfig, size: int) -> None:
    if plan.device == "cuda":
        findings.attempt(name, lambda: store_profile(plan, findings, name, config, size))
