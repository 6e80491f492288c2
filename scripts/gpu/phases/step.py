"""The training step of `paper` as it is and fix by fix; `small` and `tiny` before and after."""

import time
from dataclasses import replace

import fixes
import torch
from plan import Findings, Plan
from timing import measure_busy_time, measure_step, store_profile

from grisq.config import ModelConfig, preset

GROUPS = (("syncs", "spread"), ("triton",), ("qkv",), ("sdpa",))  # patches pile up in this order
RESERVE = 15  # seconds that must be left to measure one more group


def models(plan: Plan) -> dict[str, tuple[ModelConfig, int]]:
    """Configuration and batch by name; in the dry mode all of them are `tiny` at 32 px with two samples."""
    paper, small, tiny = (preset(name).model for name in ("paper", "small", "tiny"))
    if plan.dry:
        least = replace(tiny, image_size=32, blocks=1)
        return {"paper": (replace(least, mask_mlp_at="full"), 2), "small": (least, 2), "trained": (least, 2)}
    return {"paper": (paper, 24), "small": (small, 48), "trained": (replace(small, image_size=plan.side), 48)}


def run(plan: Plan, limit: float, findings: Findings) -> None:
    """Measure as it is, then with one group of fixes after the other."""
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
    applied: list[str] = []
    for group in GROUPS:
        if plan.dry and group == ("triton",):
            continue
        if time.time() > end - RESERVE:
            findings.note(f"no time for {'+'.join(group)}")
            break
        findings.attempt("+".join(group), lambda group=group: fixes.apply(*group))
        applied += group
        measure_step(plan, findings, f"paper {size}, +{'+'.join(group)}", paper, size)
    findings.add("fixes", applied)
    measure_step(plan, findings, f"paper {2 * size}, fixed", paper, 2 * size)
    all_small("fixed")
    _tiny(plan, findings, "fixed")
    if plan.device == "cuda" and time.time() < end - RESERVE:
        findings.attempt("busy", lambda: measure_busy_time(plan, findings, "trained, busy", *chosen["trained"]))
        _profile(plan, findings, "paper_fixed", paper, size)
        torch.set_float32_matmul_precision("high")
        measure_step(plan, findings, f"paper {size // 2}, fixed, tf32", paper, size // 2, precision="fp32", rounds=4)


def _profile(plan: Plan, findings: Findings, name: str, config: ModelConfig, size: int) -> None:
    if plan.device == "cuda":
        findings.attempt(name, lambda: store_profile(plan, findings, name, config, size))


def _tiny(plan: Plan, findings: Findings, state: str) -> None:
    size, config = (2, models(plan)["small"][0]) if plan.dry else (32, preset("tiny").model)
    measure_step(plan, findings, f"tiny {size}, {state}, fp32", config, size, precision="fp32", rounds=15, clip=1.0)
