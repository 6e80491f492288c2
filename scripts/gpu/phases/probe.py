"""Does the package import here, on what card, and how fast are the card's copies and products?"""

import time
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from plan import Findings, Plan

MODULES = (
    "torch",
    "numba",
    "pycocotools",
    "msgspec",
    "resvg_py",
    "accelerate",
    "grisq.models",
    "grisq.training.trainer",
)
PACKAGES = ("torch", "triton", "timm", "transformers", "accelerate", "tokenizers", "numpy", "numba", "torchmetrics")
PACKAGE = MODULES[-1]  # whose import decides whether the other phases start


def run(plan: Plan, limit: float, findings: Findings) -> None:
    """Import what a training imports, store versions, and on a GPU measure its two ceilings."""
    seconds = {name: _import_seconds(name) for name in MODULES}
    findings.add("import seconds", seconds)
    findings.note("imports: " + ", ".join(f"{name} {value}" for name, value in seconds.items()))
    findings.add("versions", {name: _version(name) for name in PACKAGES})
    if plan.device == "cuda":
        findings.attempt("card", lambda: _measure_card(findings))


def _import_seconds(name: str) -> float | str:
    """Seconds of the import, or the error as text."""
    begin = time.time()
    try:
        import_module(name)
    except Exception as error:  # the report says which import failed and how
        return f"{type(error).__name__}: {error}"
    return round(time.time() - begin, 2)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _measure_card(findings: Findings) -> None:
    import torch
    from timing import median_seconds

    memory = torch.cuda.get_device_properties(0).total_memory / 1e9
    findings.add("card", {"name": torch.cuda.get_device_name(), "memory_GB": round(memory, 1)})
    source = torch.randint(0, 255, (2 << 30,), dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    copy = 2 * source.numel() / median_seconds(lambda: target.copy_(source), 10, "cuda") / 1e12
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    product = 2 * 8192**3 / median_seconds(lambda: a @ b, 10, "cuda") / 1e12
    findings.add("ceilings", {"copy_TB_s": round(copy, 3), "bf16_TFLOP_s": round(product, 1)})
    findings.note(f"{torch.cuda.get_device_name()}, {memory:.1f} GB, torch {torch.__version__}")
    findings.note(f"copy {copy:.2f} TB/s, bf16 product {product:.0f} TFLOP/s")
