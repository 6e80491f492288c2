"""grisq: generalized referring image segmentation with a target query.

Reference implementation of "Improving Target Presence and Plurality Recognition for Generalized Referring
Image Segmentation" (Kim, Lee, Kwak), written to be read in the order of the notebooks.

What most programs need is here; each name is loaded on first use, so that `import grisq` stays fast:

    Segmenter, Prediction   a trained model at work: a picture and an expression in, a mask out
    load_dataset            a folder in gRefCOCO's layout, or a preset's synthetic set
    preset                  a complete configuration by name
    train, evaluate         a training run; a trained model measured on a data set
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grisq.config import preset
    from grisq.data.catalog import load_dataset
    from grisq.evaluation.checkpoints import evaluate_checkpoint as evaluate
    from grisq.inference.prediction import Prediction
    from grisq.inference.segmenter import Segmenter
    from grisq.training.trainer import train

__version__ = "0.1.0"
__all__ = ["Prediction", "Segmenter", "evaluate", "load_dataset", "preset", "train"]

_HOMES = {
    "Prediction": ("grisq.inference.prediction", "Prediction"),
    "Segmenter": ("grisq.inference.segmenter", "Segmenter"),
    "evaluate": ("grisq.evaluation.checkpoints", "evaluate_checkpoint"),
    "load_dataset": ("grisq.data.catalog", "load_dataset"),
    "preset": ("grisq.config", "preset"),
    "train": ("grisq.training.trainer", "train"),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'grisq' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
