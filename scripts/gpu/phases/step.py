"""The training step of `paper` as it is, with fixes, and without or with its own options; `small` and `tiny`."""

import time
from dataclasses import replace
from unittest import mock

import fixes
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
    """Measure as it is, without the Triton kernel, with the fixes, and with fused attention as well."""
    end = time.time() + limit
    chosen = models(plan)
    paper, size = chosen["paper"]

    def all_small(state: str) -> None:
        for name in ("small", "trained"):
            measure_step(plan, findings, f"{name} {chosen[name][1]}, {state}", *chosen[name], clip=1.0)

    measure_step(plan, findings, f"paper {size}, as it is", paper, size)
    _profile(plan, findings, "paper_as_it_is", paper, size)
    measure_step(plan, findings, f"paper {2 * size}, as it is", paper, 2 * size)
    all_small("as it is")
    _tiny(plan, findings, "as it is")
    with mock.patch.object(deformable_attention, "_cuda_kernel_for", return_value=None):
        measure_step(plan, findings, f"paper {size}, grid_sample", paper, size)
    findings.attempt("fixes", lambda: fixes.apply(*fixes.ALL))
    findings.add("fixes", list(fixes.ALL))
    measure_step(plan, findings, f"paper {size}, fixed", paper, size)
    paper = replace(paper, swin=replace(paper.swin, fused_attention=True))
    measure_step(plan, findings, f"paper {size}, fixed, fused attention", paper, size)
    measure_step(plan, findings, f"paper {2 * size}, fixed, fused attention", paper, 2 * size)
    all_small("fixed")
    _tiny(plan, findings, "fixed")
    if plan.device == "cuda" and time.time() < end - RESERVE:
        findings.attempt("busy", lambda: measure_busy_time(plan, findings, "trained, busy", *chosen["trained"]))
        _profile(plan, findings, "paper_fixed", paper, size)
        torch.set_float32_matmul_precision("high")
        measure_step(
            plan,
            findings,
            f"paper {size // 2}, fixed, fused attention, tf32",
            paper,
            size // 2,
            precision="fp32",
            rounds=4,
        )


def _profile(plan: Plan, findings: Findings, name: str, config: ModelConfig, size: int) -> None:
    if plan.device == "cuda":
        findings.attempt(name, lambda: store_profile(plan, findings, name, config, size))


def _tiny(plan: Plan, findings: Findings, state: str) -> None:
    size, config = (2, models(plan)["small"][0]) if plan.dry else (32, preset("tiny").model)
    measure_step(plan, findings, f"tiny {size}, {state}, fp32", config, size, precision="fp32", rounds=15, clip=1.0)
