"""What a prediction is worth under named rules (Sec. 4.1): `grisq.evaluation.score(predictions, data)`."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grisq.evaluation.metrics import GRISMetrics
    from grisq.evaluation.scoring.score import score

__all__ = ["GRISMetrics", "score"]

_HOMES = {"GRISMetrics": "grisq.evaluation.metrics", "score": "grisq.evaluation.scoring.score"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'grisq.evaluation' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
